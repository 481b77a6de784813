"""Normal scores: the monotone map of a sample to N(0, 1), as a table with equidistant scores."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError

__all__ = ["REACH", "NormalScore", "weighted_quantiles"]

REACH: Final = 4.5
"""Scores at the smallest and largest value of a sample."""


def weighted_quantiles(
    sample: NDArray[Any], weights: NDArray[Any], levels: NDArray[Any]
) -> NDArray[np.float64]:
    """Quantiles of a weighted sample (n,) at `levels`; negative weights (sWeights) are allowed.

    The cumulative sum of signed weights may fall here and there; the mean of its two monotone envelopes is
    inverted. The ends are those of the values with a weight.

    Raises
    ------
    ConfigurationError
        If the weights do not sum to a positive number.
    """
    total = float(np.sum(weights, dtype=np.float64))
    if not total > 0:
        raise ConfigurationError(f"weights must sum to a positive number, but sum to {total:g}")
    order = np.argsort(sample, kind="stable")
    x, w = np.asarray(sample, np.float64)[order], np.asarray(weights, np.float64)[order]
    x, w = x[w != 0], w[w != 0]
    middle = (np.cumsum(w) - 0.5 * w) / total
    rising, falling = np.maximum.accumulate(middle), np.minimum.accumulate(middle[::-1])[::-1]
    position = np.maximum.accumulate(0.5 * (rising + falling))
    found = np.interp(levels, position, x)
    found[np.asarray(levels) <= 0], found[np.asarray(levels) >= 1] = x[0], x[-1]
    return found


@dataclass(frozen=True)
class NormalScore:
    """Piecewise linear map between values and normal scores.

    Attributes
    ----------
    values, scores : arrays (knots,)
        Strictly increasing; ``values`` are the sample's quantiles at Φ(``scores``).
    """

    values: NDArray[np.float32]
    scores: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        sample: NDArray[Any],
        *,
        knots: int = 97,
        reach: float = REACH,
        weights: NDArray[Any] | None = None,
    ) -> NormalScore:
        """Fit to a sample (n,): `knots` equidistant scores on ±`reach`; repeated values share one knot.

        Raises
        ------
        ConfigurationError
            If the sample is constant or not finite, or the weights do not sum to a positive number.
        """
        if not np.isfinite(sample).all():
            raise ConfigurationError(
                "a sample must be finite to have normal scores, but it holds NaN or infinity"
            )
        scores = np.linspace(-reach, reach, knots)
        levels = [NormalDist().cdf(s) for s in scores]
        levels[0], levels[-1] = 0.0, 1.0
        if weights is None:
            values = np.quantile(np.asarray(sample, np.float64), levels).astype(np.float32)
        else:
            values = weighted_quantiles(sample, weights, np.array(levels)).astype(np.float32)
        values, first = np.unique(values, return_index=True)
        if len(values) < 2:
            raise ConfigurationError(
                f"a sample must vary to have normal scores, but all values are {values[0]}"
            )
        return cls(values, scores[first].astype(np.float32))

    def forward(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Scores of values; outside of the sample's range the scores at its ends."""
        return np.interp(values, self.values, self.scores)

    def inverse(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Values with these scores."""
        return np.interp(scores, self.scores, self.values)

    @staticmethod
    def tables(
        scores: list[NormalScore], inverse: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Abscissae and ordinates (columns, knots) of several maps for the graph's ``interpolate``.

        Maps with fewer knots are extended by knots beyond their end, which never matter.
        """
        knots = max(len(s.values) for s in scores)
        rows = []
        for s in scores:
            x, y = (s.scores, s.values) if inverse else (s.values, s.scores)
            extra = knots - len(x)
            step = np.maximum(np.abs(x[-1]), 1) * np.arange(1, extra + 1, dtype=np.float32)
            rows.append((np.concatenate([x, x[-1] + step]), np.concatenate([y, np.repeat(y[-1:], extra)])))
        return np.stack([r[0] for r in rows]), np.stack([r[1] for r in rows])

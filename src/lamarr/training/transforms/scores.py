"""Normal scores with point masses: quantile → N(0, 1) for the continuum, islands for repeated values.

A DLL of tracks below threshold, the likelihood of tracks without muon hits, a ProbNN at exactly 0 or 1:
one value takes a finite share of the rows. Such a value becomes a narrow Gaussian island beyond the range
of the continuum's scores, which a density can give its own, condition-dependent, weight. The way back is
one table: beyond the midpoint between continuum and island there is the value, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.training.scores import NormalScore
from lamarr.training.transforms.base import Array, Transform, numbers
from lamarr.transpile import GraphBuilder, Value
from lamarr.transpile.special import normal_quantile

__all__ = ["Column", "Scores", "find_masses"]

ISLAND_WIDTH: Final = 0.25
"""Standard deviation of an island."""

ISLAND_GAP: Final = 8 * ISLAND_WIDTH
"""Distance of two islands; the border to the next one is four standard deviations away."""

_HAIR: Final = 4e-7
"""Relative width of a step in a table: a few units in the last place of float32."""


def find_masses(
    sample: Array, weights: Array | None = None, *, share: float = 0.005, most: int = 4
) -> list[float]:
    """Values that at least `share` of the sample (n,) has, and ten times as often as is usual for a value.

    The second condition tells the masses of a continuum from the values of an integer. The `most`
    frequent ones are returned, in increasing order.
    """
    values, at = np.unique(np.asarray(sample, np.float32), return_inverse=True)
    total = np.bincount(at, weights, len(values)) if weights is not None else np.bincount(at).astype(float)
    if not total.sum() > 0:
        return []  # whoever fits to such weights refuses them
    part = total / total.sum()
    candidates = np.flatnonzero((part >= share) & (part >= 10 * np.median(part)))
    best = candidates[np.argsort(-part[candidates], kind="stable")][:most]
    return sorted(float(values[k]) for k in best)


@dataclass(frozen=True)
class Column:
    """Scores of one column: the continuum's, and the centres of the islands of its masses."""

    score: NormalScore
    masses: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls,
        sample: Array,
        weights: Array | None = None,
        *,
        masses: Sequence[float] | None = None,
        knots: int = 129,
        reach: float = 4.0,
    ) -> Column:
        """Fit to a sample (n,); `masses` are found if they are not given."""
        sample = np.asarray(sample, np.float32)
        if not np.isfinite(sample).all():
            raise ConfigurationError("a sample must be finite to have normal scores, but it holds NaN")
        masses = find_masses(sample, weights) if masses is None else masses
        rest = ~np.isin(sample, np.asarray(masses, np.float32))
        w = None if weights is None else weights[rest]
        if masses and len(np.unique(sample[rest][:1000])) < 2:
            raise ConfigurationError(
                f"a sample must have more than its masses {list(masses)} to have normal scores"
            )
        score = NormalScore.fit(sample[rest] if masses else sample, knots=knots, reach=reach, weights=w)
        return cls(score, tuple(float(np.float32(m)) for m in masses))

    def islands(self) -> dict[float, float]:
        """Centre of the island of each mass, on the side where the mass lies."""
        middle = float(np.interp(0.0, self.score.scores, self.score.values))
        reach = float(np.abs(self.score.scores).max())
        low = sorted((m for m in self.masses if m <= middle), reverse=True)
        high = sorted(m for m in self.masses if m > middle)
        first = reach + ISLAND_GAP / 2 + ISLAND_WIDTH
        centres = {m: -(first + k * ISLAND_GAP) for k, m in enumerate(low)}
        return centres | {m: first + k * ISLAND_GAP for k, m in enumerate(high)}

    def borders(self) -> tuple[float, float]:
        """Scores between which the continuum lies; infinite where no island is beyond."""
        reach = float(np.abs(self.score.scores).max())
        centres = list(self.islands().values())
        low = max((c for c in centres if c < 0), default=-np.inf)
        high = min((c for c in centres if c > 0), default=np.inf)
        return min(low + ISLAND_GAP / 2, -reach), max(high - ISLAND_GAP / 2, reach)

    def forward(self, x: Array, uniform: Array | None) -> NDArray[np.float64]:
        """Scores of values (n,)."""
        z = np.asarray(self.score.forward(x))
        x32 = np.asarray(x, np.float32)
        for mass, centre in self.islands().items():
            at = x32 == np.float32(mass)
            z[at] = centre
            if uniform is not None:
                spread = normal_quantile(np.clip(np.asarray(uniform[at], np.float64), 1e-4, 1 - 1e-4))
                z[at] += ISLAND_WIDTH * spread
        return z

    def back(self) -> NormalScore:
        """Table of the way back, with the steps to the islands."""
        scores, values = [self.score.scores.astype(float)], [self.score.values.astype(float)]
        reach = float(np.abs(self.score.scores).max())
        for mass, centre in sorted(self.islands().items(), key=lambda m: abs(m[1])):
            side = 1 if centre > 0 else -1
            edge = side * max(abs(centre) - ISLAND_GAP / 2, reach)
            # the flat end makes the value exact: an interpolation rounds at its last knot
            step = np.array([edge, edge + side * _HAIR * abs(edge), edge + side * _HAIR * 2 * abs(edge)])
            last = values[-1][-1] if side > 0 else values[0][0]
            if side > 0:
                scores.append(step)
                values.append(np.array([last, mass, mass]))
            else:
                scores.insert(0, step[::-1])
                values.insert(0, np.array([mass, mass, last]))
        x, first = np.unique(np.concatenate(scores).astype(np.float32), return_index=True)
        return NormalScore(np.concatenate(values).astype(np.float32)[first], x)

    def there(self) -> NormalScore:
        """Table of the way there: a spike of three knots at each mass, to the centre of its island."""
        x, z = self.score.values.astype(np.float64), self.score.scores.astype(np.float64)
        spread = float(x[-1] - x[0])
        for mass, centre in self.islands().items():
            hair = 4 * float(np.spacing(np.float32(max(abs(mass), 1e-3 * spread))))
            spike = np.array([mass - hair, mass, mass + hair])
            level = np.interp(spike, x, z)
            level[1] = centre
            outside = (x < spike[0]) | (x > spike[2])
            x, z = np.concatenate([x[outside], spike]), np.concatenate([z[outside], level])
            order = np.argsort(x, kind="stable")
            x, z = x[order], z[order]
        values, first = np.unique(x.astype(np.float32), return_index=True)
        return NormalScore(values, z[first].astype(np.float32))


class Scores(Transform):
    """Normal scores of several columns, each with its masses.

    Parameters
    ----------
    columns : sequence of Column
    """

    kind = "scores"

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns, self.width = tuple(columns), len(columns)
        self._back = [c.back() for c in self.columns]

    @classmethod
    def fit(cls, sample: Array, weights: Array | None = None, **options: Any) -> Scores:
        """Fit to a sample (n, width), weighted or not; `options` as those of :meth:`Column.fit`."""
        return cls([Column.fit(sample[:, j], weights, **options) for j in range(sample.shape[1])])

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:
        """Return normal scores of columns (n, width)."""
        return np.stack(
            [
                c.forward(x[:, j], None if uniform is None else uniform[:, j])
                for j, c in enumerate(self.columns)
            ],
            axis=1,
        )

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Values with these scores."""
        return np.stack([np.interp(z[:, j], t.scores, t.values) for j, t in enumerate(self._back)], axis=1)

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append one table lookup."""
        at, level = NormalScore.tables([c.there() for c in self.columns])
        return b.add("interpolate", x, x=at, y=level)

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append one table lookup."""
        at, level = NormalScore.tables(self._back, inverse=True)
        return b.add("interpolate", z, x=at, y=level)

    def settings(self) -> dict[str, Any]:
        """Knots and masses of each column."""
        return {
            "columns": [
                {
                    "values": numbers(c.score.values),
                    "scores": numbers(c.score.scores),
                    "masses": list(c.masses),
                }
                for c in self.columns
            ]
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Scores:
        """Rebuild."""
        return cls(
            [
                Column(
                    NormalScore(np.array(c["values"], np.float32), np.array(c["scores"], np.float32)),
                    tuple(c["masses"]),
                )
                for c in settings["columns"]
            ]
        )

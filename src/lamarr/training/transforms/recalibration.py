"""Recalibrated scores: after a training, drawn scores get the distribution that the sample's have.

A density that is learned by maximum likelihood is nearly right everywhere, but its far tails are hardly
worth a loss: a thousandth of the rows may well become two thousandths. One monotone table per column takes
the quantiles of what the trained model draws, over all conditions of the sample, to those of the sample.
How the output depends on conditions, and on other outputs, stays as it was learned; so do point masses,
whose islands the table leaves alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.training.scores import NormalScore, weighted_quantiles
from lamarr.training.transforms.base import Array, Transform, numbers
from lamarr.training.transforms.compose import Chain, Parallel
from lamarr.training.transforms.scores import Column, Scores
from lamarr.transpile import GraphBuilder, Value
from lamarr.transpile.special import normal_cdf

__all__ = ["Recalibration", "recalibrated"]

SMALLEST: Final = 200
"""Rows of a continuum that a table needs."""

_STEP: Final = 1e-5


class Recalibration(Transform):
    """A monotone table for each column; ``inverse`` takes drawn scores to those of the sample.

    Parameters
    ----------
    tables : sequence of NormalScore
        ``scores`` are those that are drawn, ``values`` what they become.
    """

    kind = "recalibration"

    def __init__(self, tables: Sequence[NormalScore]) -> None:
        self.tables, self.width = tuple(tables), len(tables)

    @classmethod
    def fit(cls, scores: Scores, drawn: Array, true: Array, weights: Array | None = None) -> Recalibration:
        """Fit to drawn (m, width) and true scores (n, width); both repeat the same rows equally often."""
        tables = []
        for j, column in enumerate(scores.columns):
            repeats = len(drawn) // len(true)
            w = None if weights is None else np.tile(weights, repeats)
            tables.append(_table(column, drawn[:, j], true[:, j], w, weights))
        return cls(tables)

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Scores as the model draws them."""
        return np.stack([t.forward(x[:, j]) for j, t in enumerate(self.tables)], axis=1)

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Scores as the sample has them."""
        return np.stack([t.inverse(z[:, j]) for j, t in enumerate(self.tables)], axis=1)

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append one table lookup."""
        at, level = NormalScore.tables(list(self.tables))
        return b.add("interpolate", x, x=at, y=level)

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append one table lookup."""
        at, level = NormalScore.tables(list(self.tables), inverse=True)
        return b.add("interpolate", z, x=at, y=level)

    def settings(self) -> dict[str, Any]:
        """Knots of each column."""
        return {"tables": [{"values": numbers(t.values), "scores": numbers(t.scores)} for t in self.tables]}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Recalibration:
        """Rebuild."""
        pairs = [
            (np.array(t["values"], np.float32), np.array(t["scores"], np.float32)) for t in settings["tables"]
        ]
        return cls([NormalScore(*pair) for pair in pairs])


def _quantiles(z: Array, levels: Array, weights: Array | None) -> Array:
    return np.quantile(z, levels) if weights is None else weighted_quantiles(z, weights, levels)


def _table(
    column: Column, drawn: Array, true: Array, w_drawn: Array | None, w_true: Array | None
) -> NormalScore:
    """Quantiles of the continuum against those that are drawn; beyond its borders every score stays."""
    low, high = column.borders()
    far = float(max(np.abs(drawn).max(), np.abs(true).max())) + 1.0
    inside = [(z > low) & (z < high) for z in (drawn, true)]
    if min(int(i.sum()) for i in inside) < SMALLEST:
        return NormalScore(np.array([-far, far], np.float32), np.array([-far, far], np.float32))
    levels = np.asarray(normal_cdf(column.score.scores.astype(np.float64)))
    levels[0], levels[-1] = 0.0, 1.0
    x, y = (
        _quantiles(z[i], levels, None if w is None else w[i])
        for z, i, w in zip((drawn, true), inside, (w_drawn, w_true), strict=True)
    )
    # scores stay on their side of a border
    x = np.clip(
        x, low + _STEP if np.isfinite(low) else -np.inf, high - _STEP if np.isfinite(high) else np.inf
    )
    ends = ([-far, low] if np.isfinite(low) else [], [high, far] if np.isfinite(high) else [])
    x, y = (np.concatenate([ends[0], v, ends[1]]).astype(np.float32) for v in (x, y))
    # of knots at one place the last one counts below the middle, and the first one above it
    at, first = np.unique(x, return_index=True)
    return NormalScore(np.maximum.accumulate(y[first]), at)


def recalibrated(transform: Transform, drawn: Array, true: Array, weights: Array | None = None) -> Transform:
    """Return `transform` with recalibrated normal scores; columns that have none, or are rotated, stay.

    Parameters
    ----------
    drawn, true : arrays (m, width), (n, width)
        Targets as the model draws them and as the sample has them, for the same rows; m is a multiple of n.
    weights : array (n,), optional
    """
    if isinstance(transform, Scores):
        return Chain([transform, Recalibration.fit(transform, drawn, true, weights)])
    if isinstance(transform, Chain):
        *first, last = transform.steps
        return Chain([*first, recalibrated(last, drawn, true, weights)])
    if isinstance(transform, Parallel):
        return Parallel(
            [
                (columns, recalibrated(part, drawn[:, columns], true[:, columns], weights))
                for columns, part in transform.parts
            ]
        )
    return transform

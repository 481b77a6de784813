"""Integers as normal scores: each value owns an interval of scores in which its rows are spread evenly.

References
----------
B. Uria, I. Murray, H. Larochelle, RNADE (2013), arXiv:1306.0186, section 5.1 (uniform dequantisation)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.training.scores import NormalScore
from lamarr.training.transforms.base import Array, Transform, numbers
from lamarr.transpile import GraphBuilder, Value
from lamarr.transpile.special import normal_cdf, normal_quantile

__all__ = ["Levels"]

_HAIR: Final = 4e-7
_REACH: Final = 4.5
_MOST: Final = 4096


class Levels(Transform):
    """Scores Φ⁻¹(F(v−) + u P(v)) of values v with probabilities P(v).

    Parameters
    ----------
    values : sequence of array (levels,)
        The values of each column, increasing.
    edges : sequence of array (levels − 1,)
        Scores at which one value gives way to the next, increasing.
    """

    kind = "levels"

    def __init__(self, values: Sequence[Array], edges: Sequence[Array]) -> None:
        self.values, self.edges, self.width = list(values), list(edges), len(values)

    @classmethod
    def fit(cls, sample: Array, weights: Array | None = None) -> Levels:
        """Fit to a sample (n, width).

        Raises
        ------
        ConfigurationError
            If a column is constant, or has more than 4096 values.
        """
        values, edges = [], []
        for x in np.asarray(sample, np.float32).T:
            v, at = np.unique(x, return_inverse=True)
            if not 2 <= len(v) <= _MOST:
                raise ConfigurationError(f"levels must be 2 to {_MOST} values, but the sample has {len(v)}")
            total = np.bincount(at, weights, len(v)).astype(float)
            total = np.maximum(total, 0)
            below = np.cumsum(total)[:-1] / total.sum()
            edge = np.clip(normal_quantile(np.clip(below, 1e-9, 1 - 1e-9)), -_REACH, _REACH)
            keep = np.concatenate([np.diff(edge) > 4 * _HAIR * _REACH, [True]])  # levels without weight
            values.append(np.concatenate([v[:-1][keep], v[-1:]]))
            edges.append(edge[keep])
        return cls(values, edges)

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:
        """Scores; without `uniform` those in the middle of the probability of each value."""
        u = np.full(np.shape(x), 0.5) if uniform is None else np.asarray(uniform)
        out = np.empty(np.shape(x))
        for j, (v, e) in enumerate(zip(self.values, self.edges, strict=True)):
            p = np.concatenate([[0.0], normal_cdf(e), [1.0]])
            k = np.clip(np.searchsorted(v, np.asarray(x[:, j], np.float32)), 0, len(v) - 1)
            inside = np.clip(p[k] + u[:, j] * (p[k + 1] - p[k]), 1e-9, 1 - 1e-9)
            low, high = np.concatenate([[-_REACH - 1], e])[k], np.concatenate([e, [_REACH + 1]])[k]
            margin = 0.02 * np.minimum(high - low, 1)
            out[:, j] = np.clip(normal_quantile(inside), low + margin, high - margin)
        return out

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Values whose interval holds the score."""
        columns = zip(self.values, self.edges, strict=True)
        return np.stack([v[np.searchsorted(e, z[:, j])].astype(float) for j, (v, e) in enumerate(columns)], 1)

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append a table lookup: values to the middle of their probability."""
        middle = [self._middle(j) for j in range(self.width)]
        tables = [
            NormalScore(v.astype(np.float32), m.astype(np.float32))
            for v, m in zip(self.values, middle, strict=True)
        ]
        at, level = NormalScore.tables(tables)
        return b.add("interpolate", x, x=at, y=level)

    def _middle(self, j: int) -> Array:
        rows = np.zeros((len(self.values[j]), self.width))
        rows[:, j] = self.values[j]
        return self.forward(rows)[:, j]

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append a table lookup: a staircase, whose steps are a few float32 wide."""
        tables = []
        for v, e in zip(self.values, self.edges, strict=True):
            hair = _HAIR * np.maximum(np.abs(e), 1)
            x = np.concatenate([np.stack([e - hair, e + hair], axis=1).ravel(), [e[-1] + 1]])
            y = np.concatenate([np.stack([v[:-1], v[1:]], axis=1).ravel(), v[-1:]])  # exact at its end
            tables.append(NormalScore(y.astype(np.float32), x.astype(np.float32)))
        at, level = NormalScore.tables(tables, inverse=True)
        return b.add("interpolate", z, x=at, y=level)

    def settings(self) -> dict[str, Any]:
        """Values and edges."""
        return {"values": [numbers(v) for v in self.values], "edges": [numbers(e) for e in self.edges]}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Levels:
        """Rebuild."""
        return cls(
            [np.array(v, np.float32) for v in settings["values"]], [np.array(e) for e in settings["edges"]]
        )

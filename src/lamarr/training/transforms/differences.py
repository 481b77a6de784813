"""Columns as differences to others: where two are often equal, their difference is often zero, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.training.transforms.base import Array, Transform
from lamarr.transpile import GraphBuilder, Value

__all__ = ["Differences"]


class Differences(Transform):
    """Column i becomes column i − column j.

    Below their thresholds kaons and protons give no light, and their likelihoods are equal: a point mass of
    the difference, which normal scores of each column alone would blur.

    Parameters
    ----------
    width : int
    pairs : sequence of (i, j)
        No j is an i: differences do not chain.

    Raises
    ------
    ConfigurationError
        If they do.
    """

    kind = "differences"

    def __init__(self, width: int, pairs: Sequence[tuple[int, int]]) -> None:
        self.width, self.pairs = width, [(int(i), int(j)) for i, j in pairs]
        if {i for i, _ in self.pairs} & {j for _, j in self.pairs}:
            raise ConfigurationError(f"differences must not be of differences, but pairs are {self.pairs}")

    def _added(self, x: Array, sign: float) -> NDArray[np.float64]:
        y = np.array(x, np.float64)
        for i, j in self.pairs:
            y[:, i] += sign * y[:, j]
        return y

    def _matrix(self, sign: float) -> NDArray[np.float64]:
        matrix = np.eye(self.width)
        for i, j in self.pairs:
            matrix[j, i] = sign
        return matrix

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Take the differences."""
        return self._added(x, -1.0)

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Add up again."""
        return self._added(z, 1.0)

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append a dense layer."""
        return b.dense(x, self._matrix(-1.0), np.zeros(self.width))

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append a dense layer."""
        return b.dense(z, self._matrix(1.0), np.zeros(self.width))

    def settings(self) -> dict[str, Any]:
        """Return width and pairs."""
        return {"width": self.width, "pairs": [list(p) for p in self.pairs]}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Differences:
        """Rebuild."""
        return cls(int(settings["width"]), [(p[0], p[1]) for p in settings["pairs"]])

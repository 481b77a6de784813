"""The table of constants of a library: one aligned array of float32, in the order that the code reads it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PANEL", "Table", "interpolation", "panels"]

PANEL = 16
"""Outputs side by side in the panels of dense layers; kernels/dense.h counts on it."""

_ALIGN = 16  # floats: one cache line


class Table:
    """Constants packed one after the other, each at the start of a cache line.

    Equal arrays share their place.
    """

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float32]] = []
        self._known: dict[bytes, int] = {}
        self._size = 0

    def add(self, values: ArrayLike) -> int:
        """Append an array; return its offset in floats."""
        flat = np.ascontiguousarray(values, np.float32).ravel()
        key = flat.tobytes()
        if key not in self._known:
            self._known[key] = self._size
            padded = np.zeros(-(-flat.size // _ALIGN) * _ALIGN, np.float32)
            padded[: flat.size] = flat
            self._parts.append(padded)
            self._size += padded.size
        return self._known[key]

    def to_bytes(self) -> bytes:
        """Return the table, little-endian, with a line of zeros that vectors may run over into."""
        return np.concatenate([*self._parts, np.zeros(2 * _ALIGN, np.float32)]).astype("<f4").tobytes()


def panels(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float32]:
    """Panels of a dense layer: for every 16 outputs their biases, then their weights input by input."""
    rows = np.concatenate([bias[None, :], weight])
    return np.concatenate([rows[:, o : o + PANEL].ravel() for o in range(0, rows.shape[1], PANEL)])


def interpolation(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Tables of piecewise linear maps (columns, points): x, then ordinate and slope of every piece."""
    slope = (y[:, 1:] - y[:, :-1]) / (x[:, 1:] - x[:, :-1])
    pieces = np.stack([y[:, :-1], slope], axis=-1).reshape(len(x), -1)
    return np.concatenate([x, pieces], axis=1).ravel()

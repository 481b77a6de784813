"""The table of constants of a library: one aligned array of float32, in the order that the code reads it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PANEL", "Table", "forest", "interpolation", "panels"]

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


def _cells(x: NDArray[np.float32], cells: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Scale (columns) and the cell of every abscissa, in the arithmetic of kernels/rowwise.h."""
    low, high = x[:, :1], x[:, -1:]
    scale = (np.float32(cells) / (high - low)).astype(np.float32)
    at = np.minimum((x - low) * scale, np.float32(cells - 1))
    return scale[:, 0], at.astype(np.intp)


def _steps(cell: NDArray[np.intp]) -> int:
    """Most pieces that start in one cell, besides the first of all."""
    return max(int(np.bincount(c[1:-1]).max(initial=0)) for c in cell)


def interpolation(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Tables of piecewise linear maps (columns, points), for ``interpolate`` of kernels/rowwise.h.

    For each column: low, high, scale, steps, cells, points; a guide (uint16) that gives for each cell of
    equal width the last piece that starts before it; and the pieces (x, y, slope, 0). The pieces that
    start inside the cell are at most `steps` further on.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        slope = (y[:, 1:] - y[:, :-1]) / (x[:, 1:] - x[:, :-1])
        sizes = [c for c in (8, 32, 128, 512, 2048) if c < 16 * x.shape[1]]
        cells = next((c for c in sizes if _steps(_cells(x, c)[1]) <= 1), sizes[-1])
        scale, cell = _cells(x, cells)
    pieces = np.stack([x[:, :-1], y[:, :-1], slope, np.zeros_like(slope)], axis=-1)
    columns = []
    for j in range(len(x)):
        guide = np.zeros(-(-cells // 8) * 8, np.uint16)
        before = np.searchsorted(cell[j, :-1], np.arange(cells), side="left") - 1
        guide[:cells] = np.maximum(before, 0)
        header = np.zeros(8, np.float32)
        header[:3] = x[j, 0], x[j, -1], scale[j]
        header.view(np.uint32)[3:6] = _steps(cell[j : j + 1]), cells, x.shape[1]
        columns.append(np.concatenate([header, guide.view(np.float32), pieces[j].ravel()]))
    return np.stack(columns)


def _lines(values: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = values.ravel()
    return np.concatenate([flat, np.zeros(-flat.size % _ALIGN, np.float32)])


def forest(constants: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """Pack a tree ensemble for ``trees`` of kernels/rowwise.h: roots, nodes, values, in whole cache lines."""
    nodes = constants["nodes"].astype(np.uint32)
    packed = nodes.view(np.float32).copy()
    packed[:, 1] = constants["nodes"][:, 1]
    roots = constants["roots"].astype(np.uint32).view(np.float32)
    return np.concatenate([_lines(roots), _lines(packed), _lines(constants["value"])])

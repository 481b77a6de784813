"""Functions with LHCb's plug-in interface, in libraries that anybody compiled."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ModelError
from lamarr.transpile.c.library import open_library, symbol_of

__all__ = ["PlugInFunction"]


class PlugInFunction:
    """``float *f(float *out, const float *in[, const float *random])``, called row by row.

    Parameters
    ----------
    library : path
    symbol : str
    inputs, outputs : int
        Numbers per row that it reads and writes. They cannot be seen from the library: wrong ones make it
        read or write other memory.
    n_random : int
        N(0, 1) numbers per row; 0 for a function without the third argument.

    Raises
    ------
    ModelError
        If the library is missing, truncated, damaged or for another architecture, or lacks the symbol.
    """

    def __init__(
        self, library: Path | str, symbol: str, *, inputs: int, outputs: int, n_random: int = 0
    ) -> None:
        if inputs < 1 or outputs < 1 or n_random < 0:
            raise ModelError(
                "inputs >= 1, outputs >= 1 and n_random >= 0 must hold, "
                f"but got (inputs={inputs}, outputs={outputs}, n_random={n_random})"
            )
        self.path, self.symbol = Path(library), symbol
        self.inputs, self.outputs, self.n_random = inputs, outputs, n_random
        self._function = symbol_of(open_library(self.path), symbol)
        self._function.restype = ctypes.c_void_p
        self._function.argtypes = [ctypes.c_void_p] * (3 if n_random else 2)

    def __call__(self, x: ArrayLike, random: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return outputs (n, outputs) for rows (n, inputs) and, if it takes any, random (n, n_random)."""
        rows = self._checked("inputs", x, self.inputs)
        y = np.zeros((len(rows), self.outputs), np.float32)
        columns = [(y, self.outputs), (rows, self.inputs)]
        if (random is not None) != bool(self.n_random):
            raise ModelError(f"the plug-in '{self.symbol}' takes {self.n_random} random numbers per row")
        if random is not None:
            columns.append((self._checked("random numbers", random, self.n_random), self.n_random))
            if len(columns[2][0]) != len(rows):
                raise ModelError(
                    "as many rows of random numbers as of inputs must be given, "
                    f"but got {len(columns[2][0])} and {len(rows)}"
                )
        starts = [a.ctypes.data for a, _ in columns]
        steps = [4 * width for _, width in columns]
        for i in range(len(rows)):
            self._function(*(start + i * step for start, step in zip(starts, steps, strict=True)))
        return y

    def _checked(self, what: str, values: ArrayLike, width: int) -> NDArray[np.float32]:
        rows = np.ascontiguousarray(values, np.float32)
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ModelError(
                f"the plug-in '{self.symbol}' takes {width} {what} per row, but got shape {rows.shape}"
            )
        return rows

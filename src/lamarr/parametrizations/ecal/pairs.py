"""Pairs of rows of the same event."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pairs_between", "pairs_within"]

Rows = NDArray[np.int64]


def pairs_between(a: NDArray[Any], b: NDArray[Any]) -> tuple[Rows, Rows]:
    """Rows of every pair of one of `a` and one of `b` (sorted event numbers) of the same event.

    >>> [r.tolist() for r in pairs_between(np.array([3, 3, 5]), np.array([3, 4, 5, 5]))]
    [[0, 1, 2, 2], [0, 0, 2, 3]]
    """
    begin, end = np.searchsorted(b, a, side="left"), np.searchsorted(b, a, side="right")
    count = end - begin
    first = np.repeat(np.arange(len(a)), count)
    second = np.arange(count.sum()) + np.repeat(begin - (np.cumsum(count) - count), count)
    return first, second


def pairs_within(a: NDArray[Any]) -> tuple[Rows, Rows]:
    """Rows i < j of every pair of the same event.

    >>> [r.tolist() for r in pairs_within(np.array([3, 3, 3, 5]))]
    [[0, 0, 1], [1, 2, 2]]
    """
    end = np.searchsorted(a, a, side="right")
    row = np.arange(len(a))
    count = end - row - 1
    first = np.repeat(row, count)
    second = np.arange(count.sum()) + np.repeat(row + 1 - (np.cumsum(count) - count), count)
    return first, second

"""Pairs of rows of the same event."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["near_pairs", "pairs_between", "pairs_within"]

Rows = NDArray[np.int64]

_EXTENT: Final = 10_000.0
"""mm: more than half the width of the calorimeter."""


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


def near_pairs(
    a: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    b: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    reach: float,
    reach_y: float | None = None,
) -> tuple[Rows, Rows]:
    """Rows of every pair of one of `a` and one of `b` of the same event, within `reach` in x and in y.

    Both are (event, x, y). Ordered by the row in `a`; what is far in x is never looked at. `reach_y` is that
    in y if it is another one.

    >>> one = (np.array([3, 3]), np.array([0.0, 9.0]), np.zeros(2))
    >>> [r.tolist() for r in near_pairs(one, one, 5.0)]
    [[0, 1], [0, 1]]
    """
    stride = 2.0 * (_EXTENT + reach)
    key_a, key_b = (e * stride + np.clip(x, -_EXTENT, _EXTENT) for e, x, _ in (a, b))
    order = np.argsort(key_b, kind="stable")
    ordered = key_b[order]
    begin = np.searchsorted(ordered, key_a - reach, side="left")
    count = np.searchsorted(ordered, key_a + reach, side="right") - begin
    first = np.repeat(np.arange(len(key_a)), count)
    second = order[np.arange(count.sum()) + np.repeat(begin - (np.cumsum(count) - count), count)]
    near = np.abs(a[2][first] - b[2][second]) <= (reach if reach_y is None else reach_y)
    return first[near], second[near]

"""Planes with openings as rectangles that do not overlap: fast to navigate, unlike differences of solids."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["Rectangle", "rectangles"]

Pair = tuple[float, float]
Rectangle = tuple[float, float, float, float]


def rectangles(boxes: Sequence[Pair], holes: Sequence[Pair] = ()) -> list[Rectangle]:
    """Cut the union of centred boxes minus the union of centred holes into rectangles (x1, x2, y1, y2).

    Boxes and holes are half sizes in x and y (mm).

    Examples
    --------
    >>> sum((b - a) * (d - c) for a, b, c, d in rectangles([(10, 10)], [(2, 3)]))
    376
    """
    edges = sorted({s * y for _, y in (*boxes, *holes) for s in (-1, 1)})
    found: list[Rectangle] = []
    for low, high in pairwise(edges):
        middle = max(abs(low), abs(high)) if low * high >= 0 else max(high, -low)
        outer = max((x for x, y in boxes if y >= middle), default=0.0)
        inner = max((x for x, y in holes if y >= middle), default=0.0)
        if outer <= inner:
            continue
        if inner == 0:
            found.append((-outer, outer, low, high))
        else:
            found += [(-outer, -inner, low, high), (inner, outer, low, high)]
    return found

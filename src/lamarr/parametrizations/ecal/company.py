"""The nearest other clusters of a cluster: with them it shares cells, which is what it looks like."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.pairs import near_pairs

__all__ = ["COMPANY", "FARTHEST", "company"]

CLUSTERS: Final = 2
"""Other clusters that are told of."""

FARTHEST: Final = 3.5
"""Cells (the larger distance of x and y) beyond which clusters have nothing to do with each other."""

COMPANY: Final = tuple(
    f"{what}_{k}" for k in range(CLUSTERS) for what in ("out_x", "out_y", "other", "close")
)
"""Of the nearest first: how far outwards in x and y (cells), ln of the ratio of its energy to the cluster's,
and how close it is (0: not within :data:`FARTHEST`)."""


def company(
    clusters: Columns, cell: NDArray[Any], side_x: NDArray[Any], side_y: NDArray[Any]
) -> list[NDArray[np.float64]]:
    """Return :data:`COMPANY`, each (m,), of clusters (columns event_id, x, y, energy).

    Parameters
    ----------
    clusters : columns
    cell : array (m,)
        Size of the cells, mm.
    side_x, side_y : array (m,)
        Signs that turn a difference into one outwards.
    """
    event, x, y, energy = (clusters[c] for c in ("event_id", "x", "y", "energy"))
    place = (event, x, y)
    a, b = near_pairs(place, place, FARTHEST * float(cell.max(initial=0.0)))
    dx, dy = ((v[b] - v[a]) / cell[a] for v in (x, y))
    distance = np.maximum(np.abs(dx), np.abs(dy))
    use = (distance < FARTHEST) & (a != b)
    a, b, dx, dy, distance = a[use], b[use], dx[use], dy[use], distance[use]
    order = np.lexsort((distance, a))
    a, b, dx, dy, distance = a[order], b[order], dx[order], dy[order], distance[order]
    rank = np.arange(len(a)) - np.searchsorted(a, a)
    result = []
    for k in range(CLUSTERS):
        row = np.flatnonzero(rank == k)
        at = a[row]
        values = (
            dx[row] * side_x[at],
            dy[row] * side_y[at],
            np.clip(np.log(energy[b[row]] / energy[at]), -5, 5),
            FARTHEST - distance[row],
        )
        for v in values:
            column = np.zeros(len(x))
            column[at] = v
            result.append(column)
    return result

"""Clusters keep their distance: two local maxima are never neighbours.

Networks draw the clusters of an event side by side and let some of them overlap, where clustering would have
found one. What lies too near a harder cluster is drawn again, and merged with it if that does not help.

The distance is the larger one of x and y, in cells. Below one cell there are no two clusters; from two
cells on nothing is suppressed (measured in the detailed simulation); in between the threshold of a cluster
is drawn.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.pairs import near_pairs
from lamarr.parametrizations.ecal.tokens import cell_size

__all__ = ["NEAREST", "RAMP", "crowded", "merged_into"]

NEAREST: Final = 1.0
"""Cells between two clusters, at least."""

RAMP: Final = 0.7
"""Cells beyond in which fewer and fewer are too near."""


def crowded(clusters: Columns, threshold: NDArray[Any], calorimeter: Calorimeter) -> NDArray[np.int64]:
    """Row of the nearest harder cluster (m,) that each is too near to, or −1.

    Parameters
    ----------
    clusters : columns event_id (sorted), x, y, energy
    threshold : array (m,)
        Uniform numbers between 0 and 1: where in the ramp a cluster is too near.
    """
    x, y, energy = (clusters[c] for c in ("x", "y", "energy"))
    place = (clusters["event_id"], x, y)
    a, b = near_pairs(place, place, (NEAREST + RAMP) * calorimeter.module / calorimeter.regions[0].cells)
    a, b = a[a < b], b[a < b]
    swap = energy[b] > energy[a]
    hard, soft = np.where(swap, b, a), np.where(swap, a, b)
    cell = cell_size(x, y, calorimeter)
    distance = np.maximum(np.abs(x[a] - x[b]), np.abs(y[a] - y[b])) / np.maximum(cell[a], cell[b])
    close = np.flatnonzero(distance < NEAREST + RAMP * threshold[soft])
    order = close[np.lexsort((hard[close], distance[close], soft[close]))]
    rows, first = np.unique(soft[order], return_index=True)
    result = np.full(len(x), -1)
    result[rows] = hard[order[first]]
    return result


def merged_into(clusters: Columns, into: NDArray[np.int64]) -> tuple[Columns, NDArray[np.bool_]]:
    """Columns after clusters were added to those that they are merged `into` (−1: stay), and which stay.

    Energies add up, places are means weighted with energy. One that is to be merged into another that is to
    be merged goes where that goes.
    """
    root = np.where(into >= 0, into, np.arange(len(into)))
    while (root[root] != root).any():
        root = root[root]
    stay = root == np.arange(len(root))
    energy = np.bincount(root, clusters["energy"], minlength=len(root))
    total = np.where(stay, energy, 1.0)
    place = {}
    for axis in "xy":
        moment = np.bincount(root, clusters["energy"] * clusters[axis], minlength=len(root))
        place[axis] = np.where(stay, moment / total, clusters[axis])
    return {**clusters, **place, "energy": np.where(stay, energy, clusters["energy"])}, stay

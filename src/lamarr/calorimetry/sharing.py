"""Seeds of clusters, and cells that clusters share: the cellular automaton, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_seeds", "share_cells"]

Floats = NDArray[np.float64]
Ints = NDArray[Any]


def find_seeds(energy: Floats, transverse: Floats, neighbours: Ints, threshold: float) -> Ints:
    """Cells above the threshold (transverse energy) with more energy than all neighbours; ties: the first.

    Parameters
    ----------
    energy, transverse : array (cells,)
        MeV.
    neighbours : array (cells, m)
        −1 where there are fewer than m.
    """
    candidates = np.flatnonzero(transverse > threshold)
    around = neighbours[candidates]
    own = energy[candidates, None]
    other = np.where(around >= 0, energy[around], -np.inf)
    beaten = (other > own) | ((other == own) & (around < candidates[:, None]))
    seeds: Ints = candidates[~beaten.any(axis=1)].astype(np.int32)
    return seeds


def share_cells(
    seeds: Ints,
    energy: Floats,
    neighbours: Ints,
    x: Floats,
    y: Floats,
    size: Floats,
    slope: Floats,
    iterations: int,
) -> tuple[Ints, Ints, Floats]:
    """Members of the clusters around seeds: number of the cluster, cell, share of the cell.

    A cell of several clusters is shared with weights E exp(−slope · d), E being the energy of the cluster and
    d the distance in cells from its barycentre; see :mod:`lamarr.calorimetry.clusters`. Where seeds touch,
    as those of the two halves of a merged π0 do, the later one is not shared: both clusters have all of it.

    Parameters
    ----------
    seeds : array (clusters,)
        Cells; they must have energy.
    energy, x, y, size : array (cells,)
        MeV, mm.
    neighbours : array (cells, m)
    slope : array (clusters,)
    iterations : int
    """
    n = len(seeds)
    around = np.concatenate([seeds[:, None], neighbours[seeds]], axis=1)
    use = around >= 0
    use[:, 1:] &= energy[around[:, 1:]] > 0.0
    cluster = np.broadcast_to(np.arange(n, dtype=np.int32)[:, None], around.shape)[use]
    cell = around[use]
    common = np.flatnonzero(
        (np.bincount(cell, minlength=1)[cell] > 1) & ~_kept_by_its_seed(seeds, cluster, cell)
    )
    share, full = np.ones(len(cell)), energy[cell]
    who, where = cluster[common], cell[common]
    for _ in range(iterations + 1 if len(common) else 0):
        e = share * full
        total, sum_x, sum_y = (np.bincount(cluster, w, minlength=n) for w in (e, e * x[cell], e * y[cell]))
        distance = np.hypot(x[where] - (sum_x / total)[who], y[where] - (sum_y / total)[who]) / size[where]
        weight = total[who] * np.exp(-slope[who] * distance)
        share[common] = weight / np.bincount(where, weight)[where]
    return cluster, cell, share


def _kept_by_its_seed(seeds: Ints, cluster: Ints, cell: Ints) -> NDArray[np.bool_]:
    """Whether the last cluster that holds a member's cell is the one whose seed it is."""
    top = int(cell.max(initial=-1)) + 1
    last, seed_of = np.full(top, -1, np.int32), np.full(top, -2, np.int32)
    last[cell] = cluster  # members are ordered by cluster: the last one stays
    seed_of[seeds] = np.arange(len(seeds))
    result: NDArray[np.bool_] = (last == seed_of)[cell]
    return result

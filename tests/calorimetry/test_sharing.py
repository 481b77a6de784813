"""Seeds and shares of cells in numpy against the loops that define them."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lamarr.calorimetry.cells import calo_cells
from lamarr.calorimetry.sharing import find_seeds, share_cells
from lamarr.detector.geometry import load_geometry

CELLS = calo_cells(load_geometry().calorimeter).ecal


def _find_seeds(energy: Any, transverse: Any, neighbours: Any, threshold: float) -> Any:
    """Cells above the threshold (transverse energy) with more energy than all neighbours; ties: the first."""
    seeds = np.empty(len(energy), np.int32)
    n = 0
    for cell in range(len(energy)):
        if transverse[cell] <= threshold:
            continue
        highest = True
        for other in neighbours[cell]:
            if other < 0:
                break
            if energy[other] > energy[cell] or (energy[other] == energy[cell] and other < cell):
                highest = False
                break
        if highest:
            seeds[n] = cell
            n += 1
    return seeds[:n]


def _share_cells(
    seeds: Any, energy: Any, neighbours: Any, x: Any, y: Any, size: Any, slope: Any, iterations: int
) -> Any:
    """Members (cluster, cell, share) of the clusters around seeds; see clusters.find_clusters."""
    n_seeds = len(seeds)
    owner = np.full(len(energy), -1, np.int32)  # the only cluster of a cell, −2 where there are several
    members = np.empty((n_seeds * (neighbours.shape[1] + 1), 2), np.int32)
    count = 0
    for k in range(n_seeds):
        members[count, 0], members[count, 1] = k, seeds[k]
        owner[seeds[k]] = k
        count += 1
        for cell in neighbours[seeds[k]]:
            if cell < 0:
                break
            if energy[cell] <= 0.0:
                continue
            members[count, 0], members[count, 1] = k, cell
            owner[cell] = k if owner[cell] == -1 else -2
            count += 1
    members = members[:count]
    share = np.ones(count)
    total = np.zeros(n_seeds)
    mean = np.zeros((n_seeds, 2))
    weight = np.zeros(len(energy))
    for _ in range(iterations + 1):
        total[:] = 0.0
        mean[:] = 0.0
        for m in range(count):
            k, cell = members[m]
            e = share[m] * energy[cell]
            total[k] += e
            mean[k, 0] += e * x[cell]
            mean[k, 1] += e * y[cell]
        for k in range(n_seeds):
            mean[k] /= total[k]
        weight[:] = 0.0
        for m in range(count):
            k, cell = members[m]
            if owner[cell] == -2:
                distance = np.hypot(x[cell] - mean[k, 0], y[cell] - mean[k, 1]) / size[cell]
                share[m] = total[k] * np.exp(-slope[k] * distance)
                weight[cell] += share[m]
        for m in range(count):
            cell = members[m, 1]
            if owner[cell] == -2:
                share[m] /= weight[cell]
    return members[:, 0], members[:, 1], share


@given(st.integers(0, 2**32), st.integers(0, 1500), st.booleans(), st.booleans())
def test_seeds_and_shares_are_those_of_the_loops(seed, n, ties, split):
    rng = np.random.default_rng(seed)
    energy = np.zeros(len(CELLS))
    lit = rng.integers(0, len(CELLS), n)
    energy[lit] = rng.exponential(100, n)
    if ties:
        energy = np.rint(energy / 50) * 50
    seeds = find_seeds(energy, energy, CELLS.neighbours, 60.0)
    assert np.array_equal(seeds, _find_seeds(energy, energy, CELLS.neighbours, 60.0))
    if split and len(seeds):  # a seed and one of its neighbours, as for merged pi0
        second = [c for c in CELLS.neighbours[seeds[0]] if c >= 0 and energy[c] > 0]
        seeds = np.array([seeds[0], *second[:1]], np.int32)
    geometry = (CELLS.neighbours, CELLS.x, CELLS.y, CELLS.size)
    slope = np.array([6.4, 5.1, 4.4])[CELLS.region[seeds]]
    found = share_cells(seeds, energy, *geometry, slope, 3)
    wanted = _share_cells(seeds, energy, *geometry, slope, 3)
    assert np.array_equal(found[0], wanted[0])
    assert np.array_equal(found[1], wanted[1])
    np.testing.assert_allclose(found[2], wanted[2], rtol=1e-10)


@given(st.integers(0, 2**32))
def test_the_shares_of_a_cell_add_up_to_one(seed):
    rng = np.random.default_rng(seed)
    energy = rng.exponential(30, len(CELLS))
    seeds = find_seeds(energy, energy, CELLS.neighbours, 60.0)
    geometry = (CELLS.neighbours, CELLS.x, CELLS.y, CELLS.size)
    _, cell, share = share_cells(seeds, energy, *geometry, np.full(len(seeds), 5.0), 3)
    total = np.bincount(cell, share)
    np.testing.assert_allclose(total[np.unique(cell)], 1.0)

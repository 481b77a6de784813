"""Loops over spots and cells, compiled by numba. What they mean is said where they are called."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["find_seeds", "overlay_spots", "share_cells"]


def _overlay_spots(
    first: Any,
    last: Any,
    scale: Any,
    entry: Any,
    mirror: Any,
    section: Any,
    spot_x: Any,
    spot_y: Any,
    spot_energy: Any,
    section_part: Any,
    tables: Any,
    fine: Any,
    base: Any,
    n_cells: int,
) -> Any:
    """Sum the spots of each particle in cells; see overlay.overlay.

    `mirror` is (a, b, c, d) with x' = a x + b y, y' = c x + d y. Returns numbers, faces, energies, lost.
    """
    n = len(first)
    room = 0
    for i in range(n):
        room += last[i] - first[i]
    cells = np.empty(room, np.int32)
    faces = np.empty(room, np.int32)
    energies = np.empty(room, np.float64)
    lost = np.zeros(n)
    sums = np.zeros(n_cells)
    touched = np.empty(n_cells, np.int32)
    filled = 0
    for i in range(n):
        count = 0
        for k in range(first[i], last[i]):
            s = section[k]
            part = section_part[s]
            x = entry[i, s, 0] + mirror[i, 0] * spot_x[k] + mirror[i, 1] * spot_y[k]
            y = entry[i, s, 1] + mirror[i, 2] * spot_x[k] + mirror[i, 3] * spot_y[k]
            table = tables[part]
            a = int(np.floor(x / fine[part])) + table.shape[0] // 2
            b = int(np.floor(y / fine[part])) + table.shape[1] // 2
            energy = scale[i] * spot_energy[k]
            cell = -1
            if 0 <= a < table.shape[0] and 0 <= b < table.shape[1]:
                cell = table[a, b]
            if cell < 0:
                lost[i] += energy
                continue
            cell += base[part]
            if sums[cell] == 0.0:
                touched[count] = cell
                count += 1
            sums[cell] += energy
        for j in range(count):
            cell = touched[j]
            cells[filled] = cell
            faces[filled] = i
            energies[filled] = sums[cell]
            sums[cell] = 0.0
            filled += 1
    return cells[:filled], faces[:filled], energies[:filled], lost


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


overlay_spots = njit(cache=True)(_overlay_spots)
find_seeds = njit(cache=True)(_find_seeds)
share_cells = njit(cache=True)(_share_cells)

"""The loop over spots of showers, compiled by numba. What it means is said where it is called."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["overlay_spots"]


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


overlay_spots = njit(cache=True)(_overlay_spots)

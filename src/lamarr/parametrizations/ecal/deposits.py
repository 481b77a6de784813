"""Energy that arriving particles leave in the cells, by the shower table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.cells import CellMap, calo_cells
from lamarr.calorimetry.digits import Deposits
from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.showers import HCAL_WIDTH, WIDTHS, shower_table

__all__ = ["Deposited", "deposited", "kernel_shares"]

Floats = NDArray[np.float64]

_HALF: Final = 10
"""Squares of the ECAL's fine grid on each side of a shower that can get energy."""

ECAL_DEPTHS: Final = (26.4, 72.0, 128.4, 236.4)
"""Where the energy of the four sections of the ECAL is, behind its front, mm."""

HCAL_DEPTH: Final = 400.0
"""The same of the HCAL."""


@dataclass(frozen=True, kw_only=True)
class Deposited:
    """Energies of one event in the scintillators, MeV.

    Attributes
    ----------
    cells : Deposits
        By cell.
    arrival, cell, energy : array (m,)
        What of which arrival is in which cell of the ECAL.
    shower : array (arrivals,)
        Energy of the whole shower in the ECAL.
    """

    cells: Deposits
    arrival: NDArray[np.int64]
    cell: NDArray[np.int32]
    energy: Floats
    shower: Floats


def deposited(found: Columns, calorimeter: Calorimeter, rng: np.random.Generator) -> Deposited:
    """Return what arrivals (:func:`~lamarr.parametrizations.ecal.upstream.arrivals`) leave."""
    table, maps = shower_table(), calo_cells(calorimeter)
    n = len(found["energy"])
    draws = rng.uniform(size=(4, n))
    rows, scale = table.choose(found["kind"], found["energy"], draws[0])
    energies = table.energies[rows] * scale[:, None]
    offset = table.offset[rows] * np.where(draws[1:3] < 0.5, -1.0, 1.0).T
    offset = np.where((draws[3] < 0.5)[:, None], offset, offset[:, ::-1])
    z = calorimeter.ecal.shower_max

    def at(plane: float, moved: Any = 0.0) -> list[Floats]:
        return [found[k] + found[f"t{k}"] * (plane - z) + moved for k in "xy"]

    front = [_in_cell(maps[k], at(maps[k].z), energies[:, k]) for k in (0, 1)]
    arrival, cell, energy = _ecal(
        found, energies[:, 2:6], table.weights[rows], offset, calorimeter, maps.ecal
    )
    hcal = _hcal(maps.hcal, at(maps.hcal.z + HCAL_DEPTH), energies[:, 6:].sum(axis=1))
    by_cell = np.bincount(cell, energy, minlength=len(maps.ecal)).astype(np.float64)
    return Deposited(
        cells=Deposits(spd=front[0], prs=front[1], ecal=by_cell, hcal=hcal),
        arrival=arrival,
        cell=cell,
        energy=energy,
        shower=energies[:, 2:6].sum(axis=1),
    )


def _in_cell(cells: CellMap, place: list[Floats], energy: Floats) -> Floats:
    cell = cells.at(*place)
    inside = cell >= 0
    return np.bincount(cell[inside], energy[inside], minlength=len(cells)).astype(np.float64)


def _hcal(cells: CellMap, place: list[Floats], energy: Floats) -> Floats:
    step = _quantiles(4) * HCAL_WIDTH
    dx, dy = (d.ravel() for d in np.meshgrid(step, step))
    spread = [p[:, None] + d for p, d in zip(place, (dx, dy), strict=True)]
    return _in_cell(cells, [s.ravel() for s in spread], np.repeat(energy / len(dx), len(dx)))


@cache
def _quantiles(n: int) -> Floats:
    """Medians of n equal parts of the logistic distribution of scale 1."""
    u = (np.arange(n) + 0.5) / n
    result: Floats = np.log(u / (1 - u))
    return result


def _logistic(x: Floats) -> Floats:
    result: Floats = 0.5 * (1.0 + np.tanh(0.5 * x))
    return result


def kernel_shares(edges: Floats, centre: Floats) -> Floats:
    """Share of each kernel between neighbouring edges.

    Edges (n, m + 1) and centres (n, sections), mm, give shares (n, sections, 3, m).
    """
    distance = edges[:, None, None, :] - centre[:, :, None, None]
    below = _logistic(distance / np.asarray(WIDTHS)[None, None, :, None])
    return np.diff(below, axis=-1)


def _ecal(
    found: Columns,
    energies: Floats,
    weights: Floats,
    offset: Floats,
    calorimeter: Calorimeter,
    cells: CellMap,
) -> tuple[NDArray[np.int64], NDArray[np.int32], Floats]:
    """Return arrival, cell and energy of what is in cells."""
    planes = calorimeter.ecal.z + np.asarray(ECAL_DEPTHS)
    fine, z = cells.fine, calorimeter.ecal.shower_max
    shares, squares = [], []
    for k, axis in enumerate("xy"):
        place = (found[axis] + offset[:, k])[:, None] + found[f"t{axis}"][:, None] * (planes - z)
        first = np.floor(place.mean(axis=1) / fine).astype(np.int64) - _HALF + 1
        square = first[:, None] + np.arange(2 * _HALF)
        edges = fine * np.concatenate([square, square[:, -1:] + 1], axis=1).astype(np.float64)
        shares.append(kernel_shares(edges, place))
        squares.append(square)
    left = np.einsum("ns,nk,nski,nskj->nij", energies, weights, *shares, optimize=True)
    columns, rows = cells.table.shape
    i, j = squares[0] + columns // 2, squares[1] + rows // 2
    inside = ((i >= 0) & (i < columns))[:, :, None] & ((j >= 0) & (j < rows))[:, None, :]
    number = cells.table[np.clip(i, 0, columns - 1)[:, :, None], np.clip(j, 0, rows - 1)[:, None, :]]
    use = inside & (number >= 0) & (left > 1e-4)
    return np.nonzero(use)[0], number[use], left[use]

"""Cells of the calorimeters: numbers, positions, neighbours; SPD and PS have the ECAL's cells, projected.

Cells are squares that nest: all borders lie on one fine grid, which a table maps to cell numbers. The
number counts from 0 through the regions from the outermost to the innermost, in each along y, then x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["ECAL", "HCAL", "PRS", "SPD", "CaloCells", "CellMap", "calo_cells"]

SPD: Final = 0
PRS: Final = 1
ECAL: Final = 2
HCAL: Final = 3
"""Numbers of the four calorimeters, as in ``records.CALO_CELL``."""


@dataclass(frozen=True, kw_only=True)
class CellMap:
    """Cells of one calorimeter.

    Attributes
    ----------
    x, y, size : array (n,)
        Centre and side of each cell, mm.
    region : array (n,)
        Number of its region: 0 for the outermost.
    table : array (columns, rows)
        Cell number of each square of the fine grid, −1 outside and in the hole.
    fine : float
        Side of a square of the fine grid, mm.
    neighbours : array (n, m)
        Cells that share a border or a corner with each, −1 where there are fewer than m.
    z : float
        Plane in which positions are meant, mm.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    size: NDArray[np.float64]
    region: NDArray[np.int8]
    table: NDArray[np.int32]
    fine: float
    neighbours: NDArray[np.int32]
    z: float

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.x)

    def at(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.int32]:
        """Cells at positions (mm, broadcast together); −1 outside of all cells."""
        columns, rows = self.table.shape
        i = np.asarray(np.floor(np.divide(x, self.fine) + columns // 2))
        j = np.asarray(np.floor(np.divide(y, self.fine) + rows // 2))
        inside = (i >= 0) & (i < columns) & (j >= 0) & (j < rows)  # NaN is outside
        i, j = (np.where(inside, k, 0).astype(np.int64) for k in (i, j))
        return np.where(inside, self.table[i, j], np.int32(-1))

    def projected(self, z: float) -> CellMap:
        """Return the same cells seen from the origin in the plane `z`."""
        f = z / self.z
        return CellMap(
            x=self.x * f,
            y=self.y * f,
            size=self.size * f,
            region=self.region,
            table=self.table,
            fine=self.fine * f,
            neighbours=self.neighbours,
            z=z,
        )


@dataclass(frozen=True, kw_only=True)
class _Region:
    """Cells of `size` inside |x| < half_x, |y| < half_y (mm)."""

    half_x: float
    half_y: float
    size: float


def _cell_map(regions: Sequence[_Region], hole: tuple[float, float], fine: float, z: float) -> CellMap:
    columns, rows = (2 * round(h / fine) for h in (regions[0].half_x, regions[0].half_y))
    table = np.full((columns, rows), -1, np.int32)
    inner = [*((r.half_x, r.half_y) for r in regions[1:]), hole]
    xs, ys, sizes, numbers = [], [], [], []
    first = 0
    for number, (region, (out_x, out_y)) in enumerate(zip(regions, inner, strict=True)):
        x, y = (_centres(h, region.size) for h in (region.half_x, region.half_y))
        yy, xx = np.meshgrid(y, x, indexing="ij")
        keep = ((np.abs(xx) > out_x) | (np.abs(yy) > out_y)).ravel()
        xx, yy = xx.ravel()[keep], yy.ravel()[keep]
        _paint(table, xx, yy, region.size, fine, first)
        first += len(xx)
        xs.append(xx)
        ys.append(yy)
        sizes.append(np.full(len(xx), region.size))
        numbers.append(np.full(len(xx), number, np.int8))
    return CellMap(
        x=np.concatenate(xs),
        y=np.concatenate(ys),
        size=np.concatenate(sizes),
        region=np.concatenate(numbers),
        table=table,
        fine=fine,
        neighbours=_neighbours(table, first),
        z=z,
    )


def _centres(half: float, size: float) -> NDArray[np.float64]:
    n = round(2 * half / size)
    return np.asarray((np.arange(n) - (n - 1) / 2) * size, np.float64)


def _paint(table: NDArray[np.int32], x: Any, y: Any, size: float, fine: float, first: int) -> None:
    """Write the numbers first, first + 1, … into the squares of the cells at (x, y)."""
    n = round(size / fine)
    i = np.rint((x - size / 2) / fine).astype(np.int64) + table.shape[0] // 2
    j = np.rint((y - size / 2) / fine).astype(np.int64) + table.shape[1] // 2
    for di in range(n):
        for dj in range(n):
            table[i + di, j + dj] = first + np.arange(len(x))


def _neighbours(table: NDArray[np.int32], n: int) -> NDArray[np.int32]:
    shifted = [(table[:-1], table[1:]), (table[:, :-1], table[:, 1:])]
    shifted += [(table[:-1, :-1], table[1:, 1:]), (table[1:, :-1], table[:-1, 1:])]
    pairs = [np.stack([a.ravel(), b.ravel()], 1) for a, b in shifted]
    half = np.concatenate(pairs)
    half = half[(half[:, 0] != half[:, 1]) & (half >= 0).all(axis=1)]
    both = np.unique(np.concatenate([half, half[:, ::-1]]), axis=0)
    count = np.bincount(both[:, 0], minlength=n)
    place = np.arange(len(both)) - np.repeat(np.cumsum(count) - count, count)
    result = np.full((n, int(count.max())), -1, np.int32)
    result[both[:, 0], place] = both[:, 1]
    return result


@dataclass(frozen=True, kw_only=True)
class CaloCells:
    """The cells of all four calorimeters."""

    spd: CellMap
    prs: CellMap
    ecal: CellMap
    hcal: CellMap

    def __getitem__(self, part: int) -> CellMap:
        """Return the cells of SPD, PRS, ECAL or HCAL by its number."""
        return (self.spd, self.prs, self.ecal, self.hcal)[part]


@cache
def calo_cells(calorimeter: Calorimeter) -> CaloCells:
    """Return the cells of a declared calorimeter."""
    m, hcal = calorimeter.module, calorimeter.hcal
    ecal = _cell_map(
        [_Region(half_x=r.half_x * m, half_y=r.half_y * m, size=m / r.cells) for r in calorimeter.regions],
        (calorimeter.hole[0] * m, calorimeter.hole[1] * m),
        m / np.lcm.reduce([r.cells for r in calorimeter.regions]),
        calorimeter.ecal.shower_max,
    )
    outer, inner = hcal.cells
    return CaloCells(
        spd=ecal.projected(calorimeter.spd.z + calorimeter.spd.thickness / 2),
        prs=ecal.projected(calorimeter.prs.z + calorimeter.prs.thickness / 2),
        ecal=ecal,
        hcal=_cell_map(
            [
                _Region(half_x=hcal.half_x, half_y=hcal.half_y, size=outer),
                _Region(half_x=hcal.inner[0], half_y=hcal.inner[1], size=inner),
            ],
            hcal.hole,
            inner,
            hcal.z,
        ),
    )

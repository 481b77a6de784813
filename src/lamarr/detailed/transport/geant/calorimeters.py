"""The calorimeters plate by plate, for showers that Geant4 carries itself; elsewhere they are averages.

C++ primitive scorers sum the energy in squares of the fine grids that all cells are made of
(:mod:`lamarr.calorimetry.cells`); Python is called for no step.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from lamarr.calorimetry.cells import ECAL, HCAL, PRS, SPD, CellMap, calo_cells
from lamarr.detailed.records import CALO_CELL, Records
from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.geant.builder import Builder
from lamarr.detailed.transport.rectangles import rectangles
from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["Plates"]

CUT: Final = 1.0
"""Production cut in the calorimeters (mm), as for the shower library."""


class Plates:
    """Places absorbers and scintillators, and reads what is left in the latter.

    A plate is cut into rectangles around the hole for the beam pipe, and each of them by replication into
    columns and squares. The scorer numbers them (column, square, rectangle).
    """

    def __init__(self, calorimeter: Calorimeter) -> None:
        self.calorimeter = calorimeter
        self.cells = calo_cells(calorimeter)
        self._origins: list[tuple[int, int, int]] = []  # of each rectangle: part, first column and row
        self._squares: list[Any] = []
        self._most = [1, 1]
        self._plates: dict[int, list[tuple[Any, float, float]]] = {}
        self._collection = -1

    def place(self, build: Builder) -> None:
        """Place all plates."""
        c, self._build = self.calorimeter, build
        region = c.regions[0]
        outer = [(region.half_x * c.module, region.half_y * c.module)]
        hole = [(c.hole[0] * c.module, c.hole[1] * c.module)]
        self._scintillator(SPD, c.spd.z, c.spd.thickness)
        build.plane("lead", c.lead.material, c.lead.z, c.lead.thickness, outer, hole)
        self._scintillator(PRS, c.prs.z, c.prs.thickness)
        for z in self._layers(c.ecal.z, c.ecal.layers, c.ecal.lead + c.ecal.scintillator):
            build.plane("ecal_lead", "Pb", z, c.ecal.lead, outer, hole)
            self._scintillator(ECAL, z + c.ecal.lead, c.ecal.scintillator)
        h = c.hcal
        for z in self._layers(h.z, h.layers, h.iron + h.scintillator):
            build.plane("hcal_iron", "Fe", z, h.iron, [(h.half_x, h.half_y)], [h.hole])
            self._scintillator(HCAL, z + h.iron, h.scintillator)

    def _layers(self, front: float, n: int, pitch: float) -> list[float]:
        return [front + i * pitch for i in range(n)]

    def _scintillator(self, part: int, z: float, thickness: float) -> None:
        """Place a plate of squares; its volumes are made once for each calorimeter."""
        first = len(self._origins)
        if part not in self._plates:
            self._plates[part] = self._made(part, thickness)
            self._first = {**getattr(self, "_first", {}), part: first}
        for i, (logical, x, y) in enumerate(self._plates[part]):
            self._build.put(logical, (x, y, z + thickness / 2), copy=self._first[part] + i)

    def _made(self, part: int, thickness: float) -> list[tuple[Any, float, float]]:
        cells = self.cells[part]
        columns, rows = cells.table.shape
        outer = (columns // 2 * cells.fine, rows // 2 * cells.fine)
        made = []
        for x1, x2, y1, y2 in rectangles([outer], [_hole(cells)]):
            nx, ny = round((x2 - x1) / cells.fine), round((y2 - y1) / cells.fine)
            self._most = [max(self._most[0], nx), max(self._most[1], ny)]
            corner = (round(x1 / cells.fine) + columns // 2, round(y1 / cells.fine) + rows // 2)
            self._origins.append((part, *corner))
            made.append((self._replicated(cells.fine, nx, ny, thickness), (x1 + x2) / 2, (y1 + y2) / 2))
        return made

    def _replicated(self, fine: float, nx: int, ny: int, thickness: float) -> Any:
        plastic, keep = self._build.material("POLYSTYRENE"), self._build.keep
        sizes = ((nx * fine, ny * fine), (fine, ny * fine), (fine, fine))
        volumes = []
        for name, (dx, dy) in zip(("plate", "column", "square"), sizes, strict=True):
            solid = g4.G4Box(name, dx / 2, dy / 2, thickness / 2)
            volumes.append(g4.G4LogicalVolume(solid, plastic, name))
            keep += [solid, volumes[-1]]
        plate, column, square = volumes
        keep.append(g4.G4PVReplica("columns", column, plate, g4.kXAxis, nx, fine))
        keep.append(g4.G4PVReplica("squares", square, column, g4.kYAxis, ny, fine))
        self._squares.append(square)
        return plate

    def sensitive(self) -> None:
        """Attach the scorer."""
        self.scorer = g4.G4MultiFunctionalDetector("calorimeters")
        self.sum = g4.G4PSEnergyDeposit3D("energy", *self._most, len(self._origins), 1, 0, 2)
        g4.G4SDManager.GetSDMpointer().AddNewDetector(self.scorer)
        self.scorer.RegisterPrimitive(self.sum)
        for square in self._squares:
            square.SetSensitiveDetector(self.scorer)

    def read(self, event: Any, face: int) -> Records:
        """Return CALO_CELL of Geant4's `event`, all of it from the particle `face`."""
        if self._collection < 0:
            self._collection = g4.G4SDManager.GetSDMpointer().GetCollectionID("calorimeters/energy")
        sums = event.GetHCofThisEvent().GetHC(self._collection)
        pairs = [(i, float(getattr(e, "value", e))) for i, e in sums]
        return self.cells_of(np.array(pairs, np.float64).reshape(-1, 2), face)

    def cells_of(self, sums: np.ndarray, face: int) -> Records:
        """Return CALO_CELL of rows (number of the scorer, MeV)."""
        number, boxes = sums[:, 0].astype(np.int64), len(self._origins)
        part, column, row = np.array(self._origins, np.int64).reshape(-1, 3)[number % boxes].T
        column = column + number // boxes // self._most[1]
        row = row + number // boxes % self._most[1]
        cell = np.full(len(sums), -1, np.int64)
        for k in (SPD, PRS, ECAL, HCAL):
            own = part == k
            cell[own] = self.cells[k].table[column[own], row[own]]
        keys, inverse = np.unique(part * (1 << 32) + cell, return_inverse=True)
        out = np.zeros(len(keys), CALO_CELL)
        out["part"], out["cell"], out["face"] = keys >> 32, keys & 0xFFFFFFFF, face
        out["energy"] = np.bincount(inverse, sums[:, 1], minlength=len(keys))
        return out


def _hole(cells: CellMap) -> tuple[float, float]:
    """Half sizes (mm) of the opening in the middle of a calorimeter: the squares that are in no cell."""
    columns, rows = cells.table.shape
    free = cells.table < 0
    return (
        int(free[:, rows // 2].sum()) / 2 * cells.fine,
        int(free[columns // 2].sum()) / 2 * cells.fine,
    )

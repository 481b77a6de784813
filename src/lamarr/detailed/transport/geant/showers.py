"""Showers that Geant4 carries itself: particles at the calorimeters' front are shot once more, one by one.

So every deposit is known to be of one particle (CALO_CELL), without a call of Python for each step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from lamarr.detailed.records import CALO_CELL, Records
from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.geant.calorimeters import CUT, Plates
from lamarr.detailed.transport.geant.kernel import Kernel
from lamarr.detailed.transport.geant.primaries import Shooter
from lamarr.detailed.transport.geant.sensors import Front, MuonGas
from lamarr.detailed.transport.geant.truth import Births, Deaths
from lamarr.units import c_light

__all__ = ["COMMANDS", "Reader", "Showers"]

COMMANDS: Final = (
    f"/run/setCut {CUT} mm",
    f"/run/setCutForAGivenParticle gamma {CUT} mm",
    "/process/em/lowestElectronEnergy 1 keV",
)
"""What showers need finer than the rest of the detector."""

BEHIND: Final = 0.2
"""A particle begins so far (mm along z) behind the front: on the front itself it would be ended."""


class Reader(g4.G4UserEventAction):
    """Takes the energies in cells when an event ends, all of them those of the particle `face`."""

    def __init__(self, plates: Plates) -> None:
        super().__init__()
        self.plates, self.face = plates, -1
        self.cells: list[Records] = []

    def EndOfEventAction(self, event: Any) -> None:  # noqa: N802
        """Read, if showers are at hand."""
        if self.face >= 0:
            self.cells.append(self.plates.read(event, self.face))


class Showers:
    """Carries the particles at the front through calorimeters and iron.

    Parameters
    ----------
    kernel, shooter, births, deaths, front, muon, reader
        Of the detector; they are switched to showers and back.
    """

    def __init__(
        self,
        kernel: Kernel,
        shooter: Shooter,
        births: Births,
        deaths: Deaths,
        front: Front,
        muon: MuonGas,
        reader: Reader,
    ) -> None:
        self.kernel, self.shooter, self.births, self.deaths = kernel, shooter, births, deaths
        self.front, self.muon, self.reader = front, muon, reader

    def carry(
        self, faces: Records, gate: float, seed_of: Callable[[int], int]
    ) -> tuple[Records, list[tuple[Any, ...]]]:
        """Return CALO_CELL, and rows of MUON_HIT with the tracks of `faces`, of CALO_FACE rows.

        Energy of a particle that comes more than `gate` (ns) after light from the origin is not integrated.
        """
        hits: list[tuple[Any, ...]] = []
        late = faces["t"] - np.sqrt(faces["x"] ** 2 + faces["y"] ** 2 + faces["z"] ** 2) / c_light > gate
        self.births.showers = self.deaths.showers = True
        self.front.stop = "ecal"
        self.reader.cells.clear()
        try:
            for row, face in enumerate(faces):
                self.muon.rows.clear()
                self.reader.face = -1 if late[row] else row
                self.shooter.shoot(*_shot(face))
                self.kernel.event(seed_of(row))
                hits += [(station, int(face["track"]), *rest) for station, _, *rest in self.muon.rows]
        finally:
            self.births.showers = self.deaths.showers = False
            self.reader.face = -1
        return np.concatenate([np.empty(0, CALO_CELL), *self.reader.cells]), hits


def _shot(face: Any) -> tuple[Any, ...]:
    """PDG id, time, place and momentum of a particle a little behind the front."""
    x, y, z, px, py, pz, t = (float(face[c]) for c in ("x", "y", "z", "px", "py", "pz", "t"))
    return int(face["pid"]), t, x + BEHIND * px / pz, y + BEHIND * py / pz, z + BEHIND, px, py, pz

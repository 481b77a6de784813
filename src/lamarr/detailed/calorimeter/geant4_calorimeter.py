"""The calorimeters alone in Geant4: one particle in, energy in fine cells out. Runs in a process of its own.

C++ primitive scorers sum the energy in squares of `FINE` and in `SECTIONS` of the depth; Python is called
once per particle. Every plate is as wide as ``2 HALF_WIDTH``; what leaves it sideways is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["ECAL_EDGES", "FINE_DIVISIONS", "SECTIONS", "SECTION_PART", "Showers", "section_depths"]

FINE_DIVISIONS: Final = 24
"""Squares of the library per side of a module."""

CELLS: Final = 300
"""Squares per side of a plate."""

ECAL_EDGES: Final = (0, 8, 16, 28, 66)
"""First layers of the sections of the ECAL, and their end."""

HCAL_SECTIONS: Final = 2

SECTION_PART: Final = (0, 1, 2, 2, 2, 2, 3, 3)
"""Calorimeter (SPD, PRS, ECAL, HCAL) of each section of the depth."""

SECTIONS: Final = len(SECTION_PART)

_PHYSICS: Final = (
    "G4EmStandardPhysics_option1",
    "G4DecayPhysics",
    "G4HadronElasticPhysics",
    "G4HadronPhysicsFTFP_BERT",
    "G4StoppingPhysics",
    "G4IonPhysics",
)


def section_depths(calorimeter: Calorimeter) -> NDArray[np.float64]:
    """Plane of each section along z (mm): where its energy is taken to be, (SECTIONS,)."""
    ecal, hcal = calorimeter.ecal, calorimeter.hcal
    layer = ecal.lead + ecal.scintillator
    step = hcal.layers * (hcal.iron + hcal.scintillator) / HCAL_SECTIONS
    slabs = [s.z + s.thickness / 2 for s in (calorimeter.spd, calorimeter.prs)]
    # The last section of the ECAL is long and its energy falls: the mean is near a third.
    ends = np.array([(a + (b - a) * w) for a, b, w in zip(ECAL_EDGES, ECAL_EDGES[1:], _WEIGHT, strict=False)])
    depths = [(k + 0.4) * step for k in range(HCAL_SECTIONS)]
    return np.array([*slabs, *(ecal.z + layer * ends), *(hcal.z + d for d in depths)])


_WEIGHT: Final = (0.55, 0.5, 0.45, 0.3)


class Showers:
    """Geant4 with the calorimeters and a particle gun; at most one per process.

    Parameters
    ----------
    calorimeter : Calorimeter
        The declared geometry.
    cut : float
        Production cut, mm.
    """

    def __init__(self, calorimeter: Calorimeter, cut: float = 1.0) -> None:
        from lamarr.detailed.calorimeter.geant4_actions import Application

        self.fine = calorimeter.module / FINE_DIVISIONS
        self._application = Application(calorimeter, self.fine, _PHYSICS, cut)

    def shoot(
        self, particle: str, kinetic: NDArray[np.float64], seed: int, slope: float = 0.0
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield per particle rows (number of the square, MeV), and where it enters (2,), mm; slope dx/dz."""
        rng = np.random.Generator(np.random.Philox(key=seed))
        offsets = (rng.uniform(size=(len(kinetic), 2)) - 0.5) * self.fine
        for i, (energy, offset) in enumerate(zip(kinetic, offsets, strict=True)):
            yield self._application.shoot(particle, float(energy), offset, seed + i, slope), offset


def squares(index: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Section, column and row of the scorer's numbers."""
    return index % SECTIONS, index // SECTIONS // CELLS, index // SECTIONS % CELLS

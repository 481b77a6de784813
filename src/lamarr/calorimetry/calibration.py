"""Constants of the calorimeters' reconstruction, which the program ``calibrate`` beside this fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.declaration import read_yaml, validate
from lamarr.detector.geometry.parts import Declared

__all__ = ["Calibration", "RegionCalibration", "load_calibration"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RegionCalibration(Declared):
    """Corrections of clusters whose seed is in a region.

    With S the energy of the 3 × 3 cells and P that of the preshower in front, the energy is
    S (a0 + a1 ln(S/GeV) + a2 (u² + v²)) + b P + l/sin θ, u and v being the barycentre from the seed in cells
    and l the transverse energy that is lost below thresholds (MeV).
    The position in a cell is s asinh(2 u sinh(1/2s)), with s from `shape`; the depth of the shower behind the
    front of the ECAL is d0 + d1 ln(E/GeV). Errors: σE² = f0² E GeV + f1² E² + (f2/sin θ)² with f2 in MeV,
    σx² = p0² GeV/E + p1² in cells.
    """

    energy: tuple[float, float, float]
    preshower: float
    loss: float
    shape: float
    depth: tuple[float, float]
    energy_error: tuple[float, float, float]
    position_error: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Calibration(Declared):
    """Energy in the scintillator over that of the particle, by calorimeter; corrections by region.

    `profile` is the slope of ln(energy in a cell) against its distance from the shower in cells.
    """

    ecal_sampling: float
    hcal_sampling: float
    profile: tuple[float, float, float]
    regions: tuple[RegionCalibration, RegionCalibration, RegionCalibration]

    def column(self, name: str, region: NDArray[Any], index: int | None = None) -> Floats:
        """Return a constant of the regions (n,) of clusters."""
        values = [getattr(r, name) if index is None else getattr(r, name)[index] for r in self.regions]
        result: Floats = np.array(values)[region]
        return result


@cache
def load_calibration() -> Calibration:
    """Return the shipped constants."""
    file = resources.files(__package__).joinpath("calibration.yaml")
    return validate(Calibration, read_yaml(file.read_text(encoding="utf-8"), file.name), file.name)

"""Digits of the calorimeters: photo-statistics, miscalibration, noise, thresholds and the end of the ADC.

ECAL and HCAL digits are in MeV at the energy scale of incoming particles (see calibration), SPD and PS in
MeV left in the scintillator.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import Calibration
from lamarr.calorimetry.cells import CaloCells, CellMap, calo_cells
from lamarr.detector.geometry.identification import Calorimeter
from lamarr.random import event_generator

__all__ = ["Deposits", "Digits", "Gains", "digitise_deposits", "gains", "gains_of_run", "sine"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Deposits:
    """Energy left in the scintillator by cell, MeV."""

    spd: Floats
    prs: Floats
    ecal: Floats
    hcal: Floats


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Energy by cell, 0 where a cell is not used; `saturated` cells of the ECAL."""

    spd: Floats
    prs: Floats
    ecal: Floats
    hcal: Floats
    saturated: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Gains:
    """True over assumed gain of every cell: they belong to the detector, the same in all events of a run."""

    prs: Floats
    ecal: Floats
    hcal: Floats


@lru_cache(maxsize=8)
def gains(seed: int, ecal_cells: int, hcal_cells: int, ecal: float, hcal: float) -> Gains:
    """Return the gains of a run: 1 with spreads `ecal` and `hcal`; the preshower's spread is the HCAL's."""
    rng = event_generator(seed, 0, "detailed.calorimeter.gains")
    return Gains(
        prs=1 + hcal * rng.standard_normal(ecal_cells),
        ecal=1 + ecal * rng.standard_normal(ecal_cells),
        hcal=1 + hcal * rng.standard_normal(hcal_cells),
    )


def gains_of_run(seed: int, calorimeter: Calorimeter) -> Gains:
    """Return the gains of a calorimeter under a seed."""
    cells = calo_cells(calorimeter)
    spread = (calorimeter.ecal.miscalibration, calorimeter.hcal.miscalibration)
    return gains(seed, len(cells.ecal), len(cells.hcal), *spread)


def digitise_deposits(
    energies: Deposits, c: Calorimeter, calibration: Calibration, gain: Gains, rng: np.random.Generator
) -> Digits:
    """Return the digits of an event."""
    maps = calo_cells(c)
    spd = _photo_statistics(energies.spd, c.spd.photo_electrons, rng)
    prs = gain.prs * _photo_statistics(energies.prs, c.prs.photo_electrons, rng)
    ecal, saturated = _ecal(energies.ecal / calibration.ecal_sampling, maps, gain, c, rng)
    hcal = energies.hcal / calibration.hcal_sampling
    hcal = gain.hcal * _photo_statistics(hcal, 1e-3 * c.hcal.photo_electrons_per_gev, rng)
    hcal += c.hcal.noise * rng.standard_normal(len(hcal))
    return Digits(
        spd=np.where(spd > c.spd.threshold, spd, 0.0),
        prs=np.where(prs > c.prs.threshold, prs, 0.0),
        ecal=ecal,
        hcal=np.where(hcal > c.hcal.threshold, hcal, 0.0),
        saturated=saturated,
    )


def _photo_statistics(energy: Floats, per_mev: float, rng: np.random.Generator) -> Floats:
    result = np.zeros_like(energy)
    lit = energy > 0
    result[lit] = rng.poisson(energy[lit] * per_mev) / per_mev
    return result


def sine(cells: CellMap) -> Floats:
    """Return the sine of the polar angle of each cell: transverse energy over energy."""
    r = np.hypot(cells.x, cells.y)
    result: Floats = r / np.hypot(r, cells.z)
    return result


def _ecal(
    energy: Floats, maps: CaloCells, gain: Gains, c: Any, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return energies and saturation; counts of the ADC are proportional to transverse energy."""
    e = c.ecal
    seen = gain.ecal * _photo_statistics(energy, 1e-3 * e.photo_electrons_per_gev, rng)
    transverse = seen * sine(maps.ecal) + e.noise * rng.standard_normal(len(seen))
    counts = np.rint(transverse / e.adc) * e.adc
    saturated = counts >= e.saturation
    counts = np.where(counts >= e.threshold, np.minimum(counts, e.saturation), 0.0)
    return counts / sine(maps.ecal), saturated

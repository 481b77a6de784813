"""Digits of the detailed simulation: its records and random numbers in :mod:`lamarr.calorimetry.digits`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import Calibration
from lamarr.calorimetry.cells import ECAL, HCAL, PRS, SPD, calo_cells
from lamarr.calorimetry.digits import Deposits, Digits, digitise_deposits, gains_of_run
from lamarr.detailed.context import Context

__all__ = ["Digits", "deposits", "digitise"]


def deposits(cells: NDArray[Any], part: int, n: int) -> NDArray[np.float64]:
    """Return the energy (MeV in the scintillator) of each of the n cells of a calorimeter."""
    mine = cells["part"] == part
    return np.bincount(cells["cell"][mine], cells["energy"][mine], minlength=n).astype(np.float64)


def digitise(cells: NDArray[Any], context: Context, calibration: Calibration, event_id: int) -> Digits:
    """Return the digits of an event, given its CALO_CELL."""
    calorimeter = context.geometry.calorimeter
    maps = calo_cells(calorimeter)
    spd, prs, ecal, hcal = (deposits(cells, part, len(maps[part])) for part in (SPD, PRS, ECAL, HCAL))
    energies = Deposits(spd=spd, prs=prs, ecal=ecal, hcal=hcal)
    rng = context.generator(event_id, "calorimeter.digits")
    return digitise_deposits(energies, calorimeter, calibration, gains_of_run(context.seed, calorimeter), rng)

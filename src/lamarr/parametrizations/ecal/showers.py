"""Showers in a few numbers: energies by depth, and a lateral shape of three kernels, as Geant4 has them.

A shower is energies in eight sections of the depth (SPD, preshower, four of the ECAL, two of the HCAL), and
the weights of three kernels that share the energy of the ECAL around its axis. A kernel is the product of
two logistic distributions, so that what a square holds is a product of two differences.

The table is made by ``python -m lamarr.training.calorimeter.showers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.ecal.columns import Kind

__all__ = ["HCAL_WIDTH", "SECTION_NAMES", "SPECIES_OF_KIND", "WIDTHS", "ShowerTable", "shower_table"]

Floats = NDArray[np.float64]

WIDTHS: Final = (2.5, 9.0, 28.0)
"""Scales (mm) of the logistic kernels in the ECAL."""

HCAL_WIDTH: Final = 50.0
"""Scale (mm) of the kernel in the HCAL."""

SECTION_NAMES: Final = ("spd", "prs", "ecal0", "ecal1", "ecal2", "ecal3", "hcal0", "hcal1")

SPECIES_OF_KIND: Final = {
    Kind.PHOTON: 22,
    Kind.ELECTRON: 11,
    Kind.CHARGED_HADRON: 211,
    Kind.NEUTRAL_HADRON: 2112,
    Kind.MUON: 13,
}
"""PDG id of the species whose showers each kind of source object takes."""

NEAREST: Final = 24
"""A shower is taken among so many of nearest energy."""


@dataclass(frozen=True, kw_only=True)
class ShowerTable:
    """Showers by kind and energy.

    Attributes
    ----------
    kind : array (n,)
        Sorted.
    kinetic : array (n,)
        MeV, sorted within a kind.
    energies : array (n, 8)
        Deposits (MeV in the scintillator) by section.
    weights : array (n, 3)
        Of the kernels; they add up to 1.
    offset : array (n, 2)
        Axis of the shower from the line of the particle, mm.
    """

    kind: NDArray[np.int8]
    kinetic: Floats
    energies: Floats
    weights: Floats
    offset: Floats

    def choose(
        self, kind: NDArray[np.int8], kinetic: Floats, draw: Floats
    ) -> tuple[NDArray[np.int64], Floats]:
        """Row of a shower for each particle, and the factor on its energies (1 for muons).

        Parameters
        ----------
        kind, kinetic, draw : array (m,)
            Of the particles; `draw` uniform in (0, 1).
        """
        rows = np.zeros(len(kind), np.int64)
        for k in np.unique(kind):
            these = np.flatnonzero(kind == k)
            a, b = np.searchsorted(self.kind, (k, k + 1))
            near = min(NEAREST, int(b - a))
            low = np.searchsorted(self.kinetic[a:b], kinetic[these]) - near // 2
            low = np.clip(low, 0, b - a - near)
            rows[these] = a + low + (draw[these] * near).astype(np.int64)
        scale = np.where(kind == Kind.MUON, 1.0, kinetic / self.kinetic[rows])
        return rows, scale


@cache
def shower_table() -> ShowerTable:
    """Return the shipped showers."""
    with resources.files(__package__).joinpath("showers.npz").open("rb") as file, np.load(file) as data:
        weights = data["weights"].astype(np.float64)
        return ShowerTable(
            kind=data["kind"],
            kinetic=np.exp(data["log_kinetic"].astype(np.float64)),
            energies=np.expm1(data["log_energies"].astype(np.float64)),
            weights=weights / weights.sum(axis=1, keepdims=True),
            offset=data["offset"].astype(np.float64) / 10.0,
        )

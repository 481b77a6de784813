"""Cross sections of neutrons, photons and light ions on nuclei in the format of G4PARTICLEXS."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from lamarr.detailed.transport.stand_in.electromagnetic import BARN, vector

__all__ = ["write_neutrons", "write_nuclei"]

MB: Final = 1e-25  # in mm²
IONS: Final = {"proton": (1, 1), "deuteron": (1, 2), "triton": (1, 3), "He3": (2, 3), "alpha": (2, 4)}


def write_neutrons(folder: Path, z: int, mass: float) -> None:
    """Write cross sections of neutrons: thresholds below 20 MeV, a formula above it.

    The last point, 10 GeV, scales Geant4's Glauber cross sections: a table that ended at 20 MeV would give
    wrong hadron showers.

    References
    ----------
    J. Letaw, R. Silberberg, C. Tsao, Proton-nucleus total inelastic cross sections (1983), ApJS 51, 271
    """
    energy = np.geomspace(1e-13, 1e4, 400)
    hot = np.clip(energy, 20, None)
    plateau = 0.045 * mass**0.7 * (1 + 0.016 * np.sin(5.3 - 2.63 * np.log(mass)))  # barn
    light = {1: 0.030, 2: 0.8 * plateau}.get(z, plateau)
    letaw = light * (1 - 0.62 * np.exp(-hot / 200) * np.sin(10.9 * hot**-0.28))
    threshold = {1: 290.0, 6: 4.8, 8: 6.5}.get(z, 2.0 if z < 12 else max(0.5, 1.2 - 0.007 * z))
    rise = 1 - np.exp(-np.clip(energy - threshold, 0, None) / np.clip(threshold, 0.7, 5))
    inelastic = np.where(energy > threshold, letaw * rise, 1e-12)
    disc = np.pi * (1.25 * mass ** (1 / 3) + 1) ** 2 * 0.01
    ratio = 0.32 * (mass / 12) ** 0.28 if z > 2 else 0.3
    elastic = np.where(energy < 20, disc, np.maximum(letaw * ratio, disc * (20 / hot) ** 1.2))
    capture = 0.05 * np.sqrt(2.5e-8 / energy) * mass / 10
    if z == 1:
        elastic = np.where(energy < 0.1, 20.0, np.maximum(20 / (1 + energy / 0.35) ** 0.85, 0.008))
        capture = 0.33 / np.sqrt(np.maximum(energy, 2.5e-8) / 2.5e-8)
    slow = energy <= 20
    vector(folder / f"inel{z}", energy, inelastic * BARN)
    vector(folder / f"el{z}", energy, elastic * BARN)
    vector(folder / f"cap{z}", energy[slow], np.maximum(capture, 1e-12)[slow] * BARN)


def write_nuclei(root: Path, z: int, mass: float) -> None:
    """Write photonuclear cross sections, and up to uranium those of light ions."""
    _write_photonuclear(root / "gamma", z, mass)
    if z <= 92:
        for ion, (charge, ion_mass) in IONS.items():
            _write_ion(root / ion, z, mass, charge, ion_mass)


def _write_photonuclear(folder: Path, z: int, mass: float) -> None:
    """Giant dipole resonance plus a quasi-deuteron tail, on the linear grid of 0 to 130 MeV of Geant4."""
    energy = np.arange(131.0)
    peak, width = 31.2 * mass ** (-1 / 3) + 20.6 * mass ** (-1 / 6), 6.0
    dipole = z * (mass - z) / mass
    breit_wigner = (energy * width) ** 2 / ((energy**2 - peak**2) ** 2 + (energy * width) ** 2 + 1e-9)
    e = np.maximum(energy, 2.224)
    deuteron = 82.19 * (e - 2.224) ** 1.5 / e**3 * np.exp(-60 / e)
    sigma = dipole * (150 / (np.pi * width) * breit_wigner + deuteron)
    vector(folder / f"inel{z}", energy, np.where(energy < (2.2 if z < 2 else 7), 0, sigma) * MB)


def _write_ion(folder: Path, z: int, mass: float, charge: int, ion_mass: int) -> None:
    """Geometric cross section behind the Coulomb barrier."""
    energy, radius = np.geomspace(1e-3, 20, 60), 1.25 * (mass ** (1 / 3) + ion_mass ** (1 / 3))
    sigma = np.pi * radius**2 * 0.01 * np.clip(1 - 1.44 * charge * z / radius / energy, 1e-9, None)
    vector(folder / f"inel{z}", energy, sigma * BARN * (1e-3 if z == 1 else 1))

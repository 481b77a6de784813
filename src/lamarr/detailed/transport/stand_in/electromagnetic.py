"""Bremsstrahlung, photo-electric effect and Rayleigh scattering in the formats of G4EMLOW."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ELEMENTS", "bremsstrahlung", "vector", "write_bremsstrahlung", "write_photons"]

Array = NDArray[Any]
ELEMENTS: Final = range(1, 95)
ELECTRON_MASS: Final = 0.51099895  # MeV
ALPHA: Final = 1 / 137.035999
RADIUS2: Final = 79.40787  # classical electron radius squared, mb
BARN: Final = 1e-22  # in mm², the unit of Geant4's files


def vector(path: Path, x: Array, y: Array) -> None:
    """Write y(x) in the ASCII format of G4PhysicsVector."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "\n".join(f"{a:.10g} {b:.6g}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    path.write_text(f"{x[0]:.8g} {x[-1]:.8g} {len(x)}\n{len(x)}\n{rows}\n")


def bremsstrahlung(z: int, kinetic: float, fraction: Array) -> Array:
    """(β² / Z²) k dσ/dk in mb for electrons of kinetic energy T in MeV, at k = `fraction` × T.

    Thomas-Fermi screening, electron-electron term; the Coulomb correction is switched on from 2 to 50 MeV.

    References
    ----------
    Y.-S. Tsai, Pair production and bremsstrahlung of charged leptons (1974), Rev. Mod. Phys. 46, 815
    """
    energy = kinetic + ELECTRON_MASS
    y = fraction * kinetic / energy
    g = 100 * ELECTRON_MASS * y / np.maximum(energy * (1 - y), ELECTRON_MASS * 1.000001) / z ** (1 / 3)
    e = g / z ** (1 / 3)
    phi1 = 16.863 - 2 * np.log(1 + 0.311877 * g**2) + 2.4 * np.exp(-0.9 * g) + 1.6 * np.exp(-1.5 * g)
    phi2 = phi1 - 2 / (3 + 19.5 * g + 18 * g**2)
    psi1 = 24.34 - 2 * np.log(1 + 13.111641 * e**2) + 2.8 * np.exp(-8 * e) + 1.2 * np.exp(-29.2 * e)
    psi2 = psi1 - 2 / (3 + 120 * e + 1200 * e**2)
    a2 = (ALPHA * z) ** 2
    switched_on = np.clip(np.log(max(kinetic, 2) / 2) / np.log(25), 0, 1)
    coulomb = switched_on * a2 * (1 / (1 + a2) + 0.20206 - 0.0369 * a2 + 0.0083 * a2**2 - 0.002 * a2**3)
    nucleus = phi1 / 4 - np.log(z) / 3 - coulomb
    main = (4 / 3 * (1 - y) + y * y) * (nucleus + (psi1 / 4 - 2 * np.log(z) / 3) / z)
    rest = 2 / 3 * (1 - y) * (phi1 - phi2 + (psi1 - psi2) / z) / 4
    beta2 = kinetic * (kinetic + 2 * ELECTRON_MASS) / energy**2
    result: Array = np.maximum(4 * ALPHA * RADIUS2 * beta2 * (main + rest), 1e-3)
    return result


def write_bremsstrahlung(folder: Path, z: int) -> None:
    """Write the table of :func:`bremsstrahlung` over k/T and T (1 keV to 10 GeV)."""
    folder.mkdir(parents=True, exist_ok=True)
    kinetic = np.append(np.outer(10.0 ** np.arange(-3, 4), [1, 1.5, 2, 3, 4, 5, 6, 8]), 1e4)
    end = [0.925, 0.95, 0.97, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99995, 0.99999, 1]
    fraction = np.append(np.arange(0, 0.91, 0.05), end)
    rows = [fraction, np.log(kinetic), *(bremsstrahlung(z, t, fraction) for t in kinetic.tolist())]
    text = "".join(" ".join(f"{v:.8g}" for v in row) + "\n" for row in rows)
    (folder / f"br{z}").write_text(f"5 {len(fraction)} {len(kinetic)}\n{text}")


def write_photons(root: Path, z: int, mass: float) -> None:
    """Write the photo-electric effect (as one effective shell) and Rayleigh scattering, 110 eV to 750 keV.

    Above 0.6 MeV Geant4 sums a_i / E^i: those are a non-negative fit of the table's upper end.
    """
    import xraydb
    from scipy.optimize import nnls

    edges = np.array([edge.energy for edge in xraydb.xray_edges(z).values() if edge.energy > 110])
    grid = np.unique(
        np.concatenate([np.geomspace(110.0, 7.5e5, 300), edges * (1 - 1e-5), edges * (1 + 1e-5)])
    )
    photo, rayleigh = (mass / 0.602214076 * xraydb.mu_elam(z, grid, kind=k) for k in ("photo", "coh"))  # barn
    energy = grid * 1e-6
    upper = energy > 0.3
    terms = np.stack([1 / energy[upper] ** n for n in (1, 2, 3)], axis=1)
    a, _ = nnls(terms / photo[upper, None], np.ones(int(upper.sum())))
    fit = f"1 1 0.6\n{energy[0]:.8g} {a[0]:.6g} {a[1]:.6g} {a[2]:.6g} 0 0 0\n"
    for absorbed, scattered in (
        ("livermore/phot_epics2014", "livermore/rayl"),
        ("epics2017/phot", "epics2017/rayl"),
    ):
        vector(root / absorbed / f"pe-cs-{z}.dat", energy, photo * energy**3)
        (root / absorbed / f"pe-high-{z}.dat").write_text(fit)
        (root / absorbed / f"pe-low-{z}.dat").write_text(fit)
        vector(root / scattered / f"re-cs-{z}.dat", energy, rayleigh * BARN * energy**2)

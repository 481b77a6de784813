"""Single particles at the calorimeters' front, as analytic events: for calibration, tests and comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.detailed.records import CALO_FACE
from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["flat_photons", "pointing_particles"]

_SPEED_OF_LIGHT = 299.792458  # mm/ns


def pointing_particles(
    x: ArrayLike, y: ArrayLike, energy: ArrayLike, calorimeter: Calorimeter, pid: int = 22
) -> NDArray[Any]:
    """Return CALO_FACE of massless particles from the origin that cross (x, y) in ``ecal.plane``."""
    x, y, energy = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, float)) for v in (x, y, energy)))
    z = calorimeter.ecal.plane
    length = np.sqrt(x**2 + y**2 + z**2)
    faces = np.zeros(len(x), CALO_FACE)
    faces["track"], faces["pid"], faces["energy"] = np.arange(1, len(x) + 1), pid, energy
    for name, place in (("x", x), ("y", y), ("z", z)):
        faces[name] = place * calorimeter.front / z
        faces[f"p{name}"] = energy * place / length
    faces["t"] = length * calorimeter.front / z / _SPEED_OF_LIGHT
    return faces


def flat_photons(
    n: int,
    calorimeter: Calorimeter,
    rng: np.random.Generator,
    region: int | None = None,
    energies: tuple[float, float] = (1e3, 150e3),
    pid: int = 22,
) -> NDArray[Any]:
    """Return n particles flat in ln E (MeV) and in position in a region (None: any), away from borders."""
    m = calorimeter.module
    r = calorimeter.regions[0 if region is None else region]
    inner = calorimeter.regions[region + 1 :] if region is not None else ()
    hole = (inner[0].half_x, inner[0].half_y) if inner else calorimeter.hole
    margin = 1.0 / r.cells if region is not None else 1.0 / 3
    x, y = np.empty(0), np.empty(0)
    while len(x) < n:
        a, b = (rng.uniform(-1, 1, 2 * n) * (h - margin) for h in (r.half_x, r.half_y))
        keep = (np.abs(a) > hole[0] + margin) | (np.abs(b) > hole[1] + margin)
        x, y = np.append(x, a[keep] * m), np.append(y, b[keep] * m)
    low, high = energies
    return pointing_particles(x[:n], y[:n], low * (high / low) ** rng.uniform(size=n), calorimeter, pid)

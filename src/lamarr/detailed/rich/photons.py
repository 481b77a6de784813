"""From the ways of charged particles through a gas to the pixels that their Cherenkov photons hit."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.rich.panels import Panels
from lamarr.detailed.rich.radiator import Radiator
from lamarr.detector.geometry.identification import Rich

__all__ = ["hits", "photon_angles"]

Floats = NDArray[np.float64]


def hits(segments: NDArray[Any], rich: Rich, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the numbers of the pixels hit, sorted, each once.

    Parameters
    ----------
    segments : RICH_SEGMENT (n,)
        Of this radiator alone.
    rich : Rich
    generator : numpy.random.Generator
    """
    panels = Panels(rich)
    noise = generator.integers(panels.n_pixels, size=generator.poisson(rich.noise_hits))
    signal = _signal(segments, rich, panels, generator)
    return np.unique(np.concatenate([noise, signal[signal >= 0]]))


def _signal(
    segments: NDArray[Any], rich: Rich, panels: Panels, generator: np.random.Generator
) -> NDArray[np.int64]:
    radiator = Radiator(rich)
    begin = np.stack([segments["x"], segments["y"], segments["z"]], axis=1)
    way = np.stack([segments["end_x"], segments["end_y"], segments["end_z"]], axis=1) - begin
    length = np.linalg.norm(way, axis=1)
    row, theta = photon_angles(segments, length, radiator, generator)
    n = len(row)
    phi, depth = generator.uniform(0, 2 * np.pi, n), generator.uniform(0, 1, n)
    direction = (way / np.maximum(length, 1e-9)[:, None])[row]
    point = begin[row] + depth[:, None] * way[row]
    true = rotate(direction, theta, phi)
    forward = true[:, 2] > 0.1
    z = np.where(forward, true[:, 2], 1.0)
    x = point[:, 0] + true[:, 0] / z * (rich.mirror.z - point[:, 2])
    y = point[:, 1] + true[:, 1] / z * (rich.mirror.z - point[:, 2])
    panel = ((x, y)[panels.split] < 0).astype(np.int64)
    # The mirrors are tilted: photons from the two ends of the gas differ, here as a shift of the angle.
    shift = rich.emission_point * np.sqrt(12) * (depth - 0.5)
    seen = rotate(direction, theta + shift, phi) + _smearing(radiator, n, generator)
    scale = panels.focal_length / np.where(forward, seen[:, 2], 1.0)
    pixel = panels.pixels(panel, seen[:, 0] * scale, seen[:, 1] * scale)
    return np.where(forward & panels.on_mirror(x, y), pixel, -1)


def photon_angles(
    segments: NDArray[Any], length: Floats, radiator: Radiator, generator: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Return the segment and the true angle (rad) of every photon that would be detected.

    The number is a Poisson number with Frank and Tamm's mean ∝ length · sin²θ; each photon has an index of
    its own, so that light sets in gradually at threshold.
    """
    p = np.sqrt(segments["px"] ** 2 + segments["py"] ** 2 + segments["pz"] ** 2)
    beta = p / np.hypot(p, masses(segments["pid"]))
    most = np.asarray(radiator.sin2(beta, float(radiator.index_of(np.array(2.5)))))
    row = np.repeat(np.arange(len(segments)), generator.poisson(radiator.photons(most, length)))
    index = radiator.index_of(generator.standard_normal(len(row)))
    sin2 = radiator.sin2(beta[row], index)
    kept = generator.uniform(size=len(row)) * most[row] < sin2
    return row[kept], np.arcsin(np.sqrt(sin2[kept]))


def rotate(direction: Floats, theta: Floats, phi: Floats) -> Floats:
    """Return unit vectors (n, 3) at angle θ around `direction` (n, 3), at azimuth φ."""
    x, y, z = direction.T
    norm = np.sqrt(np.maximum(1 - y**2, 1e-12))
    first = np.stack([z / norm, np.zeros_like(x), -x / norm], axis=1)
    second = np.cross(direction, first)
    sine = np.sin(theta)
    across = (sine * np.cos(phi))[:, None] * first + (sine * np.sin(phi))[:, None] * second
    return np.asarray(np.cos(theta)[:, None] * direction + across)


def _smearing(radiator: Radiator, n: int, generator: np.random.Generator) -> Floats:
    """Errors of the direction (n, 3) from the photon detectors and the mirrors, a Gaussian with tails."""
    rich = radiator.rich
    width = np.where(generator.uniform(size=n) < rich.tail, rich.tail_width, 1.0) * radiator.isotropic
    errors = np.zeros((n, 3))
    errors[:, :2] = generator.standard_normal((n, 2)) * width[:, None]
    return errors


def masses(pid: NDArray[Any]) -> Floats:
    """Masses (MeV) of PDG ids."""
    ids, inverse = np.unique(np.abs(pid), return_inverse=True)
    return np.array([_mass(int(i)) for i in ids], float)[inverse]


@lru_cache(maxsize=1024)
def _mass(pid: int) -> float:
    """Mass of a particle; of a nucleus that has no table entry, A times that of a nucleon."""
    from particle import PDGID, InvalidParticle, Particle, ParticleNotFound

    try:
        mass = Particle.from_pdgid(pid).mass
    except (InvalidParticle, ParticleNotFound):
        mass = None
    return float(mass) if mass is not None else 931.494 * float(PDGID(pid).A or 1)

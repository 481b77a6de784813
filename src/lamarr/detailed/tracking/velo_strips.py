"""The strips of the VELO's R and φ sensors: what a particle at (x, y) makes them measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.trackers import Velo

__all__ = ["phi_strips", "r_strips", "strip_offset"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strips = tuple[Floats, Floats, Ints]

R_SECTORS = 4  # of 45° per half disc


def _resolution(velo: Velo, pitch: Floats) -> Floats:
    result: Floats = np.maximum(velo.resolution.floor, velo.resolution.factor * pitch)
    return result


def r_strips(velo: Velo, x: Floats, y: Floats, side: Ints, sign: Floats, noise: Floats) -> Strips:  # noqa: ARG001
    """Values (n, 7) as in ``Hits``, channels in pitches, and sectors of R strips.

    The pitch grows linearly with r, hence the channel is the logarithm of the pitch.
    """
    r = np.hypot(x, y)
    slope = (velo.r_pitch[1] - velo.r_pitch[0]) / (velo.r_max - velo.r_min)
    pitch = velo.r_pitch[0] + slope * (r - velo.r_min)
    sigma = _resolution(velo, pitch)
    phi = np.arctan2(y, x)
    turned = np.where(side > 0, phi, np.mod(phi, 2 * np.pi) - np.pi)  # −π/2 … π/2 on both sides
    sector = np.clip(np.floor((turned / np.pi + 0.5) * R_SECTORS), 0, R_SECTORS - 1)
    centre = ((sector + 0.5) / R_SECTORS - 0.5) * np.pi + np.where(side > 0, 0.0, np.pi)
    half = np.pi / 2 / R_SECTORS
    zero = np.zeros_like(r)
    values = np.stack([zero, zero, r + sigma * noise, zero, sigma, centre - half, centre + half], axis=1)
    return values, np.log(pitch) / slope, sector.astype(np.int64)


def strip_offset(velo: Velo, outer: NDArray[np.bool_]) -> Floats:
    """Distance (mm) of straight φ strips to the beam axis: that of their stereo angle where they begin."""
    inner_d = velo.r_min * np.sin(np.radians(velo.stereo[0]))
    outer_d = velo.r_boundary * np.sin(np.radians(velo.stereo[1]))
    result: Floats = np.where(outer, outer_d, inner_d)
    return result


def phi_strips(velo: Velo, x: Floats, y: Floats, side: Ints, sign: Floats, noise: Floats) -> Strips:
    """Values (n, 7) as in ``Hits``, channels in pitches, and sectors (inner, outer) of φ strips.

    A strip is the straight line −x sin α + y cos α = d with d the same for all strips of a part. The sign of
    the stereo angle, `sign`, alternates between modules.
    """
    r, phi = np.hypot(x, y), np.arctan2(y, x)
    outer = r > velo.r_boundary
    d = sign * strip_offset(velo, outer)
    alpha = phi - np.arcsin(np.clip(d / r, -1, 1))
    inner_slope = (velo.phi_inner_pitch[1] - velo.phi_inner_pitch[0]) / (velo.r_boundary - velo.r_min)
    outer_slope = (velo.phi_outer_pitch[1] - velo.phi_outer_pitch[0]) / (velo.r_max - velo.r_boundary)
    pitch = np.where(
        outer,
        velo.phi_outer_pitch[0] + outer_slope * (r - velo.r_boundary),
        velo.phi_inner_pitch[0] + inner_slope * (r - velo.r_min),
    )
    sigma = _resolution(velo, pitch)
    along = np.sqrt(np.maximum(r**2 - d**2, 1.0))
    alpha = alpha + sigma * noise / along
    zero = np.zeros_like(r)
    low, high = np.where(outer, velo.r_boundary, 0.0), np.where(outer, 1e3, velo.r_boundary)
    values = np.stack([-np.sin(alpha), np.cos(alpha), d, zero, sigma, low, high], axis=1)
    turned = np.where(side > 0, alpha, np.mod(alpha, 2 * np.pi))
    per_radian = np.where(
        outer, velo.r_boundary / velo.phi_outer_pitch[0], velo.r_min / velo.phi_inner_pitch[0]
    )
    return values, turned * per_radian, outer.astype(np.int64)

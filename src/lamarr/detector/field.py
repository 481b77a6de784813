"""The dipole on the axis: By(z), its integrals, and tracks through it by Runge-Kutta.

By does not depend on x and y here, and Bx = Bz = 0: the field off the axis (up to 14 % stronger at the
edge of the acceptance) is that of :mod:`lamarr.detector.field_map`, which the detailed simulation uses; the
flash simulation's kick is fitted to the profile alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.detector.description import Detector
from lamarr.units import c_light

__all__ = ["BENDING", "States", "extrapolate", "field_by", "integral_by"]

BENDING: Final = c_light * 1e-3
"""Transverse momentum (MeV) that one unit of charge gains per T mm: 0.299792458."""


def field_by(detector: Detector, z: ArrayLike) -> NDArray[np.float64]:
    """By(0, 0, z) in Tesla with the sign of the polarity (MagUp: along +y)."""
    profile = detector.field
    d = np.asarray(z, np.float64) - profile.centre
    upstream = d < 0
    width = np.where(upstream, profile.upstream_width, profile.downstream_width)
    power = np.where(upstream, profile.upstream_power, profile.downstream_power)
    b: NDArray[np.float64] = profile.peak * np.exp(-0.5 * np.abs(d / width) ** power)
    return detector.field_sign * b


def integral_by(detector: Detector, z1: float, z2: float, moment: int = 0, steps: int = 4000) -> float:
    """∫ z^moment By dz from `z1` to `z2` (mm) by Simpson's rule, in T m (moment 0) or T m² (moment 1)."""
    z, h = np.linspace(z1, z2, 2 * steps + 1, retstep=True)
    f = field_by(detector, z) * (z * 1e-3) ** moment
    return float(h / 3 * (f[0] + f[-1] + 4 * f[1::2].sum() + 2 * f[2:-1:2].sum()) * 1e-3)


@dataclass(frozen=True, kw_only=True)
class States:
    """Track states: x, y (mm), slopes tx, ty and q/p (1/MeV), arrays (rows,), at one z (mm) or one each."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    tx: NDArray[np.float64]
    ty: NDArray[np.float64]
    qop: NDArray[np.float64]
    z: NDArray[np.float64] | float


def extrapolate(detector: Detector, states: States, z_end: float, steps: int = 400) -> States:
    """Carry states through the field to `z_end` by the classical fourth-order Runge-Kutta method.

    With κ = 0.299792458 MeV/(T mm) and n = √(1 + tx² + ty²):
    dx/dz = tx, dy/dz = ty, dtx/dz = −κ (q/p) n (1 + tx²) By, dty/dz = −κ (q/p) n tx ty By.

    A track that the field turns back before `z_end` comes out as NaN.
    """
    z = np.broadcast_to(np.asarray(states.z, np.float64), states.x.shape)
    h = (z_end - z) / steps
    y = np.stack([states.x, states.y, states.tx, states.ty]).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(steps):
            y = y + _step(detector, z + i * h, y, states.qop, h)
    turned = ~np.isfinite(y).all(axis=0) | (np.abs(y[2]) > 1e3)
    y[:, turned] = np.nan
    return States(x=y[0], y=y[1], tx=y[2], ty=y[3], qop=states.qop, z=z_end)


def _step(
    detector: Detector,
    z: NDArray[np.float64],
    y: NDArray[np.float64],
    qop: NDArray[np.float64],
    h: NDArray[np.float64],
) -> NDArray[np.float64]:
    def slope(z: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        _, _, tx, ty = y
        k = -BENDING * qop * np.sqrt(1 + tx**2 + ty**2) * field_by(detector, z)
        return np.stack([tx, ty, k * (1 + tx**2), k * tx * ty])

    k1 = slope(z, y)
    k2 = slope(z + h / 2, y + h / 2 * k1)
    k3 = slope(z + h / 2, y + h / 2 * k2)
    k4 = slope(z + h, y + h * k3)
    result: NDArray[np.float64] = h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return result

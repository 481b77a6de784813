"""Steps of a track state and its derivatives through the field, in scalars: arrays would cost more.

A column is (x, y, tx, ty) of a state, or its derivatives by tx, ty or q/p.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled, inlined
from lamarr.detector.field import BENDING
from lamarr.detector.field_kernel import field_at

__all__ = ["KAPPA", "SHORT", "STEP", "Column", "short_step", "step"]

Floats = NDArray[np.float64]
Column = tuple[float, float, float, float]
Bending = tuple[float, float, float, float, float, float, float, float]

KAPPA = BENDING * 1e-3  # GeV per T mm
STEP = 150.0  # longest Runge-Kutta step (mm): at 3 GeV 2 µm, at most 19 µm behind the magnet from finer ones
SHORT = 40.0  # below, the field is taken from the middle of the way


@inlined
def _bending(
    grid: Floats, frame: Floats, x: float, y: float, z: float, tx: float, ty: float, q: float
) -> Bending:
    """dtx/dz and dty/dz, their derivatives by tx and ty (of each), and by q/p (of each).

    dtx/dz = κ (q/p) n a, dty/dz = κ (q/p) n b with n = √(1 + tx² + ty²),
    a = ty (tx Bx + Bz) − (1 + tx²) By, b = −tx (ty By + Bz) + (1 + ty²) Bx. The field gradient is left out.
    """
    bx, by, bz = field_at(grid, frame, x, y, z)
    n = math.sqrt(1 + tx * tx + ty * ty)
    a = ty * (tx * bx + bz) - (1 + tx * tx) * by
    b = -tx * (ty * by + bz) + (1 + ty * ty) * bx
    c = KAPPA * q
    a_tx, a_ty = c * (tx / n * a + n * (ty * bx - 2 * tx * by)), c * (ty / n * a + n * (tx * bx + bz))
    b_tx, b_ty = c * (tx / n * b - n * (ty * by + bz)), c * (ty / n * b + n * (2 * ty * bx - tx * by))
    return c * n * a, c * n * b, a_tx, a_ty, b_tx, b_ty, KAPPA * n * a, KAPPA * n * b


@inlined
def _turn(f: Bending, tx: float, ty: float, source: float) -> tuple[float, float]:
    """Rates of the slopes of a column of derivatives; `source` is 1 for that by q/p, 0 for the others."""
    u, v = f[2] * tx + f[3] * ty, f[4] * tx + f[5] * ty
    if source != 0.0:
        u += f[6]
        v += f[7]
    return u, v


@inlined
def _short(h: float, f: Bending, c: Column, source: float) -> Column:
    """Carry a column of derivatives by `h`, by the midpoint rule."""
    u, v = _turn(f, c[2], c[3], source)
    half = 0.5 * h
    return c[0] + h * (c[2] + half * u), c[1] + h * (c[3] + half * v), c[2] + h * u, c[3] + h * v


@inlined
def _mean(h: float, y: float, k1: float, k2: float, k3: float, k4: float) -> float:
    return y + h / 6 * (k1 + 2 * (k2 + k3) + k4)


@inlined
def _long(h: float, f1: Bending, f2: Bending, f3: Bending, f4: Bending, c: Column, source: float) -> Column:
    """Carry a column of derivatives by `h`, by the fourth-order rule."""
    half = 0.5 * h
    u1, v1 = _turn(f1, c[2], c[3], source)
    tx2, ty2 = c[2] + half * u1, c[3] + half * v1
    u2, v2 = _turn(f2, tx2, ty2, source)
    tx3, ty3 = c[2] + half * u2, c[3] + half * v2
    u3, v3 = _turn(f3, tx3, ty3, source)
    tx4, ty4 = c[2] + h * u3, c[3] + h * v3
    u4, v4 = _turn(f4, tx4, ty4, source)
    return (
        _mean(h, c[0], c[2], tx2, tx3, tx4),
        _mean(h, c[1], c[3], ty2, ty3, ty4),
        _mean(h, c[2], u1, u2, u3, u4),
        _mean(h, c[3], v1, v2, v3, v4),
    )


@inlined
def short_step(
    grid: Floats, frame: Floats, z: float, h: float, q: float, s: Column, a: Column, b: Column, c: Column
) -> tuple[Column, Column, Column, Column]:
    """Carry a state and its derivatives by tx, ty and q/p from `z` by the short way `h`: midpoint rule."""
    x, y, tx, ty = s
    half = 0.5 * h
    f = _bending(grid, frame, x + half * tx, y + half * ty, z + half, tx, ty, q)
    s = (x + h * (tx + half * f[0]), y + h * (ty + half * f[1]), tx + h * f[0], ty + h * f[1])
    return s, _short(h, f, a, 0.0), _short(h, f, b, 0.0), _short(h, f, c, 1.0)


@compiled
def step(
    grid: Floats, frame: Floats, z: float, h: float, q: float, s: Column, a: Column, b: Column, c: Column
) -> tuple[Column, Column, Column, Column]:
    """Carry a state and its derivatives by a way `h` of any length: fourth-order Runge-Kutta rule."""
    x, y, tx, ty = s
    half = 0.5 * h
    f1 = _bending(grid, frame, x, y, z, tx, ty, q)
    tx2, ty2 = tx + half * f1[0], ty + half * f1[1]
    f2 = _bending(grid, frame, x + half * tx, y + half * ty, z + half, tx2, ty2, q)
    tx3, ty3 = tx + half * f2[0], ty + half * f2[1]
    f3 = _bending(grid, frame, x + half * tx2, y + half * ty2, z + half, tx3, ty3, q)
    tx4, ty4 = tx + h * f3[0], ty + h * f3[1]
    f4 = _bending(grid, frame, x + h * tx3, y + h * ty3, z + h, tx4, ty4, q)
    s = (
        _mean(h, x, tx, tx2, tx3, tx4),
        _mean(h, y, ty, ty2, ty3, ty4),
        _mean(h, tx, f1[0], f2[0], f3[0], f4[0]),
        _mean(h, ty, f1[1], f2[1], f3[1], f4[1]),
    )
    first, second = _long(h, f1, f2, f3, f4, a, 0.0), _long(h, f1, f2, f3, f4, b, 0.0)
    return s, first, second, _long(h, f1, f2, f3, f4, c, 1.0)

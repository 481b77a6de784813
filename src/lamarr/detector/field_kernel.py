"""Trilinear interpolation of the field map, for numba where it is installed and as plain Python otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["field_at", "field_many"]

try:
    from numba import njit

    compiled: Callable[[Any], Any] = njit(cache=True, fastmath=False, forceinline=True)
except ImportError:  # the map then works at a hundredth of the speed

    def compiled(function: Any) -> Any:
        """Leave a function as it is."""
        return function


@compiled
def field_at(grid: Any, frame: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """(Bx, By, Bz) at a point (mm), from one quadrant by symmetry.

    Beyond the grid the value at its surface falls as exp(−(distance/range)²).

    Parameters
    ----------
    grid : array (nz, ny, nx, 3), float
        Field in Tesla for x, y ≥ 0.
    frame : array (7,)
        z of the first plane, steps in z, y, x, ends of the map in x and y, range of the fall (mm).
    """
    nz, ny, nx = grid.shape[0], grid.shape[1], grid.shape[2]
    sx = 1.0 if x >= 0.0 else -1.0
    sy = 1.0 if y >= 0.0 else -1.0
    u = abs(x) / frame[3]
    v = abs(y) / frame[2]
    w = (z - frame[0]) / frame[1]
    outside = 0.0
    if u > nx - 1.0:
        outside += ((u - (nx - 1.0)) * frame[3]) ** 2
        u = nx - 1.0
    if v > ny - 1.0:
        outside += ((v - (ny - 1.0)) * frame[2]) ** 2
        v = ny - 1.0
    if w > nz - 1.0:
        outside += ((w - (nz - 1.0)) * frame[1]) ** 2
        w = nz - 1.0
    if w < 0.0:
        outside += (w * frame[1]) ** 2
        w = 0.0
    i, j, k = min(int(u), nx - 2), min(int(v), ny - 2), min(int(w), nz - 2)
    u -= i
    v -= j
    w -= k
    scale = 1.0
    if outside > 0.0:
        scale = math.exp(-outside / frame[6] ** 2)
    a00, a01 = (1.0 - w) * (1.0 - v) * (1.0 - u), (1.0 - w) * (1.0 - v) * u
    a10, a11 = (1.0 - w) * v * (1.0 - u), (1.0 - w) * v * u
    b00, b01 = w * (1.0 - v) * (1.0 - u), w * (1.0 - v) * u
    b10, b11 = w * v * (1.0 - u), w * v * u
    bx = a00 * grid[k, j, i, 0] + a01 * grid[k, j, i + 1, 0]
    bx += a10 * grid[k, j + 1, i, 0] + a11 * grid[k, j + 1, i + 1, 0]
    bx += b00 * grid[k + 1, j, i, 0] + b01 * grid[k + 1, j, i + 1, 0]
    bx += b10 * grid[k + 1, j + 1, i, 0] + b11 * grid[k + 1, j + 1, i + 1, 0]
    by = a00 * grid[k, j, i, 1] + a01 * grid[k, j, i + 1, 1]
    by += a10 * grid[k, j + 1, i, 1] + a11 * grid[k, j + 1, i + 1, 1]
    by += b00 * grid[k + 1, j, i, 1] + b01 * grid[k + 1, j, i + 1, 1]
    by += b10 * grid[k + 1, j + 1, i, 1] + b11 * grid[k + 1, j + 1, i + 1, 1]
    bz = a00 * grid[k, j, i, 2] + a01 * grid[k, j, i + 1, 2]
    bz += a10 * grid[k, j + 1, i, 2] + a11 * grid[k, j + 1, i + 1, 2]
    bz += b00 * grid[k + 1, j, i, 2] + b01 * grid[k + 1, j, i + 1, 2]
    bz += b10 * grid[k + 1, j + 1, i, 2] + b11 * grid[k + 1, j + 1, i + 1, 2]
    return sx * sy * scale * bx, scale * by, sy * scale * bz


@compiled
def field_many(grid: Any, frame: Any, x: Any, y: Any, z: Any) -> Any:
    """Field at points, arrays (points,): shape (3, points)."""
    out = np.empty((3, len(x)))
    for i in range(len(x)):
        out[0, i], out[1, i], out[2, i] = field_at(grid, frame, x[i], y[i], z[i])
    return out

"""Track states through field and material: Runge-Kutta with Jacobian, multiple scattering, energy loss.

A state is (x, y, tx, ty, q/p) with lengths in mm and q/p in 1/GeV, which keeps the 5×5 covariances well
conditioned. Compiled; arrays are changed in place.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled, inlined
from lamarr.detailed.tracking.runge_kutta import KAPPA, SHORT, STEP, Column, short_step, step

__all__ = ["KAPPA", "Slowing", "advance", "energy_loss", "propagate", "scatter", "slowing"]

Floats = NDArray[np.float64]
Slowing = tuple[float, float, float]

HIGHLAND = 0.0136  # GeV
IDENTITY = ((0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0))
"""Derivatives of (x, y, tx, ty) by tx, ty and q/p where a way begins."""
PION = 0.13957  # GeV: the species of a track is not known when it is fitted


@inlined
def propagate(grid: Floats, frame: Floats, s: Floats, p: Floats, d: Floats, z: float, z_end: float) -> None:
    """Carry state `s` (5,) and covariance `p` (5, 5) from `z` to `z_end` through the field alone.

    `d` (5,) is a deviation from `s` that is carried linearly: a filter which starts without knowledge of the
    momentum strays so far that the field's curvature would bias it, were it not linear about a reference.
    """
    h = z_end - z
    if abs(h) < SHORT:
        _near(grid, frame, s, p, d, z, h)
    else:
        _far(grid, frame, s, p, d, z, h)


@inlined
def _near(grid: Floats, frame: Floats, s: Floats, p: Floats, d: Floats, z: float, h: float) -> None:
    """Propagate by the short way `h`."""
    y, a, b, c = short_step(grid, frame, z, h, s[4], (s[0], s[1], s[2], s[3]), *IDENTITY)
    s[0], s[1], s[2], s[3] = y
    _transport(p, d, a, b, c)


@compiled
def _far(grid: Floats, frame: Floats, s: Floats, p: Floats, d: Floats, z: float, h: float) -> None:
    """Propagate by the long way `h`."""
    y, q = (s[0], s[1], s[2], s[3]), s[4]
    a, b, c = IDENTITY
    n = max(math.ceil(abs(h) / STEP), 1)
    h = h / n
    for i in range(n):
        y, a, b, c = step(grid, frame, z + i * h, h, q, y, a, b, c)
    s[0], s[1], s[2], s[3] = y
    _transport(p, d, a, b, c)


@inlined
def _transport(p: Floats, d: Floats, a: Column, b: Column, c: Column) -> None:
    """Turn p into F p Fᵀ and d into F d; F is the identity but for its last three columns, (a b c; 0 0 1)."""
    g2, g3, g4 = d[2], d[3], d[4]
    d[0] += a[0] * g2 + b[0] * g3 + c[0] * g4
    d[1] += a[1] * g2 + b[1] * g3 + c[1] * g4
    d[2] = a[2] * g2 + b[2] * g3 + c[2] * g4
    d[3] = a[3] * g2 + b[3] * g3 + c[3] * g4
    for k in range(5):
        g2, g3, g4 = p[2, k], p[3, k], p[4, k]
        p[0, k] += a[0] * g2 + b[0] * g3 + c[0] * g4
        p[1, k] += a[1] * g2 + b[1] * g3 + c[1] * g4
        p[2, k] = a[2] * g2 + b[2] * g3 + c[2] * g4
        p[3, k] = a[3] * g2 + b[3] * g3 + c[3] * g4
    for k in range(5):
        g2, g3, g4 = p[k, 2], p[k, 3], p[k, 4]
        p[k, 0] += a[0] * g2 + b[0] * g3 + c[0] * g4
        p[k, 1] += a[1] * g2 + b[1] * g3 + c[1] * g4
        p[k, 2] = a[2] * g2 + b[2] * g3 + c[2] * g4
        p[k, 3] = a[3] * g2 + b[3] * g3 + c[3] * g4


@inlined
def slowing(q: float) -> Slowing:
    """Return what scattering and energy loss of a pion of momentum 1/|q| need, but for the material.

    Highland's θ² without the amount, with the pion's β; its logarithm is taken at a tenth of a radiation
    length instead of each thin layer, since variances of layers add up to that of their sum. β² and the
    bracket of Bethe's formula for light materials: the density effect is Fermi's limit above βγ = 10 (plasma
    energy 29 eV, mean excitation energy 110 eV).
    """
    theta2 = (HIGHLAND * q * (1 + 0.038 * math.log(0.1))) ** 2 / (1 / (1 + (PION * q) ** 2))
    bg2 = 1 / (PION * q) ** 2
    beta2 = bg2 / (1 + bg2)
    logarithm = math.log(1.022e6 * bg2 / 110.0)
    delta = max(math.log(29.0 / 110.0) + 0.5 * math.log(bg2) - 0.5, 0.0)
    return theta2, beta2, logarithm - beta2 - delta


@inlined
def scatter(s: Floats, p: Floats, x0: float, of: Slowing) -> None:
    """Add multiple scattering in `x0` radiation lengths at normal incidence to `p`."""
    n2 = 1 + s[2] * s[2] + s[3] * s[3]
    theta2 = of[0] * x0 * math.sqrt(n2)
    p[2, 2] += theta2 * n2 * (1 + s[2] * s[2])
    p[3, 3] += theta2 * n2 * (1 + s[3] * s[3])
    p[2, 3] += theta2 * n2 * s[2] * s[3]
    p[3, 2] = p[2, 3]


@inlined
def energy_loss(mass: float, of: Slowing) -> float:
    """Mean loss (GeV) in `mass` g/cm²."""
    return 1e-3 * 0.1535 * mass / of[1] * of[2]


@inlined
def _inside(slabs: Floats, n: int, x: float, y: float) -> bool:
    if slabs[n, 3] == 0.0:
        r2 = x * x + y * y
        return bool(slabs[n, 4] ** 2 <= r2 < slabs[n, 5] ** 2 and x * slabs[n, 6] > -0.5)
    ax, ay = abs(x), abs(y)
    if ax > slabs[n, 4] or ay > slabs[n, 5]:
        return False
    return not (ax < slabs[n, 6] and ay < slabs[n, 7]) and not (ax < slabs[n, 8] and ay < slabs[n, 9])


@compiled
def _pipe_wall(pipe: Floats, piece: int, r: float, z: float, r_before: float, z_before: float) -> float:
    """Way (mm along z) through the wall of a piece of pipe on a straight line from `z_before` to `z`."""
    low, high = max(min(z, z_before), pipe[piece, 0]), min(max(z, z_before), pipe[piece, 1])
    if low >= high:
        return 0.0
    track = (r - r_before) / (z - z_before)
    cone = (pipe[piece, 3] - pipe[piece, 2]) / (pipe[piece, 1] - pipe[piece, 0])
    gap = r_before + track * (low - z_before) - pipe[piece, 2] - cone * (low - pipe[piece, 0])
    if gap * (gap + (track - cone) * (high - low)) >= 0:
        return 0.0
    return float(min(pipe[piece, 4] / abs(track - cone), high - low))


@inlined
def _material(s: Floats, p: Floats, x0: float, mass: float, of: Slowing, outward: float) -> None:
    scatter(s, p, x0, of)
    n = math.sqrt(1 + s[2] * s[2] + s[3] * s[3])
    loss = energy_loss(mass * n, of)
    if s[4] != 0.0:
        momentum = max(abs(1 / s[4]) - outward * loss, 0.05)
        s[4] = math.copysign(1 / momentum, s[4])


@inlined
def _cross_pipe(
    pipe: Floats,
    s: Floats,
    p: Floats,
    z: float,
    x_before: float,
    y_before: float,
    z_before: float,
    of: Slowing,
    outward: float,
) -> None:
    if z == z_before or max(z, z_before) < pipe[0, 0]:
        return
    r, r_before = math.hypot(s[0], s[1]), math.hypot(x_before, y_before)
    for i in range(len(pipe)):
        wall = _pipe_wall(pipe, i, r, z, r_before, z_before)
        if wall > 0.0:
            _material(s, p, wall * pipe[i, 5], wall * pipe[i, 6], of, outward)


@inlined
def _first_behind(slabs: Floats, z: float) -> int:
    """Return the number of slabs in front of `z`: the first that is not."""
    low, high = 0, len(slabs)
    while low < high:
        middle = (low + high) // 2
        if slabs[middle, 0] < z:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def advance(
    grid: Floats,
    frame: Floats,
    slabs: Floats,
    pipe: Floats,
    s: Floats,
    p: Floats,
    d: Floats,
    z: float,
    z_end: float,
    of: Slowing,
    outward: float,
) -> None:
    """Carry state, covariance and deviation from `z` to `z_end` through field and material.

    Parameters
    ----------
    of : Slowing
        Of the q/p that sets scattering and energy loss, a better guess than the state's while a fit begins.
    outward : float
        1 if the particle flew this way, losing energy; −1 if it came from there.

    Material at `z` itself is passed when leaving outwards, at `z_end` when arriving inwards: each once.
    """
    up, low, high = z_end > z, min(z, z_end), max(z, z_end)
    # half-open intervals: [z, z_end) in the direction of growing z, the same on the way back
    first = _first_behind(slabs, low)
    last = first
    while last < len(slabs) and slabs[last, 0] < high:
        last += 1
    x_before, y_before, z_before = s[0], s[1], z
    for k in range(last - first):
        n = first + k if up else last - 1 - k
        way = slabs[n, 0] - z
        if not _inside(slabs, n, s[0] + way * s[2], s[1] + way * s[3]):
            continue
        if way != 0.0:
            propagate(grid, frame, s, p, d, z, slabs[n, 0])
            z = slabs[n, 0]
        _material(s, p, slabs[n, 1], slabs[n, 2], of, outward)
        _cross_pipe(pipe, s, p, z, x_before, y_before, z_before, of, outward)
        x_before, y_before, z_before = s[0], s[1], z
    if z_end != z:
        propagate(grid, frame, s, p, d, z, z_end)
        _cross_pipe(pipe, s, p, z_end, x_before, y_before, z_before, of, outward)

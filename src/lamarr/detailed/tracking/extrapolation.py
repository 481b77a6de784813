"""Track states through field and material: Runge-Kutta with Jacobian, multiple scattering, energy loss.

A state is (x, y, tx, ty, q/p) with lengths in mm and q/p in 1/GeV, which keeps the 5×5 covariances well
conditioned. Compiled; arrays are changed in place. `work` is scratch space of shape (6, 4, 4).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled
from lamarr.detector.field import BENDING
from lamarr.detector.field_kernel import field_at

__all__ = ["advance", "energy_loss", "propagate", "scatter", "step"]

Floats = NDArray[np.float64]

KAPPA = BENDING * 1e-3  # GeV per T mm
STEP = 150.0  # longest Runge-Kutta step (mm): at 3 GeV 2 µm, at most 19 µm behind the magnet from finer ones
SHORT = 40.0  # below, the field is taken from the middle of the way
HIGHLAND = 0.0136  # GeV
PION = 0.13957  # GeV: the species of a track is not known when it is fitted


@compiled
def _derivative(grid: Floats, frame: Floats, z: float, y: Floats, q: float, k: Floats) -> None:
    """d/dz of `y` (4, 4): the state in column 0, its derivatives by tx, ty and q/p in the others.

    dtx/dz = κ (q/p) n a, dty/dz = κ (q/p) n b with n = √(1 + tx² + ty²),
    a = ty (tx Bx + Bz) − (1 + tx²) By, b = −tx (ty By + Bz) + (1 + ty²) Bx. The field gradient is left out.
    """
    bx, by, bz = field_at(grid, frame, y[0, 0], y[1, 0], z)
    tx, ty = y[2, 0], y[3, 0]
    n = math.sqrt(1 + tx * tx + ty * ty)
    a = ty * (tx * bx + bz) - (1 + tx * tx) * by
    b = -tx * (ty * by + bz) + (1 + ty * ty) * bx
    c = KAPPA * q
    k[0, 0], k[1, 0], k[2, 0], k[3, 0] = tx, ty, c * n * a, c * n * b
    a_tx, a_ty = c * (tx / n * a + n * (ty * bx - 2 * tx * by)), c * (ty / n * a + n * (tx * bx + bz))
    b_tx, b_ty = c * (tx / n * b - n * (ty * by + bz)), c * (ty / n * b + n * (2 * ty * bx - tx * by))
    for j in range(1, 4):
        k[0, j], k[1, j] = y[2, j], y[3, j]
        k[2, j] = a_tx * y[2, j] + a_ty * y[3, j]
        k[3, j] = b_tx * y[2, j] + b_ty * y[3, j]
    k[2, 3] += KAPPA * n * a
    k[3, 3] += KAPPA * n * b


@compiled
def step(grid: Floats, frame: Floats, z: float, h: float, y: Floats, q: float, work: Floats) -> None:
    """Carry `y` (4, 4) by `h`: midpoint rule for short ways, fourth-order Runge-Kutta for others."""
    k1, k2, k3, k4, u = work[0], work[1], work[2], work[3], work[4]
    if abs(h) < SHORT:
        for i in range(4):
            for j in range(4):
                u[i, j] = y[i, j]
        u[0, 0] += 0.5 * h * y[2, 0]
        u[1, 0] += 0.5 * h * y[3, 0]
        _derivative(grid, frame, z + 0.5 * h, u, q, k1)
        for j in range(4):
            for i in range(2):
                y[i, j] += h * (y[i + 2, j] + 0.5 * h * k1[i + 2, j])
                y[i + 2, j] += h * k1[i + 2, j]
        return
    _derivative(grid, frame, z, y, q, k1)
    for i in range(4):
        for j in range(4):
            u[i, j] = y[i, j] + 0.5 * h * k1[i, j]
    _derivative(grid, frame, z + 0.5 * h, u, q, k2)
    for i in range(4):
        for j in range(4):
            u[i, j] = y[i, j] + 0.5 * h * k2[i, j]
    _derivative(grid, frame, z + 0.5 * h, u, q, k3)
    for i in range(4):
        for j in range(4):
            u[i, j] = y[i, j] + h * k3[i, j]
    _derivative(grid, frame, z + h, u, q, k4)
    for i in range(4):
        for j in range(4):
            y[i, j] += h / 6 * (k1[i, j] + 2 * (k2[i, j] + k3[i, j]) + k4[i, j])


@compiled
def propagate(
    grid: Floats, frame: Floats, s: Floats, p: Floats, d: Floats, z: float, z_end: float, work: Floats
) -> None:
    """Carry state `s` (5,) and covariance `p` (5, 5) from `z` to `z_end` through the field alone.

    `d` (5,) is a deviation from `s` that is carried linearly: a filter which starts without knowledge of the
    momentum strays so far that the field's curvature would bias it, were it not linear about a reference.
    """
    y = work[5]
    for i in range(4):
        y[i, 0] = s[i]
        for j in range(1, 4):
            y[i, j] = 1.0 if i == j + 1 else 0.0
    n = max(math.ceil(abs(z_end - z) / STEP), 1)
    h = (z_end - z) / n
    for i in range(n):
        step(grid, frame, z + i * h, h, y, s[4], work)
    for i in range(4):
        s[i] = y[i, 0]
    g2, g3, g4 = d[2], d[3], d[4]
    for i in range(2):
        d[i] += y[i, 1] * g2 + y[i, 2] * g3 + y[i, 3] * g4
    for i in range(2, 4):
        d[i] = y[i, 1] * g2 + y[i, 2] * g3 + y[i, 3] * g4
    # p becomes F p Fᵀ; F is the identity but for its last three columns, (y; 0 0 1)
    for c in range(5):
        g2, g3, g4 = p[2, c], p[3, c], p[4, c]
        for i in range(2):
            p[i, c] += y[i, 1] * g2 + y[i, 2] * g3 + y[i, 3] * g4
        for i in range(2, 4):
            p[i, c] = y[i, 1] * g2 + y[i, 2] * g3 + y[i, 3] * g4
    for r in range(5):
        g2, g3, g4 = p[r, 2], p[r, 3], p[r, 4]
        for i in range(2):
            p[r, i] += y[i, 1] * g2 + y[i, 2] * g3 + y[i, 3] * g4
        for i in range(2, 4):
            p[r, i] = y[i, 1] * g2 + y[i, 2] * g3 + y[i, 3] * g4


@compiled
def scatter(s: Floats, p: Floats, x0: float, q: float) -> None:
    """Add multiple scattering in `x0` radiation lengths at normal incidence for momentum 1/|q| to `p`.

    Highland's formula with the pion's β; its logarithm is taken at a tenth of a radiation length instead of
    each thin layer, since variances of layers add up to that of their sum.
    """
    n2 = 1 + s[2] * s[2] + s[3] * s[3]
    beta2 = 1 / (1 + (PION * q) ** 2)
    theta2 = (HIGHLAND * q * (1 + 0.038 * math.log(0.1))) ** 2 / beta2 * x0 * math.sqrt(n2)
    p[2, 2] += theta2 * n2 * (1 + s[2] * s[2])
    p[3, 3] += theta2 * n2 * (1 + s[3] * s[3])
    p[2, 3] += theta2 * n2 * s[2] * s[3]
    p[3, 2] = p[2, 3]


@compiled
def energy_loss(mass: float, q: float) -> float:
    """Mean loss (GeV) of a pion of momentum 1/|q| in `mass` g/cm², by Bethe's formula for light materials.

    The density effect is Fermi's limit above βγ = 10 (plasma energy 29 eV, mean excitation energy 110 eV).
    """
    bg2 = 1 / (PION * q) ** 2
    beta2 = bg2 / (1 + bg2)
    logarithm = math.log(1.022e6 * bg2 / 110.0)
    delta = max(math.log(29.0 / 110.0) + 0.5 * math.log(bg2) - 0.5, 0.0)
    return 1e-3 * 0.1535 * mass / beta2 * (logarithm - beta2 - delta)


@compiled
def _inside(slab: Floats, x: float, y: float) -> bool:
    if slab[3] == 0.0:
        r2 = x * x + y * y
        return bool(slab[4] ** 2 <= r2 < slab[5] ** 2 and x * slab[6] > -0.5)
    ax, ay = abs(x), abs(y)
    if ax > slab[4] or ay > slab[5]:
        return False
    return not (ax < slab[6] and ay < slab[7]) and not (ax < slab[8] and ay < slab[9])


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


@compiled
def _material(s: Floats, p: Floats, x0: float, mass: float, q: float, outward: float) -> None:
    scatter(s, p, x0, q)
    n = math.sqrt(1 + s[2] * s[2] + s[3] * s[3])
    loss = energy_loss(mass * n, q)
    if s[4] != 0.0:
        momentum = max(abs(1 / s[4]) - outward * loss, 0.05)
        s[4] = math.copysign(1 / momentum, s[4])


@compiled
def _cross_pipe(
    pipe: Floats, s: Floats, p: Floats, z: float, r_before: float, z_before: float, q: float, outward: float
) -> None:
    if z == z_before or max(z, z_before) < pipe[0, 0]:
        return
    r = math.hypot(s[0], s[1])
    for i in range(len(pipe)):
        wall = _pipe_wall(pipe, i, r, z, r_before, z_before)
        if wall > 0.0:
            _material(s, p, wall * pipe[i, 5], wall * pipe[i, 6], q, outward)


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
    q: float,
    outward: float,
    work: Floats,
) -> None:
    """Carry state, covariance and deviation from `z` to `z_end` through field and material.

    Parameters
    ----------
    q : float
        q/p that sets scattering and energy loss, a better guess than the state's while a fit begins.
    outward : float
        1 if the particle flew this way, losing energy; −1 if it came from there.

    Material at `z` itself is passed when leaving outwards, at `z_end` when arriving inwards: each once.
    """
    up = 1 if z_end > z else -1
    zs = slabs[:, 0]
    # half-open intervals: [z, z_end) in the direction of growing z, the same on the way back
    first, last = np.searchsorted(zs, min(z, z_end)), np.searchsorted(zs, max(z, z_end))
    r_before, z_before = math.hypot(s[0], s[1]), z
    for n in range(last - first):
        slab = slabs[first + n] if up == 1 else slabs[last - 1 - n]
        way = slab[0] - z
        if not _inside(slab, s[0] + way * s[2], s[1] + way * s[3]):
            continue
        if way != 0.0:
            propagate(grid, frame, s, p, d, z, slab[0], work)
            z = slab[0]
        _material(s, p, slab[1], slab[2], q, outward)
        _cross_pipe(pipe, s, p, z, r_before, z_before, q, outward)
        r_before, z_before = math.hypot(s[0], s[1]), z
    if z_end != z:
        propagate(grid, frame, s, p, d, z, z_end, work)
        _cross_pipe(pipe, s, p, z_end, r_before, z_before, q, outward)

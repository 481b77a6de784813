"""Compiled loops over tracks and pixels: which photons may belong to which track, and where rings fall."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled

__all__ = ["find_pairs", "ring_points"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AZIMUTHS = 24
DEPTHS = 3


@compiled
def ring_points(
    direction: Floats, mirror: Floats, depth: float, theta: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return points on the ring of each track: slopes and positions at the mirror, each (n, points).

    Parameters
    ----------
    direction : (n, 3)
        Unit vectors of the tracks.
    mirror : (n, 2)
        Where they meet the mirror's plane, mm.
    depth : float
        Way along z in the gas, mm; photons are taken from the middles of `DEPTHS` equal parts.
    theta : (n,)
        Angle of the ring.
    """
    n = len(theta)
    shape = (n, AZIMUTHS * DEPTHS)
    tx, ty, x, y = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape)
    for row in range(n):
        dx, dy, dz = direction[row]
        norm = math.sqrt(1 - dy * dy)
        cosine, sine = math.cos(theta[row]), math.sin(theta[row])
        for k in range(AZIMUTHS):
            a = sine * math.cos(2 * math.pi * (k + 0.5) / AZIMUTHS)
            b = sine * math.sin(2 * math.pi * (k + 0.5) / AZIMUTHS)
            px = cosine * dx + a * dz / norm - b * dx * dy / norm
            py = cosine * dy + b * norm
            pz = cosine * dz - a * dx / norm - b * dy * dz / norm
            for i in range(DEPTHS):
                way = depth * (i + 0.5) / DEPTHS
                j = k * DEPTHS + i
                tx[row, j], ty[row, j] = px / pz, py / pz
                x[row, j] = mirror[row, 0] + (tx[row, j] - dx / dz) * way
                y[row, j] = mirror[row, 1] + (ty[row, j] - dy / dz) * way
    return tx, ty, x, y


@compiled
def find_pairs(
    direction: Floats,
    mirror: Floats,
    depth: float,
    theta: Floats,
    sigma: Floats,
    yields: Floats,
    hits: Floats,
    positive: NDArray[Any],
    split: int,
    half: tuple[float, float],
    hole: float,
    pixel: float,
    tail: tuple[float, float],
    least: float,
) -> tuple[Integers, Integers, Floats]:
    """Return the pairs of a track and a pixel that it may have lit, by track: rows, hits, signals (k, 5).

    Parameters
    ----------
    direction, mirror, depth
        As in :func:`ring_points`.
    theta, sigma, yields : (n, 5)
        Angle, its error for one photon, and number of photons of a whole ring, by hypothesis.
    hits : (m, 3)
        Unit vectors of the directions that the pixels hit belong to.
    positive : (m,) of bool
        Whether the pixel is on the panel of the positive side.
    split : int
        Axis of the two panels.
    half, hole
        Half sizes of the mirror and radius of its hole, mm.
    pixel : float
        Side of a pixel over the focal length.
    tail : (fraction, width)
        Of the photons outside of the core.
    least : float
        Pairs whose signals are all smaller are left out.
    """
    farthest = math.cos(np.max(theta + 2.5 * tail[1] * sigma)) if len(theta) else 1.0
    near = _count_near(direction, hits, farthest)
    rows, numbers = np.empty(near, dtype=np.int64), np.empty(near, dtype=np.int64)
    signals, found = np.zeros((near + 1, 5)), 0
    for row in range(len(theta)):
        dx, dy, dz = direction[row]
        for hit in range(len(hits)):
            cosine = dx * hits[hit, 0] + dy * hits[hit, 1] + dz * hits[hit, 2]
            if cosine < farthest:
                continue
            tx, ty = hits[hit, 0] / hits[hit, 2], hits[hit, 1] / hits[hit, 2]
            step_x, step_y = (tx - dx / dz) * depth, (ty - dy / dz) * depth
            x, y = mirror[row, 0] + step_x / 2, mirror[row, 1] + step_y / 2
            if abs(x) > half[0] or abs(y) > half[1] or x * x + y * y < hole * hole:
                continue
            begin, step = mirror[row, split], step_y if split == 1 else step_x
            if not positive[hit]:
                begin, step = -begin, -step
            share = _positive_share(begin, step)
            if share <= 0:
                continue
            angle = math.acos(min(cosine, 1.0))
            most = 0.0
            for h in range(5):
                signals[found, h] = 0.0
                if yields[row, h] <= 0:
                    continue
                width = sigma[row, h]
                density = _photon(angle - theta[row, h], width, tail)
                solid = pixel * pixel * hits[hit, 2] ** 3 / (2 * math.pi * max(math.sin(angle), width))
                signals[found, h] = yields[row, h] * density * share * solid
                most = max(most, signals[found, h])
            if most > least:
                rows[found], numbers[found] = row, hit
                found += 1
    return rows[:found], numbers[:found], signals[:found]


@compiled
def _count_near(direction: Floats, hits: Floats, farthest: float) -> int:
    """Return the number of pairs of a track and a hit with a cosine of `farthest` or more between them."""
    n = 0
    for row in range(len(direction)):
        dx, dy, dz = direction[row]
        for hit in range(len(hits)):
            if dx * hits[hit, 0] + dy * hits[hit, 1] + dz * hits[hit, 2] >= farthest:
                n += 1
    return n


@compiled
def _positive_share(begin: float, step: float) -> float:
    """Part of begin + u · step, u uniform in [0, 1], that is positive."""
    end = begin + step
    if begin > 0 and end > 0:
        return 1.0
    if begin <= 0 and end <= 0:
        return 0.0
    return max(begin, end) / abs(step)


@compiled
def _photon(deviation: float, width: float, tail: tuple[float, float]) -> float:
    """Density (1/rad) of a photon's deviation: a Gaussian of `width`, and a wider one."""
    x = deviation / width
    wide = x / tail[1]
    if abs(wide) > 2.5:
        return 0.0
    core = (1 - tail[0]) * math.exp(-x * x / 2) + tail[0] / tail[1] * math.exp(-wide * wide / 2)
    return core / (width * math.sqrt(2 * math.pi))

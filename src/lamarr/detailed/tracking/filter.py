"""The Kalman filter's update, and the following of a track from plane to plane. Compiled.

Hits are rows of ``Hits.values``; what a plane measures is told by its kind. `tables` bundles the arrays that
all functions need: field grid and frame, scatterers, beam pipe.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled, inlined
from lamarr.detailed.tracking.extrapolation import advance, slowing
from lamarr.detailed.tracking.planes import DRIFT, HI, LO, OT, PHI, SIGMA, A, B, M, R

__all__ = ["Tables", "follow", "follow_many", "residual", "update"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Tables = tuple[Floats, Floats, Floats, Floats]

R_MIN, R_MAX = 8.0, 42.2  # of VELO sensors, with a tolerance (mm)
OVERLAP = 0.5
CERTAIN = 1.001  # beyond that factor no rounding makes a χ² smaller: the division is not needed
UNRESOLVED = 2.0  # drift distances in units of their error below which the side of the wire stays open


@inlined
def residual(kind: int, value: Floats, side: float, s: Floats) -> tuple[float, float, float, float]:
    """(measured − expected, its derivatives by x and y with negative sign, squared error).

    Parameters
    ----------
    side : float
        Side (−1, 1) of the wire on which the particle passed a straw; 0 takes that of the state.
    """
    if kind == R:
        r = math.sqrt(s[0] * s[0] + s[1] * s[1])
        return value[M] - r, s[0] / r, s[1] / r, value[SIGMA] ** 2
    a, b = value[A], value[B]
    u = a * s[0] + b * s[1]
    if kind == OT:
        c = 1 / math.sqrt(1 + (a * s[2] + b * s[3]) ** 2)
        if value[DRIFT] < UNRESOLVED * value[SIGMA]:
            return (value[M] - u) * c, a * c, b * c, value[SIGMA] ** 2 + value[DRIFT] ** 2
        if side == 0.0:
            side = 1.0 if u > value[M] else -1.0
        return side * value[DRIFT] - (u - value[M]) * c, a * c, b * c, value[SIGMA] ** 2
    return value[M] - u, a, b, value[SIGMA] ** 2


@inlined
def update(s: Floats, p: Floats, res: float, hx: float, hy: float, variance: float) -> float:
    """Filter one measurement into state `s` and covariance `p`; return its χ² against the prediction."""
    g0, g1 = p[0, 0] * hx + p[0, 1] * hy, p[1, 0] * hx + p[1, 1] * hy
    w = 1 / (variance + hx * g0 + hy * g1)
    gain = (
        p[0, 0] * hx + p[0, 1] * hy,
        p[1, 0] * hx + p[1, 1] * hy,
        p[2, 0] * hx + p[2, 1] * hy,
        p[3, 0] * hx + p[3, 1] * hy,
        p[4, 0] * hx + p[4, 1] * hy,
    )
    for i in range(5):
        s[i] += gain[i] * w * res
        for j in range(i + 1):
            p[i, j] -= gain[i] * w * gain[j]
            p[j, i] = p[i, j]
    return float(res * res * w)


@inlined
def _crosses(kind: int, side: int, x: float, y: float) -> bool:
    if kind != R and kind != PHI:
        return True
    return x * side > -OVERLAP and R_MIN < math.sqrt(x * x + y * y) < R_MAX


@inlined
def _of_track(p: Floats, hx: float, hy: float) -> float:
    """Return what the state's covariance adds to the squared error of a measurement."""
    return float(hx * (p[0, 0] * hx + 2 * p[0, 1] * hy) + hy * p[1, 1] * hy)


@inlined
def _closest_r(begin: int, end: int, values: Floats, s: Floats, p: Floats, largest: float) -> int:
    r, phi = math.sqrt(s[0] * s[0] + s[1] * s[1]), math.atan2(s[1], s[0])
    added = _of_track(p, s[0] / r, s[1] / r)
    best, found = largest, -1
    for h in range(begin, end):
        low = values[h, LO] - 0.1
        turned = phi + 2 * math.pi if phi < low else phi
        if low < turned < values[h, HI] + 0.1:
            res = values[h, M] - r
            chi2 = res * res / (values[h, SIGMA] ** 2 + added)
            if chi2 < best:
                best, found = chi2, h
    return found


@inlined
def _closest_phi(begin: int, end: int, values: Floats, s: Floats, p: Floats, largest: float) -> int:
    r = math.sqrt(s[0] * s[0] + s[1] * s[1])
    best, found = largest, -1
    for h in range(begin, end):
        if values[h, LO] - 0.5 < r < values[h, HI] + 0.5:
            a, b = values[h, A], values[h, B]
            res = values[h, M] - (a * s[0] + b * s[1])
            variance = values[h, SIGMA] ** 2 + _of_track(p, a, b)
            if res * res > CERTAIN * best * variance:
                continue
            chi2 = res * res / variance
            if chi2 < best:
                best, found = chi2, h
    return found


@inlined
def _closest_straight(
    kind: int, begin: int, end: int, values: Floats, s: Floats, p: Floats, largest: float
) -> int:
    """Closest strip or straw; those of a plane have one direction, so that most is computed once."""
    best, found = largest, -1
    a = b = math.nan
    u = c = added = 0.0
    for h in range(begin, end):
        if not values[h, LO] - 20.0 < s[1] < values[h, HI] + 20.0:
            continue
        if values[h, A] != a or values[h, B] != b:
            a, b = values[h, A], values[h, B]
            u = a * s[0] + b * s[1]
            c = 1 / math.sqrt(1 + (a * s[2] + b * s[3]) ** 2) if kind == OT else 1.0
            added = _of_track(p, a * c, b * c)
        variance, drift, m = values[h, SIGMA] ** 2, values[h, DRIFT], values[h, M]
        if kind != OT:
            res = m - u
        elif drift < UNRESOLVED * values[h, SIGMA]:
            res = (m - u) * c
            variance += drift**2
        else:
            res = (drift if u > m else -drift) - (u - m) * c
        variance += added
        if res * res > CERTAIN * best * variance:
            continue
        chi2 = res * res / variance
        if chi2 < best:
            best, found = chi2, h
    return found


@inlined
def _closest(kind: int, begin: int, end: int, values: Floats, s: Floats, p: Floats, largest: float) -> int:
    """Compatible hit of a plane with the least χ² as of ``residual``, −1 if there is none within `largest`.

    Only hits count whose strip or straw reaches where the state is, with a tolerance.
    """
    if kind == R:
        return _closest_r(begin, end, values, s, p, largest)
    if kind == PHI:
        return _closest_phi(begin, end, values, s, p, largest)
    return _closest_straight(kind, begin, end, values, s, p, largest)


@compiled
def follow(
    tables: Tables,
    order: Ints,
    z_planes: Floats,
    kinds: Ints,
    sides: Ints,
    first: Ints,
    values: Floats,
    s: Floats,
    p: Floats,
    z: float,
    outward: float,
    largest: float,
    missing: int,
    found: Ints,
) -> tuple[int, float]:
    """Follow a track through planes in `order`, taking on each the closest compatible hit.

    Parameters
    ----------
    s, p : arrays (5,), (5, 5)
        State and covariance at `z`; those at the last plane that was passed when it returns.
    largest : float
        χ² of a hit against the prediction beyond which it is not compatible.
    missing : int
        So many active planes in a row without a hit end the track.
    found : array of int
        Filled with the hits, in the order of the planes.

    Returns
    -------
    n, z : int, float
        Number of hits, and where the state is.
    """
    grid, frame, slabs, pipe = tables
    d = np.zeros(5)
    n, missed = 0, 0
    for plane in order:
        way = z_planes[plane] - z
        if not _crosses(kinds[plane], sides[plane], s[0] + way * s[2], s[1] + way * s[3]):
            continue
        advance(grid, frame, slabs, pipe, s, p, d, z, z_planes[plane], slowing(s[4]), outward)
        z = z_planes[plane]
        hit = _closest(kinds[plane], first[plane], first[plane + 1], values, s, p, largest)
        if hit < 0:
            missed += 1
            if missed > missing:
                break
            continue
        missed = 0
        res, hx, hy, variance = residual(kinds[plane], values[hit], 0.0, s)
        update(s, p, res, hx, hy, variance)
        if n < len(found):
            found[n] = hit
            n += 1
    return n, z


@compiled
def follow_many(
    tables: Tables,
    order: Ints,
    z_planes: Floats,
    kinds: Ints,
    sides: Ints,
    first: Ints,
    values: Floats,
    states: Floats,
    covariances: Floats,
    z: Floats,
    outward: float,
    largest: float,
    missing: int,
    longest: int,
) -> tuple[Ints, Floats]:
    """Follow tracks from `states` (n, 5) at `z`; states and covariances become those at the ends.

    Returns
    -------
    hits : array of int (n, longest)
        Filled with −1 behind the last hit.
    ends : array (n,)
        z of the end states.
    """
    hits = np.full((len(states), longest), -1)
    ends = np.empty(len(states))
    up = z_planes[order[-1]] > z_planes[order[0]]
    for i in range(len(states)):
        k = 0  # planes behind the start are not visited
        while k < len(order) and (
            (up and z_planes[order[k]] < z[i] - 1.0) or (not up and z_planes[order[k]] > z[i] + 1.0)
        ):
            k += 1
        _, ends[i] = follow(
            tables, order[k:], z_planes, kinds, sides, first, values, states[i], covariances[i], z[i],
            outward, largest, missing, hits[i],
        )  # fmt: skip
    return hits, ends

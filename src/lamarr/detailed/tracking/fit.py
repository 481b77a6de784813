"""The track fit: two Kalman filters along the hits and their average, with removal of outliers. Compiled.

The first filter runs away from the beam, the second comes back and ends with all information nearest to the
beam; their average is the smoothed state at every hit. All tracks are fitted as pions: LHCb does not know the
species either, and so electrons keep the bias of their bremsstrahlung.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled
from lamarr.detailed.tracking.extrapolation import advance
from lamarr.detailed.tracking.filter import Tables, residual, update

__all__ = ["fit_many"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_PARAMETERS = 5
OUTLIER_CHI2 = 9.0
ITERATIONS = 5


@compiled
def _wide(p: Floats, q: float, spread: float) -> None:
    for i in range(5):
        for j in range(5):
            p[i, j] = 0.0
    p[0, 0] = p[1, 1] = 100.0
    p[2, 2] = p[3, 3] = 0.01
    p[4, 4] = (spread * q) ** 2


@compiled
def _average(s: Floats, p: Floats, s2: Floats, p2: Floats, w: Floats) -> bool:
    """Weighted mean of two independent states into the first: s + K (s2 − s), K = p (p + p2)⁻¹.

    By Cholesky's decomposition in the scratch space `w` (2, 5, 5); False, with nothing changed, if p + p2 is
    not positive.
    """
    low, gain = w[0], w[1]
    for i in range(5):
        for j in range(i + 1):
            a = p[i, j] + p2[i, j]
            for k in range(j):
                a -= low[i, k] * low[j, k]
            if i == j:
                if not a > 0.0:
                    return False
                low[i, i] = math.sqrt(a)
            else:
                low[i, j] = a / low[j, j]
    for r in range(5):  # row r of the gain solves (p + p2) x = p[r]
        for i in range(5):
            a = p[r, i]
            for k in range(i):
                a -= low[i, k] * gain[r, k]
            gain[r, i] = a / low[i, i]
        for i in range(4, -1, -1):
            a = gain[r, i]
            for k in range(i + 1, 5):
                a -= low[k, i] * gain[r, k]
            gain[r, i] = a / low[i, i]
    for i in range(5):
        for j in range(5):
            low[i, j] = p[i, j]
    for i in range(5):
        for j in range(i + 1):
            for k in range(5):
                p[i, j] -= gain[i, k] * low[k, j]
            p[j, i] = p[i, j]
    for i in range(5):
        low[0, i] = s2[i] - s[i]
    for i in range(5):
        for k in range(5):
            s[i] += gain[i, k] * low[0, k]
    return True


@compiled
def _copy(s: Floats, p: Floats, s_out: Floats, p_out: Floats) -> None:
    for i in range(5):
        s_out[i] = s[i]
        for j in range(5):
            p_out[i, j] = p[i, j]


@compiled
def _lost(s: Floats) -> bool:
    """Whether the field turned the track round, or the numbers ran away."""
    return not (abs(s[2]) < 3.0 and abs(s[3]) < 3.0 and abs(s[0]) < 1e4 and abs(s[1]) < 1e4)


@compiled
def _measure(
    kind: int, value: Floats, side: float, r: Floats, d: Floats
) -> tuple[float, float, float, float]:
    """Residual of a state r + d as in ``residual``, linear about the reference r."""
    res, hx, hy, variance = residual(kind, value, side, r)
    return res - hx * d[0] - hy * d[1], hx, hy, variance


@compiled
def _meet(r: Floats, d: Floats, reference: Floats, linear: bool) -> None:
    """Turn to the reference of a node, the state r + d being the same; without one it is the state itself."""
    for i in range(5):
        s = r[i] + d[i]
        r[i] = reference[i] if linear else s
        d[i] = s - r[i]


@compiled
def _fit(
    tables: Tables,
    n: int,
    hits: Ints,
    z: Floats,
    kinds: Ints,
    values: Floats,
    sides: Floats,
    use: NDArray[np.bool_],
    s: Floats,
    p: Floats,
    spread: float,
    reference: Floats,
    linear: bool,
    smooth: Floats,
    cov: Floats,
    chi2: Floats,
) -> float:
    """Fit `n` hits, ordered away from the beam, from state `s` at the first; return the χ² of the track.

    `s` and `p` become the result at the first hit, `smooth` (n, 5) the states at the hits, `chi2` (n,) that
    of each hit against the track without it. With `linear` the filter is linear about the states `reference`
    (n, 5), else about its own predictions.
    """
    grid, frame, slabs, pipe = tables
    work, scratch = np.empty((6, 4, 4)), np.empty((2, 5, 5))
    others, c, r, d = np.empty(5), np.empty((5, 5)), np.empty(5), np.zeros(5)
    q = s[4]
    total = 0.0
    _wide(p, q, spread)
    for k in range(5):
        r[k] = s[k]
    for i in range(n):
        if i > 0:
            advance(grid, frame, slabs, pipe, r, p, d, z[i - 1], z[i], q, 1.0, work)
        _meet(r, d, reference[i], linear)
        _sum(r, d, s)
        if _lost(s):
            return math.inf
        _copy(s, p, smooth[i], cov[i])  # predicted, without this hit
        if use[i]:
            res, hx, hy, variance = _measure(kinds[i], values[hits[i]], sides[i], r, d)
            total += update(d, p, res, hx, hy, variance)
            if not linear:
                _meet(r, d, r, False)
    _wide(p, q, spread)
    for i in range(n - 1, -1, -1):
        if i < n - 1:
            advance(grid, frame, slabs, pipe, r, p, d, z[i + 1], z[i], q, -1.0, work)
        _meet(r, d, reference[i], linear)
        _sum(r, d, s)
        _copy(smooth[i], cov[i], others, c)
        if _lost(s) or not _average(others, c, s, p, scratch):  # everything but this hit
            return math.inf
        res, hx, hy, variance = residual(kinds[i], values[hits[i]], sides[i], others)
        chi2[i] = res * res / (variance + hx * (c[0, 0] * hx + 2 * c[0, 1] * hy) + hy * c[1, 1] * hy)
        if use[i]:
            update(others, c, res, hx, hy, variance)
            res, hx, hy, variance = _measure(kinds[i], values[hits[i]], sides[i], r, d)
            update(d, p, res, hx, hy, variance)
            if not linear:
                _meet(r, d, r, False)
        _copy(others, c, smooth[i], cov[i])
    _sum(r, d, s)
    return total


@compiled
def _sum(r: Floats, d: Floats, s: Floats) -> None:
    for i in range(5):
        s[i] = r[i] + d[i]


@compiled
def fit_many(
    tables: Tables,
    hits: Ints,
    plane_of_hit: Ints,
    z_planes: Floats,
    kinds_of_planes: Ints,
    values: Floats,
    seeds: Floats,
    spread: float,
    z_states: Floats,
    largest_removed: int,
) -> tuple[Floats, Floats, Floats, Floats, Ints, Ints]:
    """Fit tracks.

    Parameters
    ----------
    hits : array of int (n, longest)
        Rows in `values`, ordered away from the beam, then −1. Removed outliers are marked as −2 − hit.
    seeds : array (n, 5)
        States at the first hits; only q/p and the place where the field is evaluated matter.
    spread : float
        Relative error of the seeds' q/p that the fit starts with; below 0.01 q/p is kept.
    z_states : array (planes,)
        Where states are wanted.
    largest_removed : int
        Most outliers to remove.

    Returns
    -------
    beam, covariance : arrays (n, 6), (n, 5, 5)
        x, y, z, tx, ty, q/p closest to the z axis, and the covariance of the five without z.
    states : array (n, planes, 5)
    chi2, n_dof, removed : arrays (n,)
    """
    n, longest = hits.shape
    beam, covariance = np.zeros((n, 6)), np.zeros((n, 5, 5))
    states = np.full((n, len(z_states), 5), np.nan)
    chi2, n_dof, removed = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64)
    smooth, cov = np.empty((longest, 5)), np.empty((longest, 5, 5))
    reference = np.empty((longest, 5))
    z, kinds, sides = np.empty(longest), np.empty(longest, np.int64), np.empty(longest)
    each, use = np.empty(longest), np.empty(longest, np.bool_)
    work, s, p = np.empty((6, 4, 4)), np.empty(5), np.empty((5, 5))
    for t in range(n):
        m = 0
        while m < longest and hits[t, m] >= 0:
            plane = plane_of_hit[hits[t, m]]
            z[m], kinds[m], sides[m], use[m] = z_planes[plane], kinds_of_planes[plane], 0.0, True
            m += 1
        if m == 0:
            continue
        for i in range(5):
            s[i] = seeds[t, i]
        used = m
        for iteration in range(ITERATIONS):
            width = spread if iteration == 0 or spread < 0.01 else 1.0
            for i in range(m):
                for k in range(5):
                    reference[i, k] = smooth[i, k]
            chi2[t] = _fit(
                tables, m, hits[t], z, kinds, values, sides, use, s, p, width, reference, iteration > 0,
                smooth, cov, each,
            )  # fmt: skip
            if chi2[t] == math.inf:
                break
            for i in range(m):  # the straws' ambiguity follows the smoothed track
                value = values[hits[t, i]]
                sides[i] = 1.0 if value[0] * smooth[i, 0] + value[1] * smooth[i, 1] > value[2] else -1.0
            if iteration == 0:
                continue
            worst, where = OUTLIER_CHI2, -1
            for i in range(m):
                if use[i] and each[i] > worst:
                    worst, where = each[i], i
            if where < 0 or removed[t] >= largest_removed:
                break
            if iteration < ITERATIONS - 1:
                use[where] = False
                removed[t] += 1
                used -= 1
        if chi2[t] == math.inf:
            continue
        n_dof[t] = used - (N_PARAMETERS if spread > 0.01 else N_PARAMETERS - 1)
        for k in range(len(z_states)):
            _state_at(tables, z_states[k], m, z, smooth, states[t, k], work)
        beam[t, 2] = _to_beam(tables, s, p, z[0], work)
        beam[t, 0], beam[t, 1], beam[t, 3], beam[t, 4], beam[t, 5] = s[0], s[1], s[2], s[3], s[4]
        for i in range(5):
            for j in range(5):
                covariance[t, i, j] = p[i, j]
        for i in range(m):
            if not use[i]:
                hits[t, i] = -2 - hits[t, i]
    return beam, covariance, states, chi2, n_dof, removed


@compiled
def _state_at(
    tables: Tables, z_end: float, m: int, z: Floats, smooth: Floats, out: Floats, work: Floats
) -> None:
    """Carry the smoothed state of the nearest hit in front of `z_end`, or of the first, to `z_end`."""
    grid, frame, slabs, pipe = tables
    near = 0
    for i in range(m):
        if z[i] <= z_end:
            near = i
    p, d = np.zeros((5, 5)), np.zeros(5)
    for i in range(5):
        out[i] = smooth[near, i]
    outward = 1.0 if z_end > z[near] else -1.0
    advance(grid, frame, slabs, pipe, out, p, d, z[near], z_end, out[4], outward, work)


@compiled
def _to_beam(tables: Tables, s: Floats, p: Floats, z: float, work: Floats) -> float:
    """Carry state and covariance to the point closest to the z axis; return its z."""
    grid, frame, slabs, pipe = tables
    none = np.zeros(5)
    for _ in range(3):
        slope2 = s[2] * s[2] + s[3] * s[3]
        if slope2 < 1e-10:
            break
        way = -(s[0] * s[2] + s[1] * s[3]) / slope2
        way = min(max(way, -3000.0), 3000.0)
        if abs(way) < 1e-4:
            break
        advance(grid, frame, slabs, pipe, s, p, none, z, z + way, s[4], -1.0, work)
        z += way
    return z

"""One pass of the track fit: a Kalman filter along the hits and back, averaged at every hit. Compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled, inlined
from lamarr.detailed.tracking.extrapolation import advance, slowing
from lamarr.detailed.tracking.filter import Tables, residual, update

__all__ = ["smooth_track"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@inlined
def _wide(p: Floats, q: float, spread: float) -> None:
    for i in range(5):
        for j in range(5):
            p[i, j] = 0.0
    p[0, 0] = p[1, 1] = 100.0
    p[2, 2] = p[3, 3] = 0.01
    p[4, 4] = (spread * q) ** 2


@inlined
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
    # column r of the gain solves (p + p2) x = p[r], for all r at once
    for i in range(5):
        for r in range(5):
            a = p[r, i]
            for k in range(i):
                a -= low[i, k] * gain[k, r]
            gain[i, r] = a / low[i, i]
    for i in range(4, -1, -1):
        for r in range(5):
            a = gain[i, r]
            for k in range(i + 1, 5):
                a -= low[k, i] * gain[k, r]
            gain[i, r] = a / low[i, i]
    for i in range(5):
        for j in range(5):
            low[i, j] = p[i, j]
    for i in range(5):
        for j in range(i + 1):
            a = low[i, j]
            for k in range(5):
                a -= gain[k, i] * low[k, j]
            p[i, j] = p[j, i] = a
    for i in range(5):
        low[0, i] = s2[i] - s[i]
    for i in range(5):
        for k in range(5):
            s[i] += gain[k, i] * low[0, k]
    return True


@inlined
def _copy(s: Floats, p: Floats, s_out: Floats, p_out: Floats) -> None:
    for i in range(5):
        s_out[i] = s[i]
        for j in range(5):
            p_out[i, j] = p[i, j]


@inlined
def _lost(s: Floats) -> bool:
    """Whether the field turned the track round, or the numbers ran away."""
    return not (abs(s[2]) < 3.0 and abs(s[3]) < 3.0 and abs(s[0]) < 1e4 and abs(s[1]) < 1e4)


@inlined
def _measure(
    kind: int, value: Floats, side: float, r: Floats, d: Floats
) -> tuple[float, float, float, float]:
    """Residual of a state r + d as in ``residual``, linear about the reference r."""
    res, hx, hy, variance = residual(kind, value, side, r)
    return res - hx * d[0] - hy * d[1], hx, hy, variance


@inlined
def _meet(r: Floats, d: Floats, reference: Floats, linear: bool) -> None:
    """Turn to the reference of a node, the state r + d being the same; without one it is the state itself."""
    for i in range(5):
        s = r[i] + d[i]
        r[i] = reference[i] if linear else s
        d[i] = s - r[i]


@compiled
def smooth_track(
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
    scratch = np.empty((2, 5, 5))
    others, c, r, d = np.empty(5), np.empty((5, 5)), np.empty(5), np.zeros(5)
    q = s[4]
    of, total = slowing(q), 0.0
    _wide(p, q, spread)
    for k in range(5):
        r[k] = s[k]
    for i in range(n):
        if i > 0:
            advance(grid, frame, slabs, pipe, r, p, d, z[i - 1], z[i], of, 1.0)
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
            advance(grid, frame, slabs, pipe, r, p, d, z[i + 1], z[i], of, -1.0)
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


@inlined
def _sum(r: Floats, d: Floats, s: Floats) -> None:
    for i in range(5):
        s[i] = r[i] + d[i]

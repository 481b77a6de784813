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
from lamarr.detailed.tracking.extrapolation import advance, slowing
from lamarr.detailed.tracking.filter import Tables
from lamarr.detailed.tracking.smoothing import smooth_track

__all__ = ["fit_many"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_PARAMETERS = 5
OUTLIER_CHI2 = 9.0
ITERATIONS = 5


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
    s, p = np.empty(5), np.empty((5, 5))
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
            chi2[t] = smooth_track(
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
            _state_at(tables, z_states[k], m, z, smooth, states[t, k])
        beam[t, 2] = _to_beam(tables, s, p, z[0])
        beam[t, 0], beam[t, 1], beam[t, 3], beam[t, 4], beam[t, 5] = s[0], s[1], s[2], s[3], s[4]
        for i in range(5):
            for j in range(5):
                covariance[t, i, j] = p[i, j]
        for i in range(m):
            if not use[i]:
                hits[t, i] = -2 - hits[t, i]
    return beam, covariance, states, chi2, n_dof, removed


@compiled
def _state_at(tables: Tables, z_end: float, m: int, z: Floats, smooth: Floats, out: Floats) -> None:
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
    advance(grid, frame, slabs, pipe, out, p, d, z[near], z_end, slowing(out[4]), outward)


@compiled
def _to_beam(tables: Tables, s: Floats, p: Floats, z: float) -> float:
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
        advance(grid, frame, slabs, pipe, s, p, none, z, z + way, slowing(s[4]), -1.0)
        z += way
    return z

"""Primary vertices: seeds where tracks crowd along the beam, and an adaptive least-squares fit to each.

Tracks are straight lines with covariances in x, y and slopes. The fit gives each track Tukey's weight
(1 − χ²/c²)² with c falling from 10 to 3 while it iterates, so that tracks of other vertices and of decays
lose their say (as LHCb's adaptive PV fitter, LHCb-PUB-2014-044).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled
from lamarr.detailed.records import VERTEX
from lamarr.detector import BeamSpot

__all__ = ["find_vertices", "fit_vertex"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MIN_TRACKS: Final = 5
ITERATIONS = 30
START_C, END_C = 10.0, 3.0
COOLING = 0.8
CONVERGED = 1e-3  # mm
TAKEN_CHI2 = 25.0  # tracks so near to a vertex seed no other
BEAM_DISTANCE: Final = 0.4  # mm, largest distance of a vertex to the beam line
Z_WINDOW, Z_FLOOR = 10.0, 0.3  # mm: of the seeding; the floor keeps precise tracks from seeding alone
Z_ERROR: Final = 5.0  # mm: tracks known worse along z do not seed


def find_vertices(beam: Floats, covariance: Floats, collision: Ints, spot: BeamSpot) -> Any:
    """Return the primary vertices of an event, as records VERTEX, those with most tracks first.

    Parameters
    ----------
    beam : array (n, 6)
        x, y, z, tx, ty, q/p of tracks near the beam.
    covariance : array (n, 5, 5)
        Of x, y, tx, ty, q/p.
    collision : array of int (n,)
        Collision that each track is from, −1 if unknown; used for the match alone.

    Notes
    -----
    A collision is matched to at most one vertex, the one with most of its tracks.
    """
    good = np.isfinite(beam).all(axis=1) & np.isfinite(covariance).all(axis=(1, 2))
    good &= np.hypot(beam[:, 3], beam[:, 4]) > 1e-3
    beam, covariance, collision = beam[good], covariance[good], collision[good]
    found = []
    active = np.ones(len(beam), np.bool_)
    z, sigma = _along_beam(beam, covariance, spot)
    seeding = active & (sigma < Z_ERROR)
    while int(seeding.sum()) >= MIN_TRACKS:
        seed = _densest(z, sigma, seeding)
        start = np.array([spot.x, spot.y, z[seed]])
        vertex, cov, chi2, weights, each = fit_vertex(beam, covariance, active, start)
        n = int((weights > 0.1).sum())
        near_beam = math.hypot(vertex[0] - spot.x, vertex[1] - spot.y) < BEAM_DISTANCE
        if n >= MIN_TRACKS and near_beam and np.isfinite(cov).all():
            found.append((vertex, cov, chi2, n, _majority(collision[weights > 0.1])))
            active &= ~(each < TAKEN_CHI2)
            seeding &= active
        seeding[seed] = False
    found.sort(key=lambda v: -v[3])
    out = np.zeros(len(found), VERTEX)
    matched: set[int] = set()
    for row, (vertex, cov, chi2, n, match) in zip(out, found, strict=True):
        row["x"], row["y"], row["z"] = vertex
        row["covariance"], row["chi2"], row["n_tracks"] = cov, chi2, n
        row["collision_id"] = -1 if match in matched else match
        matched.add(match)
    return out


def _along_beam(beam: Floats, covariance: Floats, spot: BeamSpot) -> tuple[Floats, Floats]:
    """Z where tracks are closest to the beam line, and its error."""
    tx, ty = beam[:, 3], beam[:, 4]
    slope2 = tx**2 + ty**2
    z = beam[:, 2] - ((beam[:, 0] - spot.x) * tx + (beam[:, 1] - spot.y) * ty) / slope2
    variance = covariance[:, 0, 0] * tx**2 + covariance[:, 1, 1] * ty**2
    variance += 2 * covariance[:, 0, 1] * tx * ty
    return z, np.sqrt(np.maximum(variance, 0)) / slope2


def _majority(collision: Ints) -> int:
    known = collision[collision >= 0]
    return int(np.bincount(known).argmax()) if 2 * len(known) > len(collision) else -1


@compiled
def _densest(z: Floats, sigma: Floats, active: Bools) -> int:
    """Track around which most others are close along z, in units of their errors."""
    best, where = -1.0, -1
    for i in range(len(z)):
        if not active[i]:
            continue
        density = 0.0
        for j in range(len(z)):
            d = z[i] - z[j]
            if active[j] and abs(d) < Z_WINDOW:
                variance = sigma[i] ** 2 + sigma[j] ** 2 + Z_FLOOR**2
                density += math.exp(-0.5 * d * d / variance) / math.sqrt(variance)
        if density > best:
            best, where = density, i
    return where


@compiled
def fit_vertex(
    beam: Floats, covariance: Floats, active: Bools, start: Floats
) -> tuple[Floats, Floats, float, Floats, Floats]:
    """Fit one vertex to the active tracks, from `start` (3,).

    Returns
    -------
    vertex, cov : arrays (3,), (3, 3)
        NaN if the tracks do not fix it.
    chi2 : float
        Weighted sum over tracks.
    weights, each : arrays (n,)
        Tukey's weights, and χ² of each track; infinite for those not active.
    """
    n = len(beam)
    vertex, cov = start.copy(), np.full((3, 3), np.nan)
    weights, each = np.zeros(n), np.full(n, np.inf)
    chi2, c = 0.0, START_C
    jac = np.zeros((2, 3))
    jac[0, 0] = jac[1, 1] = -1.0
    for _ in range(ITERATIONS):
        normal, right, chi2 = np.zeros((3, 3)), np.zeros(3), 0.0
        for i in range(n):
            if not active[i]:
                continue
            d = vertex[2] - beam[i, 2]
            v = covariance[i]
            vxx = v[0, 0] + 2 * d * v[0, 2] + d * d * v[2, 2]
            vyy = v[1, 1] + 2 * d * v[1, 3] + d * d * v[3, 3]
            vxy = v[0, 1] + d * (v[0, 3] + v[1, 2]) + d * d * v[2, 3]
            det = vxx * vyy - vxy * vxy
            if det <= 0.0:
                continue
            wxx, wyy, wxy = vyy / det, vxx / det, -vxy / det
            rx = beam[i, 0] + d * beam[i, 3] - vertex[0]
            ry = beam[i, 1] + d * beam[i, 4] - vertex[1]
            each[i] = rx * (wxx * rx + wxy * ry) + ry * (wxy * rx + wyy * ry)
            weights[i] = (1 - each[i] / c**2) ** 2 if each[i] < c**2 else 0.0
            if weights[i] == 0.0:
                continue
            chi2 += weights[i] * each[i]
            jac[0, 2], jac[1, 2] = beam[i, 3], beam[i, 4]
            for k in range(3):
                jx = wxx * jac[0, k] + wxy * jac[1, k]
                jy = wxy * jac[0, k] + wyy * jac[1, k]
                right[k] -= weights[i] * (jx * rx + jy * ry)
                for m in range(3):
                    normal[k, m] += weights[i] * (jx * jac[0, m] + jy * jac[1, m])
        if np.linalg.det(normal) <= 0.0:
            return vertex, np.full((3, 3), np.nan), chi2, weights, each
        cov = np.linalg.inv(normal)
        shift = cov @ right
        vertex += shift
        if c <= END_C and abs(shift[2]) < CONVERGED:
            break
        c = max(c * COOLING, END_C)
    return vertex, cov, chi2, weights, each

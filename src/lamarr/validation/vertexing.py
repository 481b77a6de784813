"""Vertices and impact parameters from track states and their covariances, many candidates at a time.

Tracks are straight lines near the beam: x(z) = x + tx (z − z₀), and likewise y. What is fitted, tested or
measured uses the covariance of (x, y, tx, ty) carried to the z in question.

References
----------
P. Billoir, S. Qian, Fast vertex fitting with a local parametrization of tracks, NIM A 311 (1992) 139
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import MissingNameError
from lamarr.events import COVARIANCE_PAIRS, Table

__all__ = [
    "Lines",
    "Vertices",
    "corrected_mass",
    "direction_cosine",
    "fit_vertices",
    "flight_distance",
    "impact_parameter",
    "lines_of_composites",
    "lines_of_tracks",
]

Array = NDArray[Any]
ITERATIONS = 4
"""The weights depend on the vertex's z; after four steps it moves by less than a nanometre."""


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Straight lines.

    Attributes
    ----------
    point : array (..., 3)
        x, y, z in mm.
    slope : array (..., 2)
        tx, ty.
    covariance : array (..., 4, 4)
        Of (x, y, tx, ty) at the z of the point.
    """

    point: Array
    slope: Array
    covariance: Array

    def take(self, index: Any) -> Lines:
        """Return some of the lines."""
        return Lines(point=self.point[index], slope=self.slope[index], covariance=self.covariance[index])

    def at(self, z: Array) -> tuple[Array, Array]:
        """Return (x, y) (..., 2) at `z` (...), and their covariance (..., 2, 2)."""
        step = np.asarray(z - self.point[..., 2])[..., None]
        c = self.covariance
        cross = c[..., :2, 2:]
        spread = (
            c[..., :2, :2]
            + step[..., None] * (cross + np.swapaxes(cross, -1, -2))
            + step[..., None] ** 2 * c[..., 2:, 2:]
        )
        return self.point[..., :2] + step * self.slope, spread


def lines_of_tracks(tracks: Table, rows: Array) -> Lines:
    """Return the lines of tracks, `rows` of any shape.

    Raises
    ------
    MissingNameError
        If the tracks have no covariance.
    """
    if "cov00" not in tracks:
        raise MissingNameError("vertices need tracks with covariance, but they have no column 'cov00'")
    point = np.stack([tracks[c][rows] for c in ("x", "y", "z")], axis=-1)
    slope = np.stack([tracks[c][rows] for c in ("tx", "ty")], axis=-1)
    covariance = np.empty((*rows.shape, 4, 4))
    for i, j in COVARIANCE_PAIRS:
        if j < 4:
            covariance[..., i, j] = covariance[..., j, i] = tracks[f"cov{i}{j}"][rows]
    return Lines(point=point, slope=slope, covariance=covariance)


@dataclass(frozen=True, kw_only=True)
class Vertices:
    """Fitted points: position (..., 3), covariance (..., 3, 3), χ² (...) and its degrees of freedom."""

    position: Array
    covariance: Array
    chi2: Array
    n_dof: int

    def take(self, index: Any) -> Vertices:
        """Return some of the vertices."""
        return Vertices(
            position=self.position[index],
            covariance=self.covariance[index],
            chi2=self.chi2[index],
            n_dof=self.n_dof,
        )


def fit_vertices(lines: Lines) -> Vertices:
    """Fit a vertex to each set of lines (candidates, lines >= 2), by least squares.

    Minimises Σ rᵀ C⁻¹ r with r = (x(z) − X, y(z) − Y), where C is the covariance of (x, y) at z. Parallel
    lines have no vertex: their position is NaN.
    """
    z = _crossing(lines)
    for _ in range(ITERATIONS):
        normal, right, _ = _normal_equations(lines, z)
        position = _solved(normal, right)
        z = position[..., 2]
    normal, right, constant = _normal_equations(lines, z)
    position = _solved(normal, right)
    chi2 = constant - np.einsum("...i,...i->...", right, position)
    covariance = _inverse(normal)
    return Vertices(
        position=position,
        covariance=covariance,
        chi2=np.maximum(chi2, 0),
        n_dof=2 * lines.point.shape[-2] - 3,
    )


def _crossing(lines: Lines) -> Array:
    """Return the z where the lines are nearest to each other, all counting alike."""
    offset = lines.point[..., :2] - lines.slope * lines.point[..., 2:]
    d, s = (v - v.mean(axis=-2, keepdims=True) for v in (offset, lines.slope))
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Array = -(d * s).sum(axis=(-1, -2)) / (s**2).sum(axis=(-1, -2))
    return np.where(np.isfinite(z), z, np.nan)


def _normal_equations(lines: Lines, z: Array) -> tuple[Array, Array, Array]:
    """Σ HᵀWH, Σ HᵀWm and Σ mᵀWm with H = (1 0 −tx; 0 1 −ty) and m = (x − tx z₀, y − ty z₀)."""
    _, spread = lines.at(z[..., None])
    weight = _inverse(spread)
    measured = lines.point[..., :2] - lines.slope * lines.point[..., 2:]
    h = np.zeros((*lines.slope.shape[:-1], 2, 3))
    h[..., 0, 0] = h[..., 1, 1] = 1
    h[..., 2] = -lines.slope
    hw = np.einsum("...ki,...kl->...il", h, weight)
    normal = np.einsum("...til,...tlj->...ij", hw, h)
    right = np.einsum("...til,...tl->...i", hw, measured)
    constant = np.einsum("...tk,...tkl,...tl->...", measured, weight, measured)
    return normal, right, constant


def _solved(matrix: Array, right: Array) -> Array:
    solution: Array = np.einsum("...ij,...j->...i", _inverse(matrix), right)
    return solution


def _inverse(matrix: Array) -> Array:
    """Inverse of symmetric matrices, NaN where there is none."""
    with np.errstate(invalid="ignore"):
        determinant = np.linalg.det(matrix)
    good = np.isfinite(determinant) & (determinant != 0)
    safe = np.where(good[..., None, None], matrix, np.eye(matrix.shape[-1]))
    return np.where(good[..., None, None], np.linalg.inv(safe), np.nan)


def lines_of_composites(vertices: Vertices, momenta: Array) -> Lines:
    """Return the lines that composite particles fly on, from vertices (...) and four-momenta (..., 4).

    The covariance is that of the vertex; the direction is taken as exact.
    """
    slope = momenta[..., 1:3] / momenta[..., 3:4]
    h = np.zeros((*slope.shape[:-1], 4, 3))
    h[..., 0, 0] = h[..., 1, 1] = 1
    h[..., :2, 2] = -slope
    covariance = h @ vertices.covariance @ np.swapaxes(h, -1, -2)
    return Lines(point=vertices.position, slope=slope, covariance=covariance)


def impact_parameter(lines: Lines, vertices: Vertices) -> tuple[Array, Array]:
    """Return the distance (mm) of lines (...) from points (...), and its χ² with both covariances."""
    at, spread = lines.at(vertices.position[..., 2])
    r = at - vertices.position[..., :2]
    h = np.zeros((*r.shape[:-1], 2, 3))
    h[..., 0, 0] = h[..., 1, 1] = 1
    h[..., 2] = -lines.slope
    total = spread + h @ vertices.covariance @ np.swapaxes(h, -1, -2)
    chi2 = np.einsum("...i,...ij,...j->...", r, _inverse(total), r)
    direction = np.concatenate([lines.slope, np.ones((*lines.slope.shape[:-1], 1))], axis=-1)
    apart = np.concatenate([r, np.zeros((*r.shape[:-1], 1))], axis=-1)
    distance = np.linalg.norm(np.cross(apart, direction), axis=-1) / np.linalg.norm(direction, axis=-1)
    return distance, chi2


def flight_distance(end: Vertices, begin: Vertices) -> tuple[Array, Array]:
    """Return the distance (mm) between points, and its χ² with both covariances."""
    d = end.position - begin.position
    chi2 = np.einsum("...i,...ij,...j->...", d, _inverse(end.covariance + begin.covariance), d)
    return np.linalg.norm(d, axis=-1), chi2


def direction_cosine(momenta: Array, end: Vertices, begin: Vertices) -> Array:
    """Cosine of the angle between momentum (..., 4) and flight: LHCb's DIRA."""
    d = end.position - begin.position
    p = momenta[..., 1:]
    cosine: Array = (d * p).sum(axis=-1) / (np.linalg.norm(d, axis=-1) * np.linalg.norm(p, axis=-1))
    return cosine


def corrected_mass(momenta: Array, end: Vertices, begin: Vertices) -> Array:
    """Corrected mass √(m² + pT²) + pT (MeV), pT being the momentum perpendicular to the flight.

    References
    ----------
    SLD collaboration, Phys. Rev. Lett. 80 (1998) 660
    """
    d = end.position - begin.position
    p = momenta[..., 1:]
    along = (p * d).sum(axis=-1) / np.linalg.norm(d, axis=-1)
    pt2 = np.maximum((p**2).sum(axis=-1) - along**2, 0)
    m2 = np.maximum(momenta[..., 0] ** 2 - (p**2).sum(axis=-1), 0)
    mass: Array = np.sqrt(m2 + pt2) + np.sqrt(pt2)
    return mass

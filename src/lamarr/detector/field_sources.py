"""A field that obeys Maxwell's equations everywhere between its sources: magnetised sheets above and below.

The profile on the axis and the measured dependence on slopes do not fix a field by a series in y: derivatives
of a profile are worth little after the second. Here the harmonic potential is expanded in line charges along
x on two sheets |y| = h(z) outside of the acceptance, as the pole faces of a magnet would carry them. ∇·B = 0
and ∇×B = 0 hold exactly, the field is smooth inside and falls off outside, and the charges follow from
linear least squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.detector.description import Detector
from lamarr.detector.field import field_by

__all__ = ["SLOPE_DEPENDENCE", "FieldSources", "fit_sources", "sheet_height", "slope_dependence"]

Floats = NDArray[np.float64]

HEIGHT, OPENING = 900.0, 0.26  # of the sheets (mm), chosen: 0.8 m outside of 250 mrad
SPACING, Z_FIRST, Z_LAST = 300.0, 1000.0, 8500.0
LENGTHS: Final = (1.0, 4.0)  # half lengths of the charges in units of the height
REGULARISATION: Final = 0.03
"""Chosen: a tenth of it fits the integrals twice as well, but with 1.5 T at the acceptance's edge."""
INTEGRAL_RANGE: Final = (2642.5, 7826.0)

SLOPE_DEPENDENCE: Final = {(2, 0): -0.416, (0, 2): 2.884, (2, 2): 7.90, (4, 0): 1.10, (0, 4): -8.62}
"""I(tx, ty) / I(0, 0) − 1 = Σ c tx^i ty^j of ∫By dz from 2642.5 to 7826 mm along straight lines from the
origin: polynomial through the table of LHCb's parametrised extrapolation for the map v5r0 (Allen,
params_kalman_FT6x2), rms 0.26 % for |tx| < 0.25, |ty| < 0.22."""


def slope_dependence(tx: ArrayLike, ty: ArrayLike) -> Floats:
    """I(tx, ty) / I(0, 0), see :data:`SLOPE_DEPENDENCE`."""
    tx, ty = np.asarray(tx, np.float64), np.asarray(ty, np.float64)
    result: Floats = 1.0 + sum(c * tx**i * ty**j for (i, j), c in SLOPE_DEPENDENCE.items())
    return result


def sheet_height(z: ArrayLike) -> Floats:
    """Distance (mm) of the sheets from the plane y = 0."""
    return HEIGHT + OPENING * np.asarray(z, np.float64)


@dataclass(frozen=True, kw_only=True)
class FieldSources:
    """Line charges at y = ±height, from −length to +length along x, arrays (sources,) in mm; charges T mm."""

    z: Floats
    height: Floats
    length: Floats
    charge: Floats

    def field(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Floats:
        """(Bx, By, Bz) in Tesla, shape (3, points), at points (mm) between the sheets."""
        points = [np.ravel(v) for v in np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x, y, z)))]
        blocks = range(0, max(len(points[0]), 1), 4096)  # keeps the temporaries small
        parts = [self._unit(*(p[i : i + 4096] for p in points)) @ self.charge for i in blocks]
        return np.concatenate(parts, axis=1)

    def _unit(self, x: Floats, y: Floats, z: Floats) -> Floats:
        total = np.zeros((3, len(x), len(self.z)))
        right, left = x[:, None] - self.length, x[:, None] + self.length
        dz2 = (z[:, None] - self.z) ** 2
        for side in (1.0, -1.0):  # the lower sheet carries the opposite charge
            dy = y[:, None] - side * self.height
            rho2 = dy**2 + dz2
            inverse_right, inverse_left = 1 / np.sqrt(right**2 + rho2), 1 / np.sqrt(left**2 + rho2)
            transverse = (left * inverse_left - right * inverse_right) / rho2
            total[0] -= side * (inverse_right - inverse_left)
            total[1] -= side * dy * transverse
            total[2] -= side * (z[:, None] - self.z) * transverse
        return total


def fit_sources(detector: Detector) -> FieldSources:
    """Charges that give the detector's By(0, 0, z) and the slope dependence of its integral.

    Both enter one least-squares problem, Tesla on the axis and relative deviations of the integral with
    the same weight; the result is scaled to the integral of the profile between 2642.5 and 7826 mm.
    """
    z = np.arange(Z_FIRST, Z_LAST + 1, SPACING)
    z = np.concatenate([z] * len(LENGTHS))
    height = sheet_height(z)
    length = height * np.repeat(LENGTHS, len(z) // len(LENGTHS))
    unit = FieldSources(z=z, height=height, length=length, charge=np.ones_like(z))
    axis = np.arange(-1000.0, 13001.0, 100.0)
    on_axis = unit._unit(0 * axis, 0 * axis, axis)[1]
    tx, ty = (v.ravel() for v in np.meshgrid([0.0, 0.06, 0.12, 0.18, 0.24], [0.0, 0.05, 0.10, 0.15, 0.20]))
    line, weight = _simpson(*INTEGRAL_RANGE)
    integrals = np.array(
        [weight @ unit._unit(a * line, b * line, line)[1] for a, b in zip(tx, ty, strict=True)]
    )
    target = float(weight @ field_by(detector, line))
    # the unknowns are charge / 1 m, which makes the regularisation a number without unit
    rows = [1e3 * on_axis, 1e3 * integrals / target, REGULARISATION * np.eye(len(z))]
    right = [field_by(detector, axis) * detector.field_sign, slope_dependence(tx, ty), np.zeros(len(z))]
    rows[1] *= detector.field_sign
    charge = 1e3 * np.linalg.lstsq(np.vstack(rows), np.concatenate(right), rcond=None)[0]
    charge *= target / float(integrals[0] @ charge)
    return FieldSources(z=z, height=height, length=length, charge=charge)


def _simpson(begin: float, end: float, intervals: int = 100) -> tuple[Floats, Floats]:
    z, h = np.linspace(begin, end, 2 * intervals + 1, retstep=True)
    weight = np.full(len(z), 2.0)
    weight[1::2], weight[[0, -1]] = 4.0, 1.0
    return z, weight * h / 3

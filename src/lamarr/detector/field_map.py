"""The three components of the dipole's field as a map, for Geant4 and the track fit.

The field of :mod:`lamarr.detector.field_sources` on a grid of 100 mm (50 mm along z), interpolated
linearly. Valid for |x| < 3.2 m, |y| < 0.5 m + 0.26 z and −0.5 < z < 12.5 m, which holds the acceptance of all
detectors in front of the calorimeters; beyond, it falls within some 0.3 m, without a meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.detector.description import Detector
from lamarr.detector.field_sources import FieldSources, fit_sources, sheet_height

__all__ = ["FieldMap", "load_field"]

Floats = NDArray[np.float64]

STEP_XY, STEP_Z = 100.0, 50.0
X_END, Y_END, Z_BEGIN, Z_END = 3200.0, 2900.0, -500.0, 12500.0
MARGIN = 400.0  # to the sheets with the sources, where the field is no more that of a magnet
FALL: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class FieldMap:
    """The field on a grid: `grid` (nz, ny, nx, 3) in Tesla for x, y ≥ 0; `frame` as in ``field_at``.

    Both are plain arrays, to be passed to functions compiled by numba that call ``field_kernel.field_at``.
    """

    grid: Floats
    frame: Floats
    sources: FieldSources

    def __call__(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """(Bx, By, Bz) in Tesla at points (mm), arrays of the common shape of x, y and z."""
        from lamarr.detector.field_kernel import field_many

        points = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x, y, z)))
        shape = points[0].shape
        b = field_many(self.grid, self.frame, *(np.ascontiguousarray(p).ravel() for p in points))
        return b[0].reshape(shape), b[1].reshape(shape), b[2].reshape(shape)

    def at(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """(Bx, By, Bz) in Tesla at one point (mm)."""
        from lamarr.detector.field_kernel import field_at

        b: tuple[float, float, float] = field_at(self.grid, self.frame, x, y, z)
        return b

    def exact(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Floats:
        """Evaluate the field without a grid, shape (3, points): slow, for comparison."""
        return self.sources.field(x, y, z)


@cache
def load_field(detector: Detector) -> FieldMap:
    """Return the field of a detector, computed on the first call (about half a second).

    Examples
    --------
    >>> from lamarr.detector import load_detector
    >>> _, by, _ = load_field(load_detector("lhcb2016-magdown")).at(0.0, 0.0, 5000.0)
    >>> round(float(by), 1)
    -1.0
    """
    sources = fit_sources(detector)
    x = np.arange(0.0, X_END + 1, STEP_XY)
    y = np.arange(0.0, Y_END + 1, STEP_XY)
    z = np.arange(Z_BEGIN, Z_END + 1, STEP_Z)
    zz, yy, xx = np.meshgrid(z, y, x, indexing="ij")
    valid = np.maximum(sheet_height(zz) - MARGIN, 150.0)
    inside = np.minimum(yy, valid)
    b = sources.field(xx, inside, zz) * np.exp(-(((yy - inside) / FALL) ** 2)).ravel()
    frame = np.array([Z_BEGIN, STEP_Z, STEP_XY, STEP_XY, X_END, Y_END, FALL])
    return FieldMap(grid=np.ascontiguousarray(b.T.reshape(*zz.shape, 3)), frame=frame, sources=sources)

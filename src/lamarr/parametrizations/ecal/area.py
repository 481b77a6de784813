"""Where clusters can be: networks draw some beyond the borders of the calorimeter, and in its hole."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal.tokens import cell_size

__all__ = ["BEYOND", "OUTSIDE", "far_outside", "into_area"]

Floats = NDArray[np.float64]

BEYOND: Final = 0.07
"""Cells: how far clusters of the detailed simulation are beyond the centre of an outermost cell, at most."""

OUTSIDE: Final = 2.0
"""Outer cells: places farther outside than this are drawn again."""

FOLD: Final = 0.25
"""How far inside the others are put, as a share of how far outside they are."""


def _farthest(calorimeter: Calorimeter) -> tuple[float, float]:
    """Return largest |x| and |y| (mm) of clusters: a little beyond the centres of the outermost cells."""
    outer = calorimeter.regions[0]
    x, y = ((half - 0.5 + BEYOND) * calorimeter.module for half in (outer.half_x, outer.half_y))
    return x, y


def far_outside(x: Floats, y: Floats, calorimeter: Calorimeter) -> NDArray[np.bool_]:
    """Whether places are farther outside than a shower is wide: no cluster of the outermost cells."""
    farthest = _farthest(calorimeter)
    beyond = np.maximum(np.abs(x) - farthest[0], np.abs(y) - farthest[1])
    return np.asarray(beyond > OUTSIDE * calorimeter.module)


def _folded(v: Floats, most: float, module: float) -> Floats:
    beyond = np.clip(np.abs(v) - most, 0.0, OUTSIDE * module)
    result: Floats = np.clip(v, -most, most) - np.sign(v) * FOLD * beyond
    return result


def into_area(x: Floats, y: Floats, calorimeter: Calorimeter) -> tuple[Floats, Floats]:
    """Move places outside of the calorimeter into its outermost cells, and those in the hole out of it.

    The farther outside a shower, the farther inside is the barycentre of what it leaves in the last cells.
    """
    x, y = (
        _folded(v, most, calorimeter.module) for v, most in zip((x, y), _farthest(calorimeter), strict=True)
    )
    half = 0.5 * cell_size(x, y, calorimeter)
    edge_x, edge_y = (h * calorimeter.module + half for h in calorimeter.hole)
    inside = (np.abs(x) < edge_x - half) & (np.abs(y) < edge_y - half)
    sideways = inside & (edge_x - np.abs(x) < edge_y - np.abs(y))
    x_out, y_out = (np.where(v >= 0, edge, -edge) for v, edge in ((x, edge_x), (y, edge_y)))
    return np.where(sideways, x_out, x), np.where(inside & ~sideways, y_out, y)

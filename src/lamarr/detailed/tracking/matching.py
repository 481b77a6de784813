"""VELO and T segments joined: those of one particle, and chance pairs that fit, which become ghosts.

A chance pair is what a matching algorithm would take: both segments meet in the middle of the magnet in x,
and agree in y. Particles that decay or scatter between the two also join that way.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.tracking.extrapolation import propagate
from lamarr.detailed.tracking.segments import Segments
from lamarr.detailed.tracking.setup import Setup
from lamarr.detector import SingleKick

__all__ = ["chance_pairs", "same_particle"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

X_TOLERANCE: Final = 20.0  # mm in the middle of the magnet, and per unit of bending: chosen
X_PER_BENDING: Final = 100.0
Y_TOLERANCE: Final = 20.0  # mm behind the magnet, and per unit of bending
Y_PER_BENDING: Final = 100.0
TY_TOLERANCE: Final = 0.01
SMALLEST_BENDING, LARGEST_BENDING = 0.002, 0.6
Z_COMPARE: Final = 7700.0


def same_particle(velo: Segments, t: Segments) -> tuple[Ints, Ints]:
    """Rows of VELO and T segments of the same MC track."""
    rows = {int(track): i for i, track in enumerate(t.track)}
    pairs = [
        (i, rows[int(track)]) for i, track in enumerate(velo.track) if velo.forwards[i] and int(track) in rows
    ]
    found = np.array(pairs, np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def chance_pairs(velo: Segments, t: Segments, setup: Setup, kick: SingleKick) -> tuple[Ints, Ints, Floats]:
    """Rows of VELO and T segments of different MC tracks that look like one, and their q/p (1/GeV)."""
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    if not len(velo) or not len(t):
        return nothing
    rear = _in_front_of_t(t, setup)
    ahead, z = velo.end, velo.z_end
    bending = rear[None, :, 2] - ahead[:, None, 2]
    at_kick = ahead[:, 0] + ahead[:, 2] * (kick.a0 - z)
    dx = rear[:, 0] + rear[:, 2] * (kick.a0 - Z_COMPARE) - at_kick[:, None]
    dy = rear[:, 1] - (ahead[:, 1] + ahead[:, 3] * (Z_COMPARE - z))[:, None]
    dty = rear[:, 3] - ahead[:, None, 3]
    size = np.abs(bending)
    close = (np.abs(dx) < X_TOLERANCE + X_PER_BENDING * size) & (np.abs(dty) < TY_TOLERANCE)
    close &= np.abs(dy) < Y_TOLERANCE + Y_PER_BENDING * size
    close &= (size > SMALLEST_BENDING) & (size < LARGEST_BENDING) & velo.forwards[:, None]
    close &= velo.track[:, None] != t.track[None, :]
    i, j = np.nonzero(close)
    n = np.sqrt(1 + ahead[i, 2] ** 2 + ahead[i, 3] ** 2)
    change = rear[j, 2] / np.sqrt(1 + rear[j, 2] ** 2 + rear[j, 3] ** 2) - ahead[i, 2] / n
    return i, j, change / (1e-3 * kick.delta_px)


def _in_front_of_t(t: Segments, setup: Setup) -> Floats:
    """States of T segments at their beginning, from those at their ends."""
    grid, frame = setup.tables[:2]
    out = t.end.copy()
    for state, z in zip(out, t.z_end, strict=True):
        propagate(grid, frame, state, np.zeros((5, 5)), np.zeros(5), z, Z_COMPARE)
    return out

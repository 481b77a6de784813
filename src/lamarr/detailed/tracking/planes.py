"""The planes in which the trackers measure, in order of z, with what each measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry import Geometry

__all__ = [
    "A",
    "B",
    "DRIFT",
    "HI",
    "IT",
    "LO",
    "M",
    "OT",
    "PHI",
    "R",
    "SIGMA",
    "TT",
    "Planes",
    "measurement_planes",
]

R, PHI, TT, IT, OT = range(5)
"""What a plane measures: R and φ in the VELO, strips of TT and IT, drift distances in straws of the OT."""

A, B, M, DRIFT, SIGMA, LO, HI = range(7)
"""Columns of the values of a hit, see ``lamarr.detailed.tracking.hits.Hits``."""

TT_LAYER: Final = 100
IT_LAYER: Final = 110
OT_LAYER: Final = 130


@dataclass(frozen=True, kw_only=True)
class Planes:
    """Arrays (planes,), by z.

    `layer` numbers as in TRACKER_HIT (both monolayers of the OT have that of their double layer); `kind` is
    one of R, PHI, TT, IT, OT; `side` is 1 for VELO sensors at x > 0, −1 for the others and 0 elsewhere;
    u = x `cos` + y `sin` is measured outside of the VELO; `stereo` marks the layers that are not vertical;
    `station` counts the T stations, −1 elsewhere; `stagger` is the offset of a monolayer's wires (mm).
    """

    layer: NDArray[np.int64]
    z: NDArray[np.float64]
    kind: NDArray[np.int64]
    side: NDArray[np.int64]
    cos: NDArray[np.float64]
    sin: NDArray[np.float64]
    stereo: NDArray[np.bool_]
    station: NDArray[np.int64]
    stagger: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.z)

    def of_kind(self, *kinds: int) -> tuple[int, int]:
        """First plane of some kinds, and the one after the last."""
        found = np.nonzero(np.isin(self.kind, kinds))[0]
        return int(found[0]), int(found[-1]) + 1


Row = tuple[int, float, int, int, float, int, float]


def measurement_planes(geometry: Geometry) -> Planes:
    """Return the planes of VELO, TT, IT and OT."""
    rows = sorted([*_velo(geometry), *_strips(geometry), *_straws(geometry)], key=lambda r: (r[1], r[0]))
    layer, z, kind, side, angle, station, stagger = (np.array(c) for c in zip(*rows, strict=True))
    rad = np.radians(angle)
    return Planes(
        layer=layer,
        z=z,
        kind=kind,
        side=side,
        cos=np.cos(rad),
        sin=np.sin(rad),
        stereo=angle != 0,
        station=station,
        stagger=stagger,
    )


def _velo(geometry: Geometry) -> list[Row]:
    velo = geometry.velo
    return [
        (4 * module + 2 * half + sensor, z + half * velo.offset + shift, sensor, 1 - 2 * half, 0.0, -1, 0.0)
        for module, z in enumerate(velo.modules)
        for half in (0, 1)
        for sensor, shift in ((R, -velo.sensor_gap), (PHI, velo.sensor_gap))
    ]


def _strips(geometry: Geometry) -> list[Row]:
    tt, it = geometry.tt, geometry.it
    rows: list[Row] = [
        (TT_LAYER + i, z, TT, 0, angle, -1, 0.0)
        for i, (z, angle) in enumerate(zip(tt.layers, tt.angles, strict=True))
    ]
    rows += [
        (IT_LAYER + 4 * station + i, z + i * it.spacing, IT, 0, angle, station, 0.0)
        for station, z in enumerate(it.stations)
        for i, angle in enumerate(it.angles)
    ]
    return rows


def _straws(geometry: Geometry) -> list[Row]:
    ot = geometry.ot
    per_station = len(ot.layers) // 3
    return [
        (OT_LAYER + i, z + side * ot.monolayers / 2, OT, 0, angle, i // per_station, side * ot.pitch / 4)
        for i, (z, angle) in enumerate(zip(ot.layers, ot.angles, strict=True))
        for side in (-1, 1)
    ]

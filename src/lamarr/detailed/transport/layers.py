"""Numbers of the tracker's layers, and where they stand. Needs no Geant4."""

from __future__ import annotations

from typing import Final

from lamarr.detector.geometry import Geometry

__all__ = ["IT_LAYER", "OT_LAYER", "TT_LAYER", "middles"]

TT_LAYER: Final = 100
IT_LAYER: Final = 110
OT_LAYER: Final = 130


def middles(geometry: Geometry) -> dict[int, float]:
    """Z (mm) of the middle of each layer, by the number in TRACKER_HIT."""
    velo, it = geometry.velo, geometry.it
    found = {
        4 * module + 2 * half + sensor: z + velo.offset * half + shift
        for module, z in enumerate(velo.modules)
        for half in (0, 1)
        for sensor, shift in enumerate((-velo.sensor_gap, velo.sensor_gap))
    }
    found |= {TT_LAYER + i: z for i, z in enumerate(geometry.tt.layers)}
    found |= {
        IT_LAYER + len(it.angles) * station + layer: z + layer * it.spacing
        for station, z in enumerate(it.stations)
        for layer in range(len(it.angles))
    }
    return found | {OT_LAYER + i: z for i, z in enumerate(geometry.ot.layers)}

"""VELO, TT, inner and outer tracker as volumes. Layers are numbered as in TRACKER_HIT."""

from __future__ import annotations

import math

from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.geant.builder import Builder
from lamarr.detailed.transport.layers import IT_LAYER, OT_LAYER, TT_LAYER
from lamarr.detector.geometry.trackers import InnerTracker, OuterTracker, StripPlanes, Velo

__all__ = ["build_trackers"]

FOIL_DISTANCE = 4.0
"""The foil's share of a module stands so far (mm) upstream of it."""
WALL = 20.0


def build_trackers(build: Builder) -> None:
    """Place all tracking detectors."""
    geometry = build.geometry
    _velo(build, geometry.velo)
    _strips(build, geometry.tt)
    _inner(build, geometry.it)
    _outer(build, geometry.ot, geometry.it)


def _velo(build: Builder, velo: Velo) -> None:
    """Vacuum tank with half discs; walls end what leaves sideways or upstream, the window is aluminium."""
    tank, pipe = velo.tank, build.geometry.beam_pipe[0]
    half = (tank.z_end - tank.z_begin) / 2
    centre = (tank.z_end + tank.z_begin) / 2
    vacuum = build.place(
        g4.G4Tubs("velo", 0, tank.r, half, 0, math.tau), "Galactic", (0, 0, centre), role="velo"
    )
    window = g4.G4Tubs("velo_window", pipe.r_begin, tank.r, tank.window / 2, 0, math.tau)
    build.place(window, "Al", (0, 0, tank.z_end - tank.window / 2), mother=vacuum)
    side = g4.G4Tubs("velo_wall", tank.r, tank.r + WALL, half, 0, math.tau)
    build.place(side, "Al", (0, 0, centre), role="wall")
    back = g4.G4Tubs("velo_back", 0, tank.r + WALL, WALL / 2, 0, math.tau)
    build.place(back, "Al", (0, 0, tank.z_begin - WALL / 2), role="wall")
    overlap = 2 * velo.overlap / (velo.r_min + velo.r_max)
    for module, z in enumerate(velo.modules):
        for side_c in (0, 1):  # 0: x > 0
            _velo_module(build, velo, vacuum, module, side_c, z + velo.offset * side_c, overlap)


def _velo_module(
    build: Builder,
    velo: Velo,
    vacuum: tuple[object, float],
    module: int,
    side: int,
    z: float,
    overlap: float,
) -> None:
    start, angle = (side - 0.5) * math.pi - overlap, math.pi + 2 * overlap
    for sensor, shift in enumerate((-velo.sensor_gap, velo.sensor_gap)):
        disc = g4.G4Tubs("velo_sensor", velo.r_min, velo.r_max, velo.thickness / 2, start, angle)
        layer = 4 * module + 2 * side + sensor
        build.place(disc, "Si", (0, 0, z + shift), role="hit", copy=layer, mother=vacuum)
    thickness = velo.foil.thickness * velo.foil.corrugation
    foil = g4.G4Tubs("velo_foil", velo.foil.r_min, velo.r_max, thickness / 2, start, angle)
    build.place(foil, "Al", (0, 0, z - FOIL_DISTANCE), mother=vacuum)
    rim = g4.G4Tubs("velo_support", velo.r_max, velo.support.r_max, velo.support.thickness / 2, start, angle)
    build.place(rim, velo.support.material, (0, 0, z), mother=vacuum)


def _strips(build: Builder, tt: StripPlanes) -> None:
    for i, z in enumerate(tt.layers):
        front, outer = z - tt.thickness / 2, [(tt.half_x, tt.half_y)]
        build.plane("tt", tt.material, front, tt.thickness, outer, [tt.hole], role="hit", copy=TT_LAYER + i)
        build.plane(
            "tt_support", tt.extra.material, front + tt.thickness, tt.extra.thickness, outer, [tt.hole]
        )


def _inner(build: Builder, it: InnerTracker) -> None:
    for station, z in enumerate(it.stations):
        for layer in range(len(it.angles)):
            front = z + layer * it.spacing - it.thickness / 2
            number = IT_LAYER + 4 * station + layer
            build.plane("it", it.material, front, it.thickness, it.arms, [it.hole], role="hit", copy=number)
            behind = front + it.thickness
            build.plane("it_support", it.extra.material, behind, it.extra.thickness, it.arms, [it.hole])


def _outer(build: Builder, ot: OuterTracker, it: InnerTracker) -> None:
    for i, z in enumerate(ot.layers):
        front, outer = z - ot.thickness / 2, [(ot.half_x, ot.half_y)]
        build.plane("ot", ot.material, front, ot.thickness, outer, it.arms, role="hit", copy=OT_LAYER + i)

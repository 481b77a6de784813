"""Beam pipe, and the walls around the acceptance where the transport ends."""

from __future__ import annotations

import math
from typing import Any

from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.geant.builder import Builder
from lamarr.detector.geometry.parts import ConePipe

__all__ = ["build_pipe", "build_walls", "pipe_in"]

STEPS = 10
"""Pieces of the magnet's yoke along z, each with a rectangular opening."""


def build_pipe(build: Builder) -> None:
    """Place the beam pipe in the world, where no other volume encloses it (RICH and calorimeters do)."""
    g = build.geometry
    taken = [(g.rich1.z_begin, g.rich1.z_end), (g.rich2.z_begin, g.rich2.z_end)]
    begin = g.beam_pipe[0].z_begin
    for start, end in [*taken, (g.calorimeter.front, math.inf)]:
        pipe_in(build, begin, start, None)
        begin = end


def pipe_in(build: Builder, z1: float, z2: float, mother: tuple[Any, float] | None) -> None:
    """Place the pieces of beam pipe between `z1` and `z2`, with vacuum inside."""
    for piece in build.geometry.beam_pipe:
        begin, end = max(piece.z_begin, z1), min(piece.z_end, z2)
        if begin < end:
            _cone(build, piece, begin, end, mother)


def _cone(build: Builder, piece: ConePipe, z1: float, z2: float, mother: tuple[Any, float] | None) -> None:
    def radius(z: float) -> float:
        share = (z - piece.z_begin) / (piece.z_end - piece.z_begin)
        return piece.r_begin + share * (piece.r_end - piece.r_begin)

    r1, r2, t, half = radius(z1), radius(z2), piece.thickness, (z2 - z1) / 2
    at = (0.0, 0.0, (z1 + z2) / 2)
    wall = g4.G4Cons("pipe", 0, r1 + t, 0, r2 + t, half, 0, math.tau)
    tube = build.place(wall, piece.material, at, mother=mother)
    inside = g4.G4Cons("pipe_vacuum", 0, r1, 0, r2, half, 0, math.tau)
    build.place(inside, "Galactic", at, mother=tube)


def build_walls(build: Builder) -> None:
    """Place walls around RICH1 and TT, and the magnet's yoke."""
    g = build.geometry
    rich1, tt, magnet = g.rich1, g.tt, g.magnet
    around = [(rich1.half_x + 1, rich1.half_y + 1), (max(rich1.half_x, tt.half_x) + 40, rich1.half_y + 90)]
    outer = [(around[1][0] + 60, around[1][1] + 60)]
    front = g.velo.tank.z_end
    build.plane("wall_rich1", "Fe", front, rich1.z_end - front, outer, [around[0]], role="wall")
    build.plane("wall_tt", "Fe", rich1.z_end, magnet.z_begin - rich1.z_end, outer, [around[1]], role="wall")
    length = (min(magnet.z_end, g.it.stations[0] - 20) - magnet.z_begin) / STEPS  # T1 begins inside
    a, b = magnet.aperture_begin, magnet.aperture_end
    yoke = [(b[0] + 400, b[1] + 400)]
    for i in range(STEPS):
        hole = (a[0] + (b[0] - a[0]) * (i + 1) / STEPS, a[1] + (b[1] - a[1]) * (i + 1) / STEPS)
        build.plane("yoke", "Fe", magnet.z_begin + i * length, length, yoke, [hole], role="wall")

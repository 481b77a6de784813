"""The material of the geometry as thin scatterers along z, as the track fit sees it.

Sensors, foil and walls are one scatterer each; gas and air are cut into pieces. Regions are annuli or
rectangles with up to two rectangular holes. The wall of the beam pipe, which tracks cross at small angles, is
kept as cones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry import Geometry
from lamarr.errors import ConfigurationError

__all__ = ["Material", "material_of"]

Floats = NDArray[np.float64]

DENSITY_X0: Final = {  # g/cm3, cm: what Geant4 11.4 computes for its NIST materials
    "Si": (2.33, 9.366),
    "Al": (2.699, 8.896),
    "Be": (1.848, 35.28),
    "Fe": (7.874, 1.757),
    "Cu": (8.96, 1.436),
    "Pb": (11.35, 0.5612),
    "POLYSTYRENE": (1.06, 41.31),
    "KAPTON": (1.42, 28.58),
    "AIR": (0.001205, 30390.0),
}
ELEMENTS: Final = {"H": (1.008, 63.04), "C": (12.011, 42.70), "N": (14.007, 37.99), "F": (18.998, 32.93)}
"""Mass number and radiation length (g/cm², PDG) of the elements of gases."""

ANNULUS, RECTANGLE = 0.0, 1.0
BEHIND_VELO: Final = 1.10
"""Factor of the scattering behind the VELO. The fit takes Highland's logarithm at 0.1 X0, which a track has
crossed in the VELO; from there to the last T station it is 0.33 X0:
(1 + 0.038 ln 0.33)² / (1 + 0.038 ln 0.1)²."""
FOIL_DISTANCE = 4.0  # the foil's share of a module is crossed so far in front of it
AIR_PIECE, GAS_PIECE = 500.0, 250.0


@dataclass(frozen=True, kw_only=True)
class Material:
    """Scatterers by z, and the beam pipe.

    Attributes
    ----------
    slabs : array (slabs, 11)
        z (mm), thickness in X0 (times `BEHIND_VELO` there) and in g/cm² at normal incidence, shape, then for
        an annulus r_min, r_max and side (1: x > 0, −1: x < 0, 0: both), for a rectangle half sizes of box,
        hole and second hole.
    pipe : array (pieces, 7)
        z_begin, z_end (mm), inner radii there, wall (mm), and its X0 and g/cm² per mm.
    """

    slabs: Floats
    pipe: Floats


def _properties(geometry: Geometry, name: str) -> tuple[float, float]:
    """Radiation lengths and g/cm² per mm."""
    if name in geometry.gases:
        gas = geometry.gases[name]
        masses = {e: n * ELEMENTS[e][0] for e, n in gas.atoms.items() if e in ELEMENTS}
        if len(masses) == len(gas.atoms):
            inverse = sum(m / ELEMENTS[e][1] for e, m in masses.items()) / sum(masses.values())
            return gas.density * inverse / 10, gas.density / 10
    if name not in DENSITY_X0:
        raise ConfigurationError(
            f"geometry '{geometry.name}' names the material '{name}', of which the track fit knows no "
            f"radiation length; it knows {', '.join(DENSITY_X0)}, and gases of {', '.join(ELEMENTS)}"
        )
    density, x0 = DENSITY_X0[name]
    return 0.1 / x0, density / 10


class _Builder:
    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.rows: list[list[float]] = []

    def _row(self, z: float, thickness: float, material: str, shape: float, region: list[float]) -> None:
        x0, mass = _properties(self.geometry, material)
        self.rows.append([z, thickness * x0, thickness * mass, shape, *region])

    def annulus(
        self, z: float, thickness: float, material: str, r_min: float, r_max: float = 1e9, side: float = 0
    ) -> None:
        self._row(z, thickness, material, ANNULUS, [r_min, r_max, side, 0, 0, 0, 0])

    def rectangle(
        self,
        z: float,
        thickness: float,
        material: str,
        box: tuple[float, float],
        hole: tuple[float, float] = (0.0, 0.0),
        hole2: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._row(z, thickness, material, RECTANGLE, [*box, *hole, *hole2, 0])

    def pipe_radius(self, z: float) -> float:
        for p in self.geometry.beam_pipe:
            if p.z_begin <= z <= p.z_end:
                share = (z - p.z_begin) / (p.z_end - p.z_begin)
                return p.r_begin + share * (p.r_end - p.r_begin) + p.thickness
        return 0.0

    def fill(self, begin: float, end: float, material: str, piece: float) -> None:
        n = max(round((end - begin) / piece), 1)
        d = (end - begin) / n
        for i in range(n):
            z = begin + (i + 0.5) * d
            self.annulus(z, d, material, self.pipe_radius(z))


def material_of(geometry: Geometry) -> Material:
    """Return the scatterers between the VELO and the front of the calorimeters.

    Raises
    ------
    ConfigurationError
        If the radiation length of a material is not known.
    """
    build = _Builder(geometry)
    _velo(build)
    _rich(build)
    _trackers(build)
    rows = np.array(sorted(build.rows))
    rows[rows[:, 0] > geometry.velo.modules[-1] + geometry.velo.offset + geometry.velo.sensor_gap, 1] *= (
        BEHIND_VELO
    )
    pipe = np.array(
        [
            [p.z_begin, p.z_end, p.r_begin, p.r_end, p.thickness, *_properties(geometry, p.material)]
            for p in geometry.beam_pipe
        ]
    )
    pipe[:, 5] *= BEHIND_VELO
    return Material(slabs=rows, pipe=pipe)


def _velo(build: _Builder) -> None:
    velo = build.geometry.velo
    foil = velo.foil.thickness * velo.foil.corrugation
    for module in velo.modules:
        for half in (0, 1):
            z, side = module + half * velo.offset, 1.0 - 2 * half
            build.annulus(z - FOIL_DISTANCE, foil, "Al", velo.foil.r_min, velo.r_max, side)
            for shift in (-velo.sensor_gap, velo.sensor_gap):
                build.annulus(z + shift, velo.thickness, "Si", velo.r_min, velo.r_max, side)
            support = velo.support
            build.annulus(z, support.thickness, support.material, velo.r_max, support.r_max, side)
    z = velo.tank.z_end - velo.tank.window / 2
    build.annulus(z, velo.tank.window, "Al", build.geometry.beam_pipe[0].r_begin, velo.tank.r)


def _rich(build: _Builder) -> None:
    g = build.geometry
    air = [(g.velo.tank.z_end, g.rich1.z_begin), (g.rich1.z_end, g.rich2.z_begin)]
    air.append((g.rich2.z_end, g.calorimeter.front))
    for begin, end in air:
        build.fill(begin, end, "AIR", AIR_PIECE)
    for rich in (g.rich1, g.rich2):
        build.fill(rich.z_begin, rich.z_end, rich.gas, GAS_PIECE)
        entry, leave, mirror = rich.windows.entry, rich.windows.exit, rich.mirror
        slabs = [
            (rich.z_begin + entry.thickness / 2, entry.thickness, entry.material),
            (mirror.z + mirror.thickness / 2, mirror.thickness, mirror.material),
            (rich.z_end - leave.thickness / 2, leave.thickness, leave.material),
        ]
        for z, thickness, material in slabs:
            build.annulus(z, thickness, material, build.pipe_radius(z))


def _trackers(build: _Builder) -> None:
    tt, it, ot = build.geometry.tt, build.geometry.it, build.geometry.ot
    box = (tt.half_x, tt.half_y)
    for z in tt.layers:
        build.rectangle(z, tt.thickness, tt.material, box, tt.hole)
        build.rectangle(z + tt.extra.thickness / 2, tt.extra.thickness, tt.extra.material, box, tt.hole)
    wide, high = sorted(it.arms, reverse=True)
    for z in (s + i * it.spacing for s in it.stations for i in range(len(it.angles))):
        for box, hole in ((wide, it.hole), (high, (high[0], wide[1]))):
            build.rectangle(z, it.thickness, it.material, box, hole)
            build.rectangle(z + it.extra.thickness / 2, it.extra.thickness, it.extra.material, box, hole)
    for z in ot.layers:
        build.rectangle(z, ot.thickness, ot.material, (ot.half_x, ot.half_y), wide, high)

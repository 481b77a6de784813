"""The whole detector as Geant4 wants it: a world, sensitive volumes, limits and the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.geant.builder import Builder
from lamarr.detailed.transport.geant.calorimeters import Plates
from lamarr.detailed.transport.geant.field import Field
from lamarr.detailed.transport.geant.identifiers import build_identifiers
from lamarr.detailed.transport.geant.passive import build_pipe, build_walls
from lamarr.detailed.transport.geant.trackers import build_trackers
from lamarr.detailed.transport.limits import Limits
from lamarr.detector.geometry import Geometry

__all__ = ["LHCb"]

GATE = "gate"
UNLIMITED = 1e9


class LHCb(g4.G4VUserDetectorConstruction):
    """Builds a geometry.

    Parameters
    ----------
    geometry : Geometry
    sensors : mapping of str to sensitive detector
        By the role of their volumes.
    field : Field, optional
        The magnetic field; None for none.
    plates : Plates, optional
        Calorimeters for showers; averages without them.
    """

    def __init__(
        self,
        geometry: Geometry,
        sensors: Mapping[str, Any],
        field: Field | None,
        plates: Plates | None = None,
    ) -> None:
        super().__init__()
        self.geometry, self.sensors, self.field, self.plates = geometry, sensors, field, plates
        self.build = Builder(geometry)

    def Construct(self) -> Any:  # noqa: N802
        """Return the world."""
        world, build = self.geometry.world, self.build
        half, centre = (world.z_end - world.z_begin) / 2, (world.z_end + world.z_begin) / 2
        # the frame of the world is that of LHCb: it reaches as far backwards as it must to be symmetric
        reach = half + abs(centre)
        box = g4.G4Box("world", world.x, world.y, reach)
        build.world = g4.G4LogicalVolume(box, build.material("AIR"), "world")
        top = g4.G4PVPlacement(None, g4.G4ThreeVector(), build.world, "world", None, False, 0)
        build.keep += [box, top]
        build_pipe(build)
        build_trackers(build)
        build_identifiers(build, self.plates)
        build_walls(build)
        magnet = self.geometry.magnet
        # charged particles that the field will turn end here, behind the last TT layer
        gate = max(magnet.z_begin, self.geometry.tt.layers[-1] + 10)
        pipe = 45.0
        build.plane(GATE, "AIR", gate, 0.1, [magnet.aperture_begin], [(pipe, pipe)], role=GATE)
        self._give_limits()
        return top

    def _give_limits(self) -> None:
        """Give every volume its limits, which Geant4 applies in C++."""
        self._everywhere, self._absorber, self._wall = (
            g4.G4UserLimits(UNLIMITED, UNLIMITED, UNLIMITED, energy) for energy in (0.0, 0.0, UNLIMITED)
        )
        self.build.world.SetUserLimits(self._everywhere)
        for placed in self.build.placed:
            placed.GetLogicalVolume().SetUserLimits(self._everywhere)
        for role, limit in (("absorber", self._absorber), ("wall", self._wall)):
            for volume in self.build.roles[role]:
                volume.SetUserLimits(limit)

    def set_limits(self, limits: Limits) -> None:
        """Set the limits of time, and of energy in absorbers."""
        for some in (self._everywhere, self._absorber):
            some.SetUserMaxTime(limits.time * g4.ns)
        self._absorber.SetUserMinEkine(limits.absorber * g4.MeV)

    def ConstructSDandField(self) -> None:  # noqa: N802
        """Make volumes sensitive and switch the field on."""
        for role, sensor in self.sensors.items():
            g4.G4SDManager.GetSDMpointer().AddNewDetector(sensor)
            for volume in self.build.roles[role]:
                volume.SetSensitiveDetector(sensor)
        if self.plates is not None:
            self.plates.sensitive()
        if self.field is not None:
            roles, end = self.build.roles, self.geometry.velo.tank.z_end
            self.field.switch_on(roles["velo"], roles["no field"], end)

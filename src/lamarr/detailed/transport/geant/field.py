"""The magnetic field as Geant4 asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from lamarr.detailed.transport.geant.binding import g4
from lamarr.detector import Detector
from lamarr.detector.field_map import FieldMap, load_field

__all__ = ["Field"]

INTERPOLATING = 3
"""Geant4's driver that interpolates Dormand-Prince steps: half the calls, 0.03 mm off after 12 m."""

CACHE = 5.0
"""Geant4 asks anew after so many mm; with 50 mm momenta of 50 to 100 GeV come out 0.1 % high."""


class _Map(g4.G4MagneticField):
    """Calls the compiled interpolation; two lines, because it is called a thousand times a track."""

    def __init__(self, field: FieldMap) -> None:
        super().__init__()
        from lamarr.detector.field_kernel import field_at

        self.grid, self.frame, self.evaluate, self.tesla = field.grid, field.frame, field_at, g4.tesla

    def GetFieldValue(self, point: Any, field: Any = None) -> list[float]:  # noqa: ARG002, N802
        x, y, z = self.evaluate(self.grid, self.frame, point[0], point[1], point[2])
        return [x * self.tesla, y * self.tesla, z * self.tesla]  # a list: of a tuple Geant4 takes nothing


class Field:
    """The field of a detector behind Geant4's cache."""

    def __init__(self, detector: Detector) -> None:
        self._field = load_field(detector)
        self.map = _Map(self._field)
        self._keep: list[Any] = []
        self.cached = g4.G4CachedMagneticField(self.map, CACHE)
        self._far, self._value = g4.G4doubleVector([0.0, 0.0, -1e6, 0.0]), [0.0] * 6

    def switch_on(self, velo: Iterable[Any], outside: Iterable[Any], velo_end: float) -> None:
        """Put it into the world, but not where it hardly acts: there it would cost a third of all.

        Parameters
        ----------
        velo : iterable of logical volumes
            Get a uniform field of the same integral: 0.3 MeV of the 1260 MeV that the magnet gives a charge.
        outside : iterable of logical volumes
            Behind the map: get none.
        velo_end : float
            z (mm) where `velo` ends.
        """
        manager = g4.G4TransportationManager.GetTransportationManager().GetFieldManager()
        self._install(manager, self.cached)
        z = np.linspace(0, velo_end, 200)
        mean = float(self._field(0 * z, 0 * z, z)[1].mean()) * g4.tesla
        self._uniform = g4.G4UniformMagField(g4.G4ThreeVector(0, mean, 0))
        self._velo, self._none = g4.G4FieldManager(), g4.G4FieldManager()
        self._install(self._velo, self._uniform)
        for manager, volumes in ((self._velo, velo), (self._none, outside)):
            for volume in volumes:
                volume.SetFieldManager(manager, True)

    def _install(self, manager: Any, field: Any) -> None:
        finder = g4.G4ChordFinder(field, 0.01, None, INTERPOLATING)
        self._keep.append(finder)
        manager.SetDetectorField(field)
        manager.SetChordFinder(finder)

    def forget(self) -> None:
        """Empty the cache, so that no event depends on where the one before it ended."""
        self.cached.GetFieldValue(self._far, self._value)

"""The magnetic field as Geant4 asks for it."""

from __future__ import annotations

from typing import Any

from lamarr.detailed.transport.geant4 import g4
from lamarr.detector import Detector, field_by

__all__ = ["Field"]

CACHE = 5.0
"""Geant4 asks anew after so many mm; with 50 mm the field lags and momenta of 50 to 100 GeV come out 0.1 % high."""


class _Map(g4.G4MagneticField):
    def __init__(self, detector: Detector) -> None:
        super().__init__()
        import numpy as np

        z = np.arange(-1000.0, 20001.0, 10.0)
        self.by = (field_by(detector, z) * g4.tesla).tolist()

    def GetFieldValue(self, point: Any, field: Any = None) -> list[float]:  # noqa: ARG002, N802
        u = (point[2] + 1000.0) * 0.1
        i = int(u)
        if not 0 <= i < 2099:
            return [0.0, 0.0, 0.0]
        a = self.by[i]
        return [0.0, a + (u - i) * (self.by[i + 1] - a), 0.0]


class Field:
    """The field of a detector behind Geant4's cache."""

    def __init__(self, detector: Detector) -> None:
        self.map = _Map(detector)
        self.cached = g4.G4CachedMagneticField(self.map, CACHE)
        self._far, self._value = g4.G4doubleVector([0.0, 0.0, -1e6, 0.0]), [0.0, 0.0, 0.0]

    def switch_on(self) -> None:
        """Put it into the whole world."""
        manager = g4.G4TransportationManager.GetTransportationManager().GetFieldManager()
        manager.SetDetectorField(self.cached)
        manager.CreateChordFinder(self.cached)

    def forget(self) -> None:
        """Empty the cache, so that no event depends on where the one before it ended."""
        self.cached.GetFieldValue(self._far, self._value)

"""Sensitive detectors: Geant4 calls them for every step in their volumes, so they return early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.geant.truth import Truth

__all__ = ["Front", "Gate", "Hits", "MuonGas", "RichGas"]

_KILLED = g4.G4TrackStatus.fStopAndKill
STEEPEST = 3.0
"""|dx/dz| and |dy/dz| above which a crossing gives no hit."""


class _Sensor(g4.G4VSensitiveDetector):
    """Collects `rows` of the event at hand, and tells `truth` whose they are."""

    def __init__(self, name: str, truth: Truth) -> None:
        super().__init__(name)
        self.truth = truth
        self.rows: list[Any] = []


class Hits(_Sensor):
    """Rows of TRACKER_HIT; `middle`: z (mm) of the middle of each layer."""

    def __init__(self, truth: Truth, middle: Mapping[int, float]) -> None:
        super().__init__("hit", truth)
        self.middle = middle

    def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: ARG002, N802
        """Note a charged particle that enters a layer."""
        point = step.GetPreStepPoint()
        if not step.IsFirstStepInVolume() or point.GetCharge() == 0:
            return False
        track = step.GetTrack()
        if track.GetCurrentStepNumber() == 1:  # made inside of the layer
            return False
        p, x = point.GetMomentum(), point.GetPosition()
        px, py, pz = p.x, p.y, p.z
        if not (abs(px) < STEEPEST * abs(pz) and abs(py) < STEEPEST * abs(pz)):
            return False
        layer = point.GetTouchable().GetReplicaNumber(0)
        tx, ty, z = px / pz, py / pz, self.middle[layer]
        dz, number = z - x.z, track.GetTrackID()
        here = (x.x + tx * dz, x.y + ty * dz, z, point.GetGlobalTime(), tx, ty, p.mag())
        self.rows.append((layer, number, *here))
        self.truth.seen.add(number)
        return True


class RichGas(_Sensor):
    """Rows of RICH_SEGMENT, of particles above the threshold of Cherenkov light."""

    def __init__(self, truth: Truth, radiator: int, index: float) -> None:
        super().__init__(f"gas{radiator}", truth)
        self.radiator, self.beta = radiator, 1 / index
        self._track = 0

    def begin(self) -> None:
        """Forget the event before."""
        self.rows.clear()
        self._track = 0

    def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: ARG002, N802
        """Begin a segment, or move the end of the one at hand."""
        begin = step.GetPreStepPoint()
        if begin.GetCharge() == 0:
            return False
        track = step.GetTrack()
        number = track.GetTrackID()
        if number != self._track or step.IsFirstStepInVolume():
            self._track = 0
            p = begin.GetMomentum()
            if begin.GetBeta() < self.beta or p.z <= 0:
                return False
            x = begin.GetPosition()
            pid = track.GetDefinition().GetPDGEncoding()
            start = (x.x, x.y, x.z, 0.0, 0.0, 0.0, p.x, p.y, p.z, begin.GetGlobalTime())
            self.rows.append([self.radiator, number, pid, *start])
            self.truth.seen.add(number)
            self._track = number
        x = step.GetPostStepPoint().GetPosition()
        self.rows[-1][6:9] = x.x, x.y, x.z
        return True


class MuonGas(_Sensor):
    """Rows of MUON_HIT."""

    def __init__(self, truth: Truth) -> None:
        super().__init__("muon", truth)

    def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: ARG002, N802
        """Note a charged particle that enters the gas of a station."""
        point = step.GetPreStepPoint()
        if not step.IsFirstStepInVolume() or point.GetCharge() == 0:
            return False
        x, number = point.GetPosition(), step.GetTrack().GetTrackID()
        station = point.GetTouchable().GetReplicaNumber(0)
        here = (x.x, x.y, x.z, point.GetGlobalTime(), point.GetMomentum().mag())
        self.rows.append((station, number, *here))
        self.truth.seen.add(number)
        return True


class Front(_Sensor):
    """Rows of CALO_FACE; ends here what the mode does not carry on."""

    LOWEST, HOLE = 20.0, 135.0  # MeV; half size in mm of what the beam pipe fills

    def __init__(self, truth: Truth) -> None:
        super().__init__("front", truth)
        self.stop = "muon"

    def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: ARG002, N802
        """Note a particle that enters the calorimeters from the front."""
        if not step.IsFirstStepInVolume():
            return False
        point, track = step.GetPreStepPoint(), step.GetTrack()
        p, energy = point.GetMomentum(), point.GetKineticEnergy()
        pid, number = track.GetDefinition().GetPDGEncoding(), track.GetTrackID()
        x = point.GetPosition()
        in_pipe = abs(x.x) < self.HOLE and abs(x.y) < self.HOLE
        counts = bool(p.z > 0 and energy > self.LOWEST and not in_pipe)
        if counts:
            here = (x.x, x.y, x.z, p.x, p.y, p.z, point.GetGlobalTime(), energy)
            self.rows.append((number, pid, *here))
            self.truth.seen.add(number)
        if self.stop == "ecal" or (self.stop == "muon" and (energy <= self.LOWEST or pid in (11, -11, 22))):
            track.SetTrackStatus(_KILLED)
        return counts


class Gate(_Sensor):
    """Ends charged particles that the magnet will turn round."""

    def __init__(self, truth: Truth) -> None:
        super().__init__("gate", truth)
        self.momentum = 0.0

    def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: ARG002, N802
        """End a charged particle with less than `momentum` (MeV)."""
        point = step.GetPreStepPoint()
        if point.GetCharge() != 0 and point.GetMomentum().mag() < self.momentum:
            step.GetTrack().SetTrackStatus(_KILLED)
        return False

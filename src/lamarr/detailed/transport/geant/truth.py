"""Who is whose daughter: every track that Geant4 carries, from birth to end, and which ones are kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamarr.detailed.records import MC_TRACK, Records
from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.limits import Limits
from lamarr.events import CaloOrigin, TransportEnd

__all__ = ["Births", "Deaths", "Truth"]

_KILL, _CARRY = g4.G4ClassificationOfNewTrack.fKill, g4.G4ClassificationOfNewTrack.fUrgent
_LIGHT, _NEUTRINOS = frozenset((11, -11, 22)), frozenset((12, -12, 14, -14, 16, -16))
_NEUTRAL = frozenset((2112, -2112, 130, 310))
_SHOWERS = frozenset((11, -11, 22, 111))
_ORIGINS = {
    "eBrem": CaloOrigin.BREMSSTRAHLUNG,
    "muBrems": CaloOrigin.BREMSSTRAHLUNG,
    "hBrems": CaloOrigin.BREMSSTRAHLUNG,
    "conv": CaloOrigin.CONVERSION,
    "GammaGeneral": CaloOrigin.CONVERSION,
    "Decay": CaloOrigin.DECAY,
}
_ENDS = {
    "Decay": TransportEnd.DECAY,
    "conv": TransportEnd.CONVERSION,
    "annihil": TransportEnd.ANNIHILATION,
}
_STOPPED = frozenset(("UserSpecialCut", "StepLimiter", "eIoni", "hIoni", "muIoni", "ionIoni", "msc"))


def origin_of(process: str) -> int:
    """Return the code of lamarr.events.CaloOrigin of a process of Geant4."""
    if process in _ORIGINS:
        return int(_ORIGINS[process])
    return int(CaloOrigin.HADRONIC if _hadronic(process) else CaloOrigin.OTHER)


def _hadronic(process: str) -> bool:
    return any(word in process for word in ("Inelastic", "hadElastic", "Capture", "Nuclear", "AtRest"))


class Truth:
    """Tracks of the event at hand.

    Attributes
    ----------
    born : dict
        Track number to (parent, pid, creator, x, y, z, t, px, py, pz).
    died : dict
        Track number to (end, x, y, z).
    seen : set
        Tracks that left a record in a detector.
    """

    def __init__(self) -> None:
        self.born: dict[int, tuple[Any, ...]] = {}
        self.died: dict[int, tuple[Any, ...]] = {}
        self.seen: set[int] = set()

    def begin(self) -> None:
        """Forget the event before."""
        self.born.clear()
        self.died.clear()
        self.seen.clear()

    def records(self, particle_ids: list[int], collision_ids: list[int]) -> Records:
        """Return MC_TRACK rows; track k is the generated particle ``particle_ids[k - 1]`` if there is one."""
        n = len(particle_ids)
        kept = self._with_ancestors(n)
        table = np.zeros(len(kept), MC_TRACK)
        nowhere = (int(TransportEnd.OTHER), np.nan, np.nan, np.nan)
        for row, track in enumerate(kept):
            parent, *rest = self.born[track]
            particle = particle_ids[track - 1] if track <= n else -1
            first = track
            while self.born[first][0]:
                first = self.born[first][0]
            pid, creator, *begin = rest
            end, *where = self.died.get(track, nowhere)
            whose = (particle, particle_ids[first - 1], collision_ids[first - 1])
            table[row] = (track, parent, *whose, pid, creator, end, *begin, *where)
        return table

    def _with_ancestors(self, n: int) -> list[int]:
        """Numbers of tracks seen, their ancestors, generated particles, and photons that those radiated."""
        wanted = set(range(1, n + 1)) & self.born.keys()
        bremsstrahlung = int(CaloOrigin.BREMSSTRAHLUNG)
        wanted |= {t for t, row in self.born.items() if row[2] == bremsstrahlung and row[0] <= n}
        for track in self.seen:
            while track and track not in wanted:
                wanted.add(track)
                track = self.born[track][0]
        return sorted(wanted)


class Births(g4.G4UserStackingAction):
    """Decides which new tracks are carried, and notes them; in `showers` all are, and none is noted."""

    def __init__(self, truth: Truth, limits: Limits, *, front: float, magnet: float) -> None:
        super().__init__()
        self.truth, self.front, self.magnet = truth, front, magnet
        self.limits, self.showers = limits, False

    def ClassifyNewTrack(self, track: Any) -> Any:  # noqa: N802
        """Note a track, or drop it. Called for every secondary: what is cheap to ask comes first."""
        if self.showers:
            return _CARRY
        energy, parent = track.GetKineticEnergy(), track.GetParentID()
        if parent and energy < self.limits.light:
            return _KILL
        pid = track.GetDefinition().GetPDGEncoding()
        x = track.GetPosition()
        if parent and self._useless(pid, energy, x.z):
            return _KILL
        p = track.GetMomentum()
        process = track.GetCreatorProcess() if parent else None
        creator = origin_of(process.GetProcessName()) if process is not None else int(CaloOrigin.GENERATED)
        self.truth.born[track.GetTrackID()] = (
            *(parent, pid, creator),
            *(x.x, x.y, x.z, track.GetGlobalTime(), p.x, p.y, p.z),
        )
        return _CARRY

    def _useless(self, pid: int, energy: float, z: float) -> bool:
        limits = self.limits
        if z > self.front:
            if pid in _SHOWERS:
                return True
            lowest = limits.calorimeter_neutron if pid in _NEUTRAL else limits.calorimeter_hadron
            return energy < lowest or pid in _NEUTRINOS
        if pid in _LIGHT:
            return energy < (limits.light if z < self.magnet else limits.light_behind)
        return energy < (limits.neutron if pid in _NEUTRAL else limits.hadron) or pid in _NEUTRINOS


class Deaths(g4.G4UserTrackingAction):
    """Notes where and how tracks end."""

    def __init__(self, truth: Truth, front: float) -> None:
        super().__init__()
        self.truth, self.front, self.showers = truth, front, False

    def PostUserTrackingAction(self, track: Any) -> None:  # noqa: N802
        """Note the end of a track."""
        if self.showers:
            return
        point = track.GetStep().GetPostStepPoint()
        process = point.GetProcessDefinedStep()
        x = point.GetPosition()
        end = self._end(process.GetProcessName() if process is not None else "", x.z, track)
        self.truth.died[track.GetTrackID()] = (end, x.x, x.y, x.z)

    def _end(self, process: str, z: float, track: Any) -> int:
        if process in _ENDS:
            return int(_ENDS[process])
        if _hadronic(process):
            return int(TransportEnd.HADRONIC)
        if process == "Transportation":
            if track.GetNextVolume() is None:
                return int(TransportEnd.LEFT)
            near_front = self.front <= z < self.front + 1
            return int(TransportEnd.CALORIMETER if near_front else TransportEnd.OTHER)
        if process == "UserSpecialCut" and track.GetKineticEnergy() == 0.0:
            return self._at_limit(track)
        return int(TransportEnd.STOPPED if process in _STOPPED else TransportEnd.OTHER)

    def _at_limit(self, track: Any) -> int:
        volume = track.GetVolume()
        name = volume.GetName() if volume is not None else ""
        wall = name.startswith(("wall", "yoke", "velo_wall", "velo_back"))
        return int(TransportEnd.LEFT if wall else TransportEnd.STOPPED)

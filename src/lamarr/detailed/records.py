"""What passes between transport, digitisation and reconstruction: one event as structured arrays.

Units: mm, ns, MeV. Everything of one event fits in a few hundred kB; events never meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CALO_CELL",
    "CALO_FACE",
    "MC_TRACK",
    "MUON_HIT",
    "RECO_TRACK",
    "RICH_SEGMENT",
    "STATE",
    "STATE_PLANES",
    "TRACKER_HIT",
    "VERTEX",
    "SimEvent",
    "TrackingResult",
]

Records = NDArray[Any]


def _floats(*names: str) -> list[tuple[str, str]]:
    return [(name, "f8") for name in names]


MC_TRACK: Final = np.dtype(
    [
        ("track", "i4"),  # Geant4's track number, from 1
        ("parent", "i4"),  # track of its parent, 0 for what the generator gave
        ("particle_id", "i4"),  # the generated particle that it is, −1 for secondaries
        ("ancestor", "i4"),  # particle_id of the generated particle that it is or descends from
        ("collision_id", "i4"),  # generated collision of that ancestor, which primary vertices are matched to
        ("pid", "i4"),
        ("creator", "i1"),  # lamarr.events.CaloOrigin: how it came to be
        ("end", "i1"),  # lamarr.events.TransportEnd
        *_floats("x", "y", "z", "t", "px", "py", "pz"),  # at its beginning
        *_floats("end_x", "end_y", "end_z"),
    ]
)
"""Tracks that leave a record in any detector, and all their ancestors, by track number."""

TRACKER_HIT: Final = np.dtype(
    [
        ("layer", "i2"),  # 4 module + 2 half (0: x > 0) + sensor (0 R, 1 φ) in the VELO; 100 + i TT;
        # 110 + 4 station + i IT; 130 + i OT
        ("track", "i4"),
        *_floats("x", "y", "z", "t", "tx", "ty", "p"),  # where the particle crosses the middle of the layer
    ]
)
"""Crossings of charged particles with sensitive material of the trackers."""

RICH_SEGMENT: Final = np.dtype(
    [
        ("radiator", "i1"),  # 1: C4F10 of RICH1, 2: CF4 of RICH2
        ("track", "i4"),
        ("pid", "i4"),
        *_floats("x", "y", "z", "end_x", "end_y", "end_z"),  # the way through the gas, taken as straight
        *_floats("px", "py", "pz", "t"),  # at its beginning
    ]
)
"""Ways of charged particles through the gas radiators in front of the mirrors, secondaries included."""

MUON_HIT: Final = np.dtype([("station", "i1"), ("track", "i4"), *_floats("x", "y", "z", "t", "p")])
"""Charged particles in the sensitive gas of M1 (station 0) to M5 (station 4)."""

CALO_FACE: Final = np.dtype(
    [
        ("track", "i4"),
        ("pid", "i4"),
        *_floats("x", "y", "z", "px", "py", "pz", "t", "energy"),  # energy: kinetic, of photons the energy
    ]
)
"""Particles that cross the plane ``calorimeter.front`` forwards with more than 20 MeV, in order."""

CALO_CELL: Final = np.dtype(
    [
        ("part", "i1"),  # 0 SPD, 1 PS, 2 ECAL, 3 HCAL
        ("cell", "i4"),  # number of the cell, see lamarr.calorimetry.cells
        ("face", "i4"),  # row in CALO_FACE of the particle that it comes from, −1 if from none
        ("energy", "f8"),  # deposited in the active material
    ]
)
"""Energy in cells, where Geant4 carried the showers; empty where they come from the shower library."""

STATE: Final = np.dtype(_floats("x", "y", "z", "tx", "ty", "qop"))
"""A track state; q/p in 1/MeV. NaN where the track has none."""

STATE_PLANES: Final = (
    "beam",  # closest to the z axis
    "rich1_begin",  # rich1.z_begin
    "rich1_end",  # rich1.z_end
    "tt",  # last TT layer
    "t_begin",  # first OT layer
    "t_end",  # z = 9450 mm
    "rich2_begin",
    "rich2_end",
    "calo_front",  # calorimeter.front
    "ecal",  # calorimeter.ecal.shower_max
)
"""Where the reconstruction gives the states of a track."""

RECO_TRACK: Final = np.dtype(
    [
        ("type", "i1"),  # lamarr.events.TrackType
        ("track", "i4"),  # MC track that most of its hits are from (at least 70 %), −1 for a ghost
        ("particle_id", "i4"),  # generated particle, −1 for a ghost or a secondary
        ("pid", "i4"),  # PDG id of that MC track, 0 for a ghost
        ("charge", "i1"),
        ("n_hits", "i2"),
        ("n_dof", "i2"),
        *_floats("chi2", "ghost_prob"),
        ("state", STATE, (len(STATE_PLANES),)),
        ("covariance", "f8", (5, 5)),  # of (x, y, tx, ty, q/p) at the plane "beam"
    ]
)
"""Reconstructed tracks, all types, best first."""

VERTEX: Final = np.dtype(
    [
        *_floats("x", "y", "z"),
        ("covariance", "f8", (3, 3)),
        ("chi2", "f8"),
        ("n_tracks", "i4"),
        ("collision_id", "i4"),  # the generated collision that most of its tracks are from, −1 if none
    ]
)
"""Reconstructed primary vertices."""


@dataclass(frozen=True, kw_only=True)
class SimEvent:
    """One event as the transport leaves it."""

    event_id: int
    tracks: Records
    hits: Records
    rich_segments: Records
    muon_hits: Records
    calo_faces: Records
    calo_cells: Records

    def row_of_track(self, track: Records) -> NDArray[np.int64]:
        """Rows in `tracks` of Geant4's track numbers; −1 where there is no such track."""
        numbers = self.tracks["track"]
        rows = np.searchsorted(numbers, track)
        clipped = np.minimum(rows, max(len(numbers) - 1, 0))
        found = numbers[clipped] == track if len(numbers) else np.zeros(np.shape(track), bool)
        return np.where(found, clipped, -1)


@dataclass(frozen=True, kw_only=True)
class TrackingResult:
    """One event as the track reconstruction leaves it; `reconstructible` maps particle_id to a track type."""

    tracks: Records
    vertices: Records
    n_velo_tracks: int
    reconstructible: dict[int, int]

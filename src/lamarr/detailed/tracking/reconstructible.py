"""Which generated particles could have been reconstructed, as what type of track, by LHCb's definitions."""

from __future__ import annotations

import numpy as np

from lamarr.detailed.records import SimEvent
from lamarr.detailed.tracking.hits import Hits
from lamarr.detailed.tracking.planes import PHI, TT, R
from lamarr.detailed.tracking.segments import MIN_PHI, MIN_R, crosses_all_stations, layers_of_tracks
from lamarr.detailed.tracking.setup import Setup
from lamarr.events import TrackType

__all__ = ["reconstructible_particles"]


def reconstructible_particles(event: SimEvent, hits: Hits, setup: Setup) -> dict[int, int]:
    """Map particle_id to the best type of track for which the particle left enough clusters.

    VELO: at least 3 R and 3 φ clusters; TT: at least one x and one stereo; T: both in every station. Long:
    VELO and T; upstream: VELO and TT; downstream: TT and T. Secondaries have no particle_id.
    """
    planes = setup.planes
    in_velo, in_tt, in_t = np.isin(planes.kind, (R, PHI)), planes.kind == TT, planes.station >= 0
    velo = _with(*layers_of_tracks(hits, planes, in_velo), (R, MIN_R), (PHI, MIN_PHI), modulo=2)
    track, layer = layers_of_tracks(hits, planes, in_tt)
    stereo = np.zeros(1024, np.int64)
    stereo[planes.layer] = planes.stereo
    tt = _with(track, stereo[layer], (0, 1), (1, 1), modulo=2)
    t = set(crosses_all_stations(*layers_of_tracks(hits, planes, in_t), planes).tolist())
    found: dict[int, int] = {}
    for row in event.tracks[event.tracks["particle_id"] >= 0]:
        number = int(row["track"])
        kinds = (number in velo, number in tt, number in t)
        if kinds[0] and kinds[2]:
            found[int(row["particle_id"])] = TrackType.LONG
        elif kinds[0] and kinds[1]:
            found[int(row["particle_id"])] = TrackType.UPSTREAM
        elif kinds[1] and kinds[2]:
            found[int(row["particle_id"])] = TrackType.DOWNSTREAM
    return found


def _with(track: np.ndarray, layer: np.ndarray, *needs: tuple[int, int], modulo: int) -> set[int]:
    """Tracks with at least n layers of each kind (layer % modulo)."""
    sets = []
    for kind, n in needs:
        count = np.bincount(track[layer % modulo == kind])
        sets.append(set(np.nonzero(count >= n)[0].tolist()))
    return set.intersection(*sets)

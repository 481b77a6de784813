"""What became of the generated particles of an event: fates, true trajectories, and how they were carried."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.records import SimEvent, TrackingResult
from lamarr.detailed.transport.layers import IT_LAYER
from lamarr.detector.propagation import closest_to_beam
from lamarr.events import CaloOrigin, EventBatch, Fate, TrackType

__all__ = ["CLOSEST_TO_BEAM", "T_STATIONS", "particle_columns", "transport", "true_states"]

Columns = dict[str, NDArray[Any]]
CLOSEST_TO_BEAM: Final = 1
T_STATIONS: Final = 5
BREMSSTRAHLUNG_COUNTS: Final = 75.0
"""Photons with more energy (MeV) are counted."""

_FATE: Final = (
    (TrackType.DOWNSTREAM, Fate.DOWNSTREAM),
    (TrackType.UPSTREAM, Fate.UPSTREAM),
    (TrackType.LONG, Fate.LONG),
)


def particle_columns(batch: EventBatch, tracking: TrackingResult) -> Columns:
    """Columns ``fate`` and ``acceptance`` of the particles of one classified event.

    A candidate has the fate of its best track (long before upstream before downstream); without one it is
    not reconstructed if its hits would allow a track, and out of the acceptance else. ``acceptance`` says
    whether they allow one: 1 or 0, NaN for what is not a candidate.
    """
    fate = batch["particles"]["fate"].copy()
    candidate = fate == Fate.UNDECIDED
    allowed = np.zeros(len(fate), bool)
    particles = [p for p, kind in tracking.reconstructible.items() if kind]
    allowed[particles] = True
    new = np.where(allowed, Fate.NOT_RECONSTRUCTED, Fate.OUT_OF_ACCEPTANCE).astype(fate.dtype)
    for kind, result in _FATE:
        own = tracking.tracks["particle_id"][tracking.tracks["type"] == kind]
        new[own[own >= 0]] = result
    fate[candidate] = new[candidate]
    reached = allowed | (fate >= Fate.LONG)
    return {"fate": fate, "acceptance": np.where(candidate, reached.astype(np.float32), np.nan)}


def true_states(event: SimEvent, fate: NDArray[Any]) -> Columns:
    """Columns of ``true_states``: particles with tracks, where closest to the beam and where first in T."""
    tracks, hits = event.tracks, event.hits
    generated = tracks[tracks["particle_id"] >= 0]
    generated = generated[fate[generated["particle_id"]] >= Fate.LONG]
    generated = generated[np.argsort(generated["particle_id"], kind="stable")]
    tx, ty = generated["px"] / generated["pz"], generated["py"] / generated["pz"]
    x, y, z = closest_to_beam(generated["x"], generated["y"], generated["z"], tx, ty)
    p = np.sqrt(sum(generated[c] ** 2 for c in ("px", "py", "pz")))
    first = {"x": x, "y": y, "z": z, "tx": tx, "ty": ty, "p": p}
    behind = hits[hits["layer"] >= IT_LAYER]
    behind = behind[np.lexsort((behind["t"], behind["track"]))]
    number, at = np.unique(behind["track"], return_index=True)
    mine = np.isin(generated["track"], number)
    second = behind[at[np.searchsorted(number, generated["track"][mine])]]
    particle = np.concatenate([generated["particle_id"], generated["particle_id"][mine]])
    location = np.repeat([CLOSEST_TO_BEAM, T_STATIONS], [len(generated), len(second)])
    order = np.lexsort((location, particle))
    columns = {"particle_id": particle, "location": location}
    columns |= {name: np.concatenate([first[name], second[name]]) for name in first}
    return {name: values[order] for name, values in columns.items()}


def transport(event: SimEvent, tracking: TrackingResult, magnet_centre: float) -> Columns:
    """Columns of ``transport``, of what Geant4 was given; radiation counts up to `magnet_centre` (mm)."""
    tracks = event.tracks
    rows = np.flatnonzero(tracks["particle_id"] >= 0)
    rows = rows[np.argsort(tracks["particle_id"][rows], kind="stable")]
    photons = tracks[(tracks["creator"] == CaloOrigin.BREMSSTRAHLUNG) & (tracks["z"] < magnet_centre)]
    energy = np.sqrt(sum(photons[c] ** 2 for c in ("px", "py", "pz")))
    parent = event.row_of_track(photons["parent"])
    n = len(tracks)
    radiated = np.bincount(parent, energy, n)
    counted = np.bincount(parent[energy > BREMSSTRAHLUNG_COUNTS], minlength=n)
    particle = tracks["particle_id"][rows]
    return {
        "particle_id": particle,
        "end": tracks["end"][rows],
        **{c: tracks[f"end_{c}"][rows] for c in "xyz"},
        "brem_energy": radiated[rows],
        "n_brem": counted[rows],
        "reconstructible": np.array([tracking.reconstructible.get(p, 0) for p in particle.tolist()], np.int8),
    }

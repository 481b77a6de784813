"""What the reconstruction gives of one event, as tables of the event model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.records import STATE_PLANES, Records, TrackingResult
from lamarr.events import COVARIANCE_PAIRS, EventBatch, Table

__all__ = ["cut_to_event", "event_columns", "primary_vertices", "tracks"]

Columns = dict[str, NDArray[Any]]
_BEAM = STATE_PLANES.index("beam")


def cut_to_event(name: str, event_id: int, columns: Mapping[str, Any]) -> Table:
    """Return the columns of one event as a table, with ``event_id``."""
    n = len(next(iter(columns.values())))
    return Table(name, {"event_id": np.full(n, event_id), **columns})


def tracks(tracking: TrackingResult) -> Columns:
    """Columns of ``tracks``: states closest to the beam, in the order of the reconstruction."""
    found = tracking.tracks
    state, n = found["state"][:, _BEAM], len(found)
    p = 1 / np.abs(state["qop"]) if n else np.empty(0)
    pz = p / np.sqrt(1 + state["tx"] ** 2 + state["ty"] ** 2)
    return {
        "track_id": np.arange(n),
        "particle_id": found["particle_id"],
        "true_pid": found["pid"],
        "type": found["type"],
        "charge": found["charge"],
        **{name: state[name] for name in ("x", "y", "z", "tx", "ty", "qop")},
        "p": p,
        "px": pz * state["tx"],
        "py": pz * state["ty"],
        "pz": pz,
        "chi2PerDoF": found["chi2"] / np.maximum(found["n_dof"], 1),
        "nDoF": found["n_dof"],
        "ghostProb": found["ghost_prob"],
        **{f"cov{i}{j}": found["covariance"][:, i, j] for i, j in COVARIANCE_PAIRS},
    }


def primary_vertices(tracking: TrackingResult, batch: EventBatch) -> Columns:
    """Columns of ``primary_vertices``: for each generated one the reconstructed one with most of its tracks.

    A vertex that no collision made, and a second one of the same collision, have no row here;
    ``events.nPVs`` counts them.
    """
    generated = batch["vertices"]
    rows = np.flatnonzero(generated["is_primary"])
    number, at = _best_of_each(tracking.vertices, generated["collision_id"][rows])
    vertex, rows = tracking.vertices[number], rows[at]
    sigma = np.sqrt(np.einsum("nii->ni", vertex["covariance"])).reshape(-1, 3)
    return {
        **{name: generated[name][rows] for name in ("vertex_id", "collision_id", "t")},
        **{name: vertex[name] for name in ("x", "y", "z", "n_tracks")},
        **{f"sigma_{axis}": sigma[:, i] for i, axis in enumerate("xyz")},
        "chi2PerDoF": vertex["chi2"] / np.maximum(2 * vertex["n_tracks"] - 3, 1),
    }


def _best_of_each(vertices: Records, collisions: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of `vertices` and of the `collisions` that they reconstruct; of several, that of most tracks."""
    pairs = []
    for at, collision in enumerate(collisions.tolist()):
        own = np.flatnonzero(vertices["collision_id"] == collision)
        if len(own):
            pairs.append((int(own[np.argmax(vertices["n_tracks"][own])]), at))
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def event_columns(tracking: TrackingResult, rich_hits: NDArray[np.int64], spd_hits: int) -> Columns:
    """Columns that ``events`` gets."""
    numbers = {
        "nTracks": len(tracking.tracks),
        "nPVs": len(tracking.vertices),
        "nVeloTracks": tracking.n_velo_tracks,
        "nSPDHits": spd_hits,
        "nRich1Hits": int(rich_hits[0]),
        "nRich2Hits": int(rich_hits[1]),
    }
    return {name: np.array([value]) for name, value in numbers.items()}

"""Reconstructed tracks and vertices beside the particles and collisions that they are from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.events import EventBatch
from lamarr.generation.charges import known_charges

__all__ = ["matched_tracks", "matched_vertices", "particle_rows"]

Columns = dict[str, NDArray[Any]]


def particle_rows(batch: EventBatch, event: ArrayLike, particle: ArrayLike) -> NDArray[np.int64]:
    """Rows of table ``particles``, −1 where there is none."""
    table = batch["particles"]
    return _rows(table["event_id"], table["particle_id"], event, particle)


def _rows(
    events: NDArray[Any], numbers: NDArray[Any], event: ArrayLike, number: ArrayLike
) -> NDArray[np.int64]:
    """Rows in a table sorted by (event, number)."""
    wide = np.int64(1) << 32
    keys = events.astype(np.int64) * wide + numbers
    wanted = np.asarray(event, np.int64) * wide + np.asarray(number, np.int64)
    found = np.searchsorted(keys, wanted)
    inside = np.minimum(found, max(len(keys) - 1, 0))
    hit = keys[inside] == wanted if len(keys) else np.zeros(wanted.shape, bool)
    return np.where(hit & (np.asarray(number) >= 0), inside, -1)


def matched_tracks(batch: EventBatch) -> Columns:
    """Columns over all tracks: type, ghost_prob, pid and true momentum; the differences to the truth.

    ``good`` marks tracks of generated particles; the others, ghosts and secondaries, are ``unmatched`` and
    have NaN or 0 as truth; ``ghost`` marks the former among them. ``dp`` is (p − p_true) / p_true, ``ip_x``
    and ``ip_y`` (mm) the distance to the point of production in its plane z, ``pull`` (n, 5) the
    differences of x, y, tx, ty, q/p over their errors where the track is closest to the beam.
    """
    tracks, particles = batch["tracks"], batch["particles"]
    rows = particle_rows(batch, tracks["event_id"], tracks["particle_id"])
    vertices = batch["vertices"]
    vertex = _rows(
        vertices["event_id"],
        vertices["vertex_id"],
        tracks["event_id"],
        np.where(rows >= 0, particles["production_vertex"][rows], -1) if particles.rows else rows,
    )
    good = (rows >= 0) & (vertex >= 0)
    px, py, pz, pid = (_take(particles[c], rows, good) for c in ("px", "py", "pz", "pid"))
    x, y, z = (_take(vertices[c], vertex, good) for c in "xyz")
    p, pt = np.sqrt(px**2 + py**2 + pz**2), np.hypot(px, py)
    with np.errstate(invalid="ignore", divide="ignore"):
        tx, ty = px / pz, py / pz
        d = tracks["z"] - z
        charge = known_charges(np.nan_to_num(pid).astype(np.int64))[0]
        truth = np.stack([x + d * tx, y + d * ty, tx, ty, charge / p], axis=1)
        measured = np.stack([tracks[c] for c in ("x", "y", "tx", "ty", "qop")], axis=1)
        errors = np.sqrt(np.stack([tracks[f"cov{i}{i}"] for i in range(5)], axis=1))
        return {
            "type": tracks["type"],
            "good": good,
            "unmatched": tracks["particle_id"] < 0,
            "ghost": tracks["true_pid"] == 0 if "true_pid" in tracks else tracks["particle_id"] < 0,
            "ghost_prob": tracks["ghostProb"].astype(np.float64),
            "pid": np.nan_to_num(pid).astype(np.int64),
            "true_p": p,
            "true_pt": pt,
            "dp": tracks["p"] / p - 1,
            "ip_x": tracks["x"] - d * tracks["tx"] - x,
            "ip_y": tracks["y"] - d * tracks["ty"] - y,
            "pull": (measured - truth) / errors,
        }


def _take(column: NDArray[Any], rows: NDArray[np.int64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    out = np.full(len(rows), np.nan)
    out[good] = column[rows[good]]
    return out


def matched_vertices(batch: EventBatch) -> Columns:
    """Differences x, y, z (mm) of vertices to their collisions, ``pull`` (n, 3), and n_tracks."""
    found, collisions = batch["primary_vertices"], batch["collisions"]
    rows = _rows(collisions["event_id"], collisions["collision_id"], found["event_id"], found["collision_id"])
    good = rows >= 0
    difference = np.stack([found[c][good] - collisions[c][rows[good]] for c in "xyz"], axis=1)
    errors = np.stack([found[f"sigma_{c}"][good] for c in "xyz"], axis=1)
    return {
        "x": difference[:, 0],
        "y": difference[:, 1],
        "z": difference[:, 2],
        "pull": difference / errors,
        "n_tracks": found["n_tracks"][good],
    }

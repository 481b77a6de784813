"""Small questions about rows that several stages ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Fate, Table

__all__ = ["alive", "number_in_event", "production_points", "reconstructed", "states_closest_to_beam"]

_STRIDE = np.int64(2**31)


def alive(particles: Table) -> NDArray[np.int64]:
    """Rows of particles that no stage has rejected: undecided, or reconstructed."""
    fate = particles["fate"]
    return np.flatnonzero((fate == Fate.UNDECIDED) | (fate >= Fate.LONG))


def reconstructed(particles: Table) -> NDArray[np.int64]:
    """Rows of particles that have a track."""
    return np.flatnonzero(particles["fate"] >= Fate.LONG)


def number_in_event(event_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2, … within each run of equal (sorted) event numbers."""
    first = np.searchsorted(event_id, event_id, side="left")
    return np.arange(len(event_id)) - first


def production_points(batch: EventBatch, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
    """x, y, z (mm) of the production vertices of the particles in `rows`, which must have one."""
    particles, vertices = batch["particles"], batch["vertices"]
    at = batch.rows_of("vertices", particles["event_id"][rows], particles["production_vertex"][rows])
    return tuple(vertices[c][at] for c in "xyz")


def states_closest_to_beam(
    batch: EventBatch, event_id: NDArray[np.int64], particle_id: NDArray[np.int32]
) -> dict[str, NDArray[np.float64]]:
    """Columns x, y, z, tx, ty, p of the true states closest to the beam of the given particles."""
    states = batch["true_states"]
    rows = np.flatnonzero(states["location"] == 1)
    keys = states["event_id"][rows] * _STRIDE + states["particle_id"][rows]
    at = rows[np.searchsorted(keys, event_id * _STRIDE + particle_id)]
    return {c: states[c][at] for c in ("x", "y", "z", "tx", "ty", "p")}

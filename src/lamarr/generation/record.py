"""Generated collisions as arrays, and their assembly into batches. What all sources of whole events share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Table

__all__ = ["CollisionRecord", "EventRecord", "assemble", "descends_from", "first_incoming"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class CollisionRecord:
    """One pp collision: n particles, v vertices, numbered from 0; −1 stands for none.

    ``p4`` (4, n) holds E, px, py, pz in MeV, ``position`` (4, v) t in ns and x, y, z in mm.
    ``primary`` is the number of the vertex of the collision, ``at`` (4,) its position.
    """

    pid: Array
    status: Array
    p4: Array
    mass: Array
    hepmc_id: Array
    production: Array
    end: Array
    mother: Array
    is_signal: Array
    from_signal: Array
    position: Array
    vertex_hepmc_id: Array
    vertex_status: Array
    primary: int
    at: Array
    process_id: int = 0
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class EventRecord:
    """One event: its collisions and where it comes from; signals tried for a cut, None without one."""

    event_id: int
    source: int
    run_number: int
    event_number: int
    collisions: tuple[CollisionRecord, ...]
    signal_attempts: int | None = None


def descends_from(mother: Array, heads: Array) -> NDArray[np.bool_]:
    """Which particles (n,) are among `heads` (n, bool) or descend from them, by pointer jumping.

    >>> descends_from(np.array([-1, 0, 1, -1]), np.array([False, True, False, False])).tolist()
    [False, True, True, False]
    """
    reached = np.append(heads, False)
    ancestor = np.append(np.where(mother < 0, len(mother), mother), len(mother))
    for _ in range(len(mother).bit_length() + 1):
        if not reached.any() or np.all(ancestor == len(mother)):
            break
        reached |= reached[ancestor]
        ancestor = ancestor[ancestor]
    return reached[:-1]


def first_incoming(incoming_vertex: Array, incoming_particle: Array, n_vertices: int) -> Array:
    """First particle (v,) that enters each vertex, −1 if none; links (m,) are in the order of the source."""
    first = np.full(n_vertices, -1, np.int64)
    first[incoming_vertex[::-1]] = incoming_particle[::-1]
    return first


def assemble(events: Sequence[EventRecord], sources: tuple[str, ...]) -> EventBatch:
    """Return the batch of these events: numbers run over all collisions of an event, in their order."""
    collisions = [c for e in events for c in e.collisions]
    per_event = [len(e.collisions) for e in events]
    event_id = np.repeat(np.array([e.event_id for e in events], np.int64), per_event)
    collision_id = np.concatenate([np.arange(n) for n in per_event])
    first = np.concatenate([[0], np.cumsum(per_event)[:-1]])
    n_particles = np.array([len(c.pid) for c in collisions])
    n_vertices = np.array([len(c.vertex_status) for c in collisions])
    particles = _Numbering(n_particles, first, per_event)
    vertices = _Numbering(n_vertices, first, per_event)
    at = np.array([c.at for c in collisions]).T
    tables = [
        _events_table(events),
        Table(
            "collisions",
            {
                "event_id": event_id,
                "collision_id": collision_id,
                "process_id": [c.process_id for c in collisions],
                "weight": [float(c.weight) for c in collisions],
                **dict(zip("txyz", at, strict=True)),
            },
        ),
        _vertices_table(collisions, event_id, collision_id, vertices),
        _particles_table(collisions, event_id, collision_id, particles, vertices),
    ]
    return EventBatch({t.name: t for t in tables}, sources)


class _Numbering:
    """Numbers of rows in their events, for collisions with `counts` rows each."""

    def __init__(self, counts: Array, first: Array, per_event: Sequence[int]) -> None:
        before = np.cumsum(counts) - counts
        offset = before - np.repeat(before[first], per_event)
        self.counts = counts
        self.offset = np.repeat(offset, counts)
        self.number = np.arange(counts.sum()) - np.repeat(before, counts) + self.offset
        self.of_collision = offset

    def shift(self, links: Sequence[Array], offsets: Array) -> Array:
        """Join links into the numbering of whole events; −1 stays."""
        joined = np.concatenate(links)
        return np.where(joined < 0, -1, joined + np.repeat(offsets, self.counts))


def _events_table(events: Sequence[EventRecord]) -> Table:
    attempts = [e.signal_attempts for e in events if e.signal_attempts is not None]
    return Table(
        "events",
        {
            "event_id": [e.event_id for e in events],
            "source": [e.source for e in events],
            "run_number": [e.run_number for e in events],
            "event_number": [e.event_number for e in events],
            "n_collisions": [len(e.collisions) for e in events],
            "weight": [float(np.prod([c.weight for c in e.collisions])) for e in events],
            **({"signal_attempts": attempts} if attempts else {}),
        },
    )


def _vertices_table(
    collisions: Sequence[CollisionRecord], event_id: Array, collision_id: Array, vertices: _Numbering
) -> Table:
    primary = [np.arange(len(c.vertex_status)) == c.primary for c in collisions]
    position = np.concatenate([c.position for c in collisions], axis=1)
    return Table(
        "vertices",
        {
            "event_id": np.repeat(event_id, vertices.counts),
            "vertex_id": vertices.number,
            "collision_id": np.repeat(collision_id, vertices.counts),
            "hepmc_id": np.concatenate([c.vertex_hepmc_id for c in collisions]),
            "status": np.concatenate([c.vertex_status for c in collisions]),
            "is_primary": np.concatenate(primary),
            **dict(zip("txyz", position, strict=True)),
        },
    )


def _particles_table(
    collisions: Sequence[CollisionRecord],
    event_id: Array,
    collision_id: Array,
    particles: _Numbering,
    vertices: _Numbering,
) -> Table:
    p4 = np.concatenate([c.p4 for c in collisions], axis=1)
    return Table(
        "particles",
        {
            "event_id": np.repeat(event_id, particles.counts),
            "particle_id": particles.number,
            "collision_id": np.repeat(collision_id, particles.counts),
            "hepmc_id": np.concatenate([c.hepmc_id for c in collisions]),
            "production_vertex": particles.shift([c.production for c in collisions], vertices.of_collision),
            "end_vertex": particles.shift([c.end for c in collisions], vertices.of_collision),
            "mother": particles.shift([c.mother for c in collisions], particles.of_collision),
            "pid": np.concatenate([c.pid for c in collisions]),
            "status": np.concatenate([c.status for c in collisions]),
            "m": np.concatenate([c.mass for c in collisions]),
            "is_signal": np.concatenate([c.is_signal for c in collisions]),
            "from_signal": np.concatenate([c.from_signal for c in collisions]),
            **dict(zip(("pe", "px", "py", "pz"), p4, strict=True)),
        },
    )

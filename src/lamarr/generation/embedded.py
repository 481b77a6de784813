"""Decays embedded in collisions: a signal at the point of the first collision of another source's events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, SchemaError
from lamarr.events import EventBatch, Table
from lamarr.generation.source import EventFailure, EventSource

__all__ = ["Embedding"]

Array = NDArray[Any]


class Embedding:
    """Events of `background`, each with the decay that `signal` gives for the event of the same number.

    The head of the signal is produced at the primary vertex of the event's first collision, and its decay is
    moved there; its particles and vertices are numbered behind those of the event.

    Parameters
    ----------
    signal : EventSource
        One decay per event, from one vertex: a :class:`~lamarr.generation.DecayGun`.
    background : EventSource
        Collisions: :class:`~lamarr.generation.Pythia`, or files.
    """

    def __init__(self, signal: EventSource, background: EventSource) -> None:
        self.signal, self.background = signal, background
        self.sources = tuple(f"{b}, with {', '.join(signal.sources)}" for b in background.sources)

    @property
    def n_events(self) -> int | None:
        """Number of events that both have, as far as it is known."""
        known = [n for n in (self.signal.n_events, self.background.n_events) if n is not None]
        return min(known) if known else None

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events `first`, `first` + 1, … in order, at most `size` events at a time.

        Raises
        ------
        ConfigurationError
            If there are fewer decays than events.
        """
        for item in self.background.batches(size, first):
            if isinstance(item, EventFailure) or not item.n_events:
                yield item
                continue
            events = item["events"]["event_id"]
            begin, end = int(events[0]), int(events[-1]) + 1
            decays = next(iter(self.signal.batches(end - begin, begin)), None)
            if isinstance(decays, EventFailure):
                raise ConfigurationError(f"the decay to embed cannot be made: {decays}")
            if decays is None or not np.isin(events, decays["events"]["event_id"]).all():
                raise ConfigurationError(
                    f"there are fewer decays to embed than events: event {end - 1} has none"
                )
            yield self._joined(item, decays)

    def _joined(self, batch: EventBatch, decays: EventBatch) -> EventBatch:
        """Return the events with their decays."""
        place = _shift(batch, decays)
        more_vertices = _renumbered(decays["vertices"], batch["vertices"], "vertex_id")
        more_vertices |= {k: more_vertices[k] + place[k] for k in "txyz"}
        inner = decays["vertices"]["vertex_id"] > 0
        more_vertices = {k: v[inner] for k, v in more_vertices.items()}
        more_vertices["vertex_id"] = (
            more_vertices["vertex_id"] - 1
        )  # the signal's vertex 0 is the collision's
        particles = decays["particles"]
        more = _renumbered(particles, batch["particles"], "particle_id")
        old = _count(batch["vertices"], particles["event_id"])
        for name in ("production_vertex", "end_vertex"):
            own = particles[name]
            behind = np.where(own > 0, own - 1 + old, own)
            more[name] = np.where(own == 0, place["primary"][_row(decays, particles)], behind)
        shifted = particles["mother"] + _count(batch["particles"], particles["event_id"])
        more["mother"] = np.where(particles["mother"] >= 0, shifted, -1)
        tables = {"vertices": more_vertices, "particles": more}
        joined = EventBatch({**batch, **{k: _merged(batch[k], v) for k, v in tables.items()}}, self.sources)
        if "signal_attempts" not in decays["events"]:
            return joined
        own = np.isin(decays["events"]["event_id"], batch["events"]["event_id"])
        return joined.with_columns("events", signal_attempts=decays["events"]["signal_attempts"][own])


def _row(decays: EventBatch, table: Table) -> Array:
    return np.searchsorted(decays["events"]["event_id"], table["event_id"])


def _count(table: Table, event: Array) -> Array:
    """Return the number of rows that a table has of each event."""
    return np.searchsorted(table["event_id"], event, "right") - np.searchsorted(table["event_id"], event)


def _shift(batch: EventBatch, decays: EventBatch) -> dict[str, Array]:
    """By how much the vertices of the decays move (rows of ``vertices``), and ``primary`` by event."""
    v, events = batch["vertices"], decays["events"]["event_id"]
    first = np.flatnonzero(v["is_primary"] & (v["collision_id"] == 0))
    there = np.searchsorted(v["event_id"][first], events)
    if len(first) == 0 or not np.array_equal(v["event_id"][first][np.minimum(there, len(first) - 1)], events):
        raise SchemaError("every event that a decay is embedded in needs a primary vertex of collision 0")
    primary = first[there]
    own = decays["vertices"]
    begin = np.flatnonzero(own["vertex_id"] == 0)
    at = _row(decays, own)
    shift = {k: (v[k][primary] - own[k][begin])[at] for k in "txyz"}
    return {**shift, "primary": v["vertex_id"][primary]}


def _renumbered(table: Table, before: Table, number: str) -> dict[str, Array]:
    """Columns of a table whose rows come behind those of another in every event."""
    columns = {k: table[k] for k in table}
    columns[number] = table[number] + _count(before, table["event_id"])
    if "collision_id" in table:
        columns["collision_id"] = np.zeros(table.rows, np.int64)
    return columns


def _merged(old: Table, new: dict[str, Array]) -> Table:
    lacking = [c for c in old if c not in new]
    if lacking:
        raise SchemaError(
            f"the decays lack the column {old.name}.{lacking[0]} of the events they are put into"
        )
    columns = {c: np.concatenate([old[c], new[c]]) for c in old}
    order = np.argsort(columns["event_id"], kind="stable")
    return Table(old.name, {c: a[order] for c, a in columns.items()})

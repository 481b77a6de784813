"""ReDecay: the rest of an event, all that is not from the signal, is used with several independent signals.

The detailed simulation carries the rest once. What the events of a block have in common (their occupancy,
primary vertices, the kinematics of the head) is no independent information: errors and splits go by
``events.shared_event``.

References
----------
D. Müller et al., ReDecay: a novel approach to speed up the simulation at LHCb, Eur. Phys. J. C 78 (2018) 1009
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, SchemaError
from lamarr.events import EventBatch, Table
from lamarr.generation.decay import DecayedTree, Topology, decay_tree
from lamarr.generation.descriptor import Decay
from lamarr.generation.signal_cut import first_in_acceptance
from lamarr.generation.source import EventFailure, EventSource
from lamarr.generation.species import conjugate

__all__ = ["Redecayed", "Repeated"]

Array = NDArray[Any]

MOST_DECAYS: Final = 2000
"""Decays of a given head that are tried for the generator-level cut before its event is given up."""


class Repeated:
    """Every event of a source `times` times: events N·k … N·k + N − 1 are its event k.

    Parameters
    ----------
    source : EventSource
    times : int
        N.
    n : int, optional
        Number of events; N times that of the source unless given.
    """

    def __init__(self, source: EventSource, times: int, n: int | None = None) -> None:
        if times < 1:
            raise ConfigurationError(f"an event must be used at least once, but got (times={times})")
        self.source, self.times, self.sources = source, times, source.sources
        self._n = n

    @property
    def n_events(self) -> int | None:
        """Number of events, as far as it is known."""
        if self._n is not None or self.source.n_events is None:
            return self._n
        return self.times * self.source.n_events

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events `first`, `first` + 1, … in order, at most `size` events at a time.

        A batch ends where a block ends, if a whole block fits into it.
        """
        end = self.n_events
        blocks = max(size // self.times, 1)
        waiting: list[EventBatch] = []
        for item in self.source.batches(1, first // self.times):
            failed = isinstance(item, EventFailure)
            k = item.event if isinstance(item, EventFailure) else int(item["events"]["event_id"][0])
            begin = k * self.times
            last = begin + self.times if end is None else min(begin + self.times, end)
            numbers = np.arange(max(begin, first), last)
            if waiting and (failed or len(waiting) == blocks):
                yield EventBatch.concatenate(waiting)
                waiting = []
            if isinstance(item, EventFailure):
                for number in numbers.tolist():
                    yield EventFailure(source=item.source, event=number, reason=item.reason)
            elif size < self.times:
                for start in range(0, len(numbers), size):
                    yield _repeated(item, numbers[start : start + size], begin)
            elif len(numbers):
                waiting.append(_repeated(item, numbers, begin))
            if end is not None and last >= end:
                break
        if waiting:
            yield EventBatch.concatenate(waiting)


def _repeated(batch: EventBatch, numbers: Array, shared: int) -> EventBatch:
    """Return the one event of `batch` under each of these numbers."""
    tables = {}
    for name, table in batch.items():
        columns = {c: np.tile(table[c], len(numbers)) for c in table}
        columns["event_id"] = np.repeat(numbers, table.rows)
        if name == "events":
            columns["shared_event"] = np.full(len(numbers), shared)
        tables[name] = Table(name, columns)
    return EventBatch(tables, batch.sources)


class Redecayed:
    """Events of a source with the decay of the signal's head drawn anew: phase space, masses, lifetimes.

    Parameters
    ----------
    source : EventSource
        One head (``is_signal``) per event, decayed as `decay` says: :class:`~lamarr.generation.Pythia` with
        a signal, in a :class:`Repeated`.
    decay : Decay
        Of the signal.
    seed : int
        The decay of an event depends on (seed, event) alone.
    in_acceptance : bool
        Draw until the daughters are in the acceptance, see :mod:`lamarr.generation.signal_cut`. An event
        whose head never has such a decay is a failure.
    """

    def __init__(
        self, source: EventSource, decay: Decay, *, seed: int = 0, in_acceptance: bool = False
    ) -> None:
        self.source, self.decay, self.sources = source, decay, source.sources
        self.seed, self.in_acceptance = seed, in_acceptance
        self._topology = Topology.of(decay.head)

    @property
    def n_events(self) -> int | None:
        """Number of events, as far as the source knows it."""
        return self.source.n_events

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events `first`, `first` + 1, … in order, at most `size` events at a time."""
        for item in self.source.batches(size, first):
            if isinstance(item, EventFailure):
                yield item
            else:
                yield from self._redecayed(item)

    def _redecayed(self, batch: EventBatch) -> Iterator[EventBatch | EventFailure]:
        events, rows = batch["events"]["event_id"], self._rows(batch)
        tree, attempts = self._drawn(batch, events, rows[0])
        done = _with_decays(batch, rows, self._topology, tree)
        start = 0
        for bad in np.flatnonzero(attempts == 0).tolist():
            event = int(events[bad])
            if start < bad:
                yield done.select_events(int(events[start]), event)
            reason = (
                f"none of {MOST_DECAYS} decays of its {self.decay.head.species.name} has all daughters "
                "in the acceptance"
            )
            index = int(batch["events"]["source"][bad])
            yield EventFailure(source=self.sources[index], event=event, reason=reason)
            start = bad + 1
        if start < len(events):
            yield done.select_events(int(events[start]), int(events[-1]) + 1)

    def _rows(self, batch: EventBatch) -> Array:
        """Rows (n, events) of the signal's particles, in the order of the topology."""
        p, nodes = batch["particles"], self._topology.nodes
        rows: Array = np.flatnonzero(p["from_signal"])
        pids = np.array([[node.pid, conjugate(node.pid)] for node in nodes])
        fits = len(rows) == len(nodes) * batch.n_events
        if fits:
            rows = rows.reshape(batch.n_events, len(nodes)).T
            fits = bool(
                np.array_equal(p["event_id"][rows], np.tile(batch["events"]["event_id"], (len(nodes), 1)))
                and p["is_signal"][rows[0]].all()
                and np.any(p["pid"][rows][:, :, None] == pids[:, None], axis=2).all()
            )
        if not fits:
            raise SchemaError(
                f"every event whose signal is to be drawn anew must hold {self.decay} once, and nothing else "
                "from the signal"
            )
        return rows

    def _drawn(self, batch: EventBatch, event: Array, head: Array) -> tuple[DecayedTree, Array]:
        """Return decays of the heads in rows `head`, and the number drawn for each, 0 if none passed."""
        p, v = batch["particles"], batch["vertices"]
        p4 = np.stack([p[c][head] for c in ("pe", "px", "py", "pz")])
        at = batch.rows_of("vertices", event, p["production_vertex"][head])
        origin = np.stack([v[c][at] for c in "txyz"])

        def draw(rows: Array, number: int) -> DecayedTree:
            stage = "generation.redecay" + (f".{number}" if number else "")
            mass = p["m"][head[rows]]
            return decay_tree(
                self.seed, event[rows], self._topology, p4[:, rows], mass, origin[:, rows], stage
            )

        if self.in_acceptance:
            return first_in_acceptance(self._topology, len(event), draw, MOST_DECAYS)
        return draw(np.arange(len(event)), 0), np.ones(len(event), np.int64)


def _with_decays(batch: EventBatch, rows: Array, topology: Topology, tree: DecayedTree) -> EventBatch:
    """Put decays in the place of those in `rows` (n, events)."""
    p, v = batch["particles"], batch["vertices"]
    particles = {c: p[c].copy() for c in ("pe", "px", "py", "pz", "m")}
    for c, new in zip(particles, (*tree.p4, tree.mass), strict=True):
        particles[c][rows[1:]] = new[1:]
    vertices = {c: v[c].copy() for c in "txyz"}
    mothers = rows[topology.decay_of >= 0]
    at = batch.rows_of("vertices", p["event_id"][mothers], p["end_vertex"][mothers])
    for c, points in zip("txyz", tree.vertices, strict=True):
        vertices[c][at] = points
    return batch.with_tables(p.with_columns(**particles), v.with_columns(**vertices))

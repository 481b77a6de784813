"""Single particles embedded in collisions: many useful tracks an event, at the occupancy of collisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.events import EventBatch, Table
from lamarr.generation.source import EventFailure, EventSource
from lamarr.generation.species import conjugate, particle_id, species
from lamarr.random import Stream
from lamarr.units import GeV

__all__ = ["SPECIES", "Embedded", "Shot"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One particle, or with equal probability its antiparticle; p log-uniform (GeV), η uniform, φ uniform."""

    particle: str
    p: tuple[float, float]
    eta: tuple[float, float] = (1.8, 5.0)


SPECIES: Final = (
    *(Shot(particle=name, p=(2.0, 150.0)) for name in ("e-", "mu-", "pi+", "K+", "p+") for _ in (0, 1)),
    *(Shot(particle="gamma", p=(0.2, 200.0), eta=(1.8, 4.8)) for _ in range(2)),
)
"""What an event of the balanced sample gets: two of each charged species, and two photons."""


class Embedded:
    """Events of another source, each with more particles at the point of its first collision.

    The particles are heads of the signal (``is_signal``), numbered behind those of the event.

    Parameters
    ----------
    source : EventSource
        Gives the events.
    shots : tuple of Shot
        The particles for each event.
    seed : int
        Particle k of an event depends on (seed, event, k) alone.
    """

    def __init__(self, source: EventSource, shots: tuple[Shot, ...] = SPECIES, *, seed: int = 0) -> None:
        if not shots:
            raise ConfigurationError("at least one particle to embed must be given, but got none")
        self.source, self.shots, self.seed = source, shots, seed
        self.sources = tuple(f"{s} with embedded particles" for s in source.sources)
        pids = [particle_id(s.particle) for s in shots]
        self._pids = np.array([[pid, conjugate(pid)] for pid in pids])
        self._masses = np.array([species(pid).mass for pid in pids])
        self._p = np.log(np.array([s.p for s in shots]) * GeV)
        self._eta = np.array([s.eta for s in shots])

    @property
    def n_events(self) -> int | None:
        """Number of events, as far as the source knows it."""
        return self.source.n_events

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events `first`, `first` + 1, … in order, at most `size` events at a time."""
        for item in self.source.batches(size, first):
            yield item if isinstance(item, EventFailure) else self._embedded(item)

    def _embedded(self, batch: EventBatch) -> EventBatch:
        events, old = batch["events"]["event_id"], batch["particles"]
        n = len(self.shots)
        k = np.tile(np.arange(n), len(events))
        event = np.repeat(events, n)
        u = Stream(self.seed, "samples.embedded").uniform(event, k, 4).astype(np.float64)
        number = np.searchsorted(old["event_id"], event, side="right")
        number = k + number - np.searchsorted(old["event_id"], event, side="left")
        new = self._kinematics(k, u) | {
            "event_id": event,
            "particle_id": number,
            "hepmc_id": number + 1,
            "collision_id": 0 * k,
            "production_vertex": np.repeat(_first_primary(batch), n),
            "end_vertex": 0 * k - 1,
            "mother": 0 * k - 1,
            "status": 0 * k + 1,
            "is_signal": k >= 0,
            "from_signal": k >= 0,
        }
        return EventBatch({**batch, "particles": _merged(old, new)}, self.sources)

    def _kinematics(self, k: Array, u: Array) -> dict[str, Array]:
        """Return pid, momenta, energy and mass of the shots `k` from uniform numbers `u` (rows, 4)."""

        def between(bounds: Array, share: Array) -> Array:
            low, high = bounds[k].T
            drawn: Array = low + share * (high - low)
            return drawn

        p, eta, phi = np.exp(between(self._p, u[:, 0])), between(self._eta, u[:, 1]), 2 * np.pi * u[:, 2]
        pt, mass = p / np.cosh(eta), self._masses[k]
        return {
            "pid": self._pids[k, (u[:, 3] < 0.5).astype(np.int64)],
            "px": pt * np.cos(phi),
            "py": pt * np.sin(phi),
            "pz": p * np.tanh(eta),
            "pe": np.hypot(p, mass),
            "m": mass,
        }


def _first_primary(batch: EventBatch) -> Array:
    """Return the number of the primary vertex of collision 0 of each event."""
    v = batch["vertices"]
    rows = np.flatnonzero(v["is_primary"] & (v["collision_id"] == 0))
    return v["vertex_id"][rows]


def _merged(old: Table, new: Mapping[str, Array]) -> Table:
    columns = {c: np.concatenate([old[c], new[c]]) for c in old}
    order = np.argsort(columns["event_id"], kind="stable")
    return Table("particles", {c: a[order] for c, a in columns.items()})

"""Guns: single particles, or decays of a head particle, from the luminous region of LHCb."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, DecayError, raise_unknown
from lamarr.events import EventBatch, Table
from lamarr.generation.decay import DecayedTree, Topology, decay_tree, is_conjugate
from lamarr.generation.descriptor import Decay, parse_decay
from lamarr.generation.kinematics import ACCEPTANCE, Momentum, default_momentum
from lamarr.generation.line_shape import head_mass
from lamarr.generation.pythia_decays import PythiaDecays
from lamarr.generation.signal_cut import first_in_acceptance
from lamarr.generation.source import BeamSpot, EventFailure, chunks
from lamarr.generation.species import conjugate, particle_id, species
from lamarr.random import Stream

__all__ = ["DecayGun", "ParticleGun"]

Array = NDArray[Any]
STABLE, DECAYED, SIGNAL, STABLE_IN_DECAY = 1, 777, 889, 999
"""LHCb's status codes: Gauss calls them stable in production, decayed by the decay generator, signal, …"""
MOST_ATTEMPTS = 10_000
"""Heads that a gun of decays tries for an event with daughters in the acceptance."""


class _Gun:
    """What guns share: one collision per event, at a point drawn from the beam spot."""

    def __init__(
        self, *, name: str, n: int, seed: int, beam_spot: BeamSpot | None, decay_with: str | None
    ) -> None:
        if decay_with not in (None, "pythia"):
            raise_unknown("generator of decays", str(decay_with), ("pythia",), ConfigurationError)
        if n < 0:
            raise ConfigurationError(f"n >= 0 must hold for the number of events, but got (n={n})")
        Stream(seed, "generation")
        self.sources = (name,)
        self.n_events: int | None = n
        self.seed = seed
        self.beam_spot = beam_spot or BeamSpot()
        self._decays = PythiaDecays() if decay_with == "pythia" else None

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events `first`, `first` + 1, … in order, at most `size` events at a time."""
        for event in chunks(self.n_events or 0, size, first):
            batch = self._generate(event)
            yield batch if self._decays is None else self._decays(batch, self.seed)

    def _generate(self, event: Array) -> EventBatch:
        raise NotImplementedError


class ParticleGun(_Gun):
    """One particle per event.

    Parameters
    ----------
    particle : str, int or sequence of them
        Name or PDG id; ``"[mu-]cc"`` stands for the particle and its antiparticle. Of several, each event
        gets one, with equal probabilities.
    n : int
        Number of events.
    momentum : Momentum, optional
        Default: :func:`default_momentum` of the first particle.
    seed : int
        Of the random numbers.
    beam_spot : BeamSpot, optional
        Luminous region in which the particles are produced.
    decay_with : {"pythia"}, optional
        Let Pythia 8 decay the particle if it is unstable; else it stays as it is.

    Raises
    ------
    UnknownNameError
        If no particle has the name; with near misses.
    """

    def __init__(
        self,
        particle: str | int | Sequence[str | int],
        n: int,
        *,
        momentum: Momentum | None = None,
        seed: int = 0,
        beam_spot: BeamSpot | None = None,
        decay_with: str | None = None,
    ) -> None:
        several = [particle] if isinstance(particle, str | int) else list(particle)
        super().__init__(
            name="particle gun: " + ", ".join(map(str, several)),
            n=n,
            seed=seed,
            beam_spot=beam_spot,
            decay_with=decay_with,
        )
        self.pids = np.array([pid for p in several for pid in _both(p)], np.int64)
        if not len(self.pids):
            raise ConfigurationError("a particle gun needs at least one particle, but got none")
        self._masses = np.array([species(int(p)).mass for p in self.pids])
        self.momentum = momentum or default_momentum(int(self.pids[0]))

    def _generate(self, event: Array) -> EventBatch:
        u = Stream(self.seed, "generation.species").uniform64(event, 0)[:, 0]
        choice = (u * len(self.pids)).astype(np.int64)
        mass, momentum = self._masses[choice], self.momentum.draw(self.seed, event)
        p4 = np.stack([np.sqrt(mass**2 + (momentum**2).sum(axis=0)), *momentum])
        zeros = np.zeros(len(event), np.int64)
        particles = _particle_columns(p4[:, None], mass[None]) | {
            "event_id": event,
            "particle_id": zeros,
            "hepmc_id": zeros + 1,
            "production_vertex": zeros,
            "end_vertex": zeros - 1,
            "mother": zeros - 1,
            "pid": self.pids[choice],
            "status": zeros + STABLE,
            "is_signal": zeros > 0,
            "from_signal": zeros == 0,
        }
        origin = _origin(self.beam_spot, self.seed, event)
        return _batch(event, origin, origin[:, None], particles, self.sources)


class DecayGun(_Gun):
    """One decay per event, of a head particle that comes from the collision.

    Parameters
    ----------
    descriptor : str or Decay
        In LHCb's notation, see :func:`parse_decay`.
    n : int
        Number of events.
    momentum : Momentum, optional
        Of the head. Default: shipped spectra for b and c hadrons, see :func:`default_momentum`.
    eta : tuple of two floats
        Range of pseudorapidity of the head, for the default `momentum`.
    seed : int
        Of the random numbers.
    beam_spot : BeamSpot, optional
        Luminous region.
    decay_with : {"pythia"}, optional
        Let Pythia 8 decay what the descriptor leaves undecayed (K_S, π⁰, τ, …); else that is stable.
    in_acceptance : bool
        Draw heads and decays until all daughters are in the acceptance, see
        :mod:`lamarr.generation.signal_cut`; ``events.signal_attempts`` counts them.

    Raises
    ------
    DecayError, UnknownNameError
        From the descriptor.
    """

    def __init__(
        self,
        descriptor: str | Decay,
        n: int,
        *,
        momentum: Momentum | None = None,
        eta: tuple[float, float] = ACCEPTANCE,
        seed: int = 0,
        beam_spot: BeamSpot | None = None,
        decay_with: str | None = None,
        in_acceptance: bool = False,
    ) -> None:
        self.decay = parse_decay(descriptor) if isinstance(descriptor, str) else descriptor
        super().__init__(
            name=f"decay gun: {self.decay}", n=n, seed=seed, beam_spot=beam_spot, decay_with=decay_with
        )
        self.momentum = momentum or default_momentum(self.decay.head.pid, eta)
        self._topology = Topology.of(self.decay.head)
        self.in_acceptance = in_acceptance

    def _generate(self, event: Array) -> EventBatch:
        origin = _origin(self.beam_spot, self.seed, event)

        def draw(rows: Array, number: int) -> DecayedTree:
            return self._decayed(event[rows], origin[:, rows], number)

        if self.in_acceptance:
            tree, attempts = first_in_acceptance(self._topology, len(event), draw, MOST_ATTEMPTS)
            if not attempts.all():
                raise DecayError(
                    f"none of {MOST_ATTEMPTS} decays {self.decay.head} had all daughters in the acceptance"
                )
        else:
            tree = draw(np.arange(len(event)), 0)
        anti = is_conjugate(self.seed, event, self.decay)
        particles = tree_columns(tree, self._topology, event, anti)
        vertices = np.concatenate([origin[:, None], tree.vertices], axis=1)
        batch = _batch(event, origin, vertices, particles, self.sources)
        return batch.with_columns("events", signal_attempts=attempts) if self.in_acceptance else batch

    def _decayed(self, event: Array, origin: Array, number: int) -> DecayedTree:
        """Return decays of heads; attempts of an event are independent, but for the mass of the head."""
        mass = head_mass(self.seed, event, self.decay.head)
        momentum = self.momentum.draw(self.seed, event, number)
        p4 = np.stack([np.sqrt(mass**2 + (momentum**2).sum(axis=0)), *momentum])
        stage = "generation" + (f".{number}" if number else "")
        return decay_tree(self.seed, event, self._topology, p4, mass, origin, stage)


def tree_columns(tree: DecayedTree, topology: Topology, event: Array, anti: Array) -> dict[str, Array]:
    """Columns of ``particles`` for decays alone in their events; the head is produced at vertex 0."""
    n, rows = tree.mass.shape
    of_event = np.tile(np.arange(n), rows)
    pids = np.array([[node.pid, conjugate(node.pid)] for node in topology.nodes])
    status = np.where(topology.decay_of < 0, STABLE_IN_DECAY, DECAYED)
    status[0] = SIGNAL
    end = np.where(topology.decay_of < 0, -1, topology.decay_of + 1)
    production = np.where(topology.mother < 0, 0, end[topology.mother])
    return _particle_columns(tree.p4, tree.mass) | {
        "event_id": np.repeat(event, n),
        "particle_id": of_event,
        "hepmc_id": of_event + 1,
        "production_vertex": production[of_event],
        "end_vertex": end[of_event],
        "mother": topology.mother[of_event],
        "pid": pids[of_event, np.repeat(anti, n).astype(np.int64)],
        "status": status[of_event],
        "is_signal": of_event == 0,
        "from_signal": of_event >= 0,
    }


def _both(particle: str | int) -> list[int]:
    if isinstance(particle, int):
        return [species(particle).pid]
    text = particle.strip()
    if text.startswith("[") and text.lower().endswith("]cc"):
        pid = particle_id(text[1:-3].strip())
        return [pid] if conjugate(pid) == pid else [pid, conjugate(pid)]
    return [particle_id(text)]


def _origin(beam_spot: BeamSpot, seed: int, event: Array) -> Array:
    """t, x, y, z (4, rows) of the collisions."""
    xyz = beam_spot.draw(seed, event)
    return np.concatenate([np.zeros((1, len(event))), xyz.T])


def _particle_columns(p4: Array, mass: Array) -> dict[str, Array]:
    names = ("pe", "px", "py", "pz")
    return {name: p4[k].T.ravel() for k, name in enumerate(names)} | {"m": mass.T.ravel()}


def _batch(
    event: Array, origin: Array, vertices: Array, particles: Mapping[str, Array], sources: tuple[str, ...]
) -> EventBatch:
    """Batch of events with one collision at `origin` (4, rows); `vertices` (4, m, rows), first primary."""
    zeros, ones = np.zeros(len(event), np.int64), np.ones(len(event))
    m = vertices.shape[1]
    number = np.tile(np.arange(m), len(event))
    return EventBatch(
        {
            "events": Table(
                "events",
                {
                    "event_id": event,
                    "source": zeros,
                    "run_number": zeros,
                    "event_number": event,
                    "n_collisions": zeros + 1,
                    "weight": ones,
                },
            ),
            "collisions": Table(
                "collisions",
                {"event_id": event, "collision_id": zeros, "process_id": zeros, "weight": ones}
                | dict(zip("txyz", origin, strict=True)),
            ),
            "vertices": Table(
                "vertices",
                {
                    "event_id": np.repeat(event, m),
                    "vertex_id": number,
                    "collision_id": 0 * number,
                    "hepmc_id": -1 - number,
                    "status": 0 * number,
                    "is_primary": number == 0,
                }
                | {name: vertices[k].T.ravel() for k, name in enumerate("txyz")},
            ),
            "particles": Table(
                "particles", {**particles, "collision_id": np.zeros(len(particles["event_id"]), np.int64)}
            ),
        },
        sources,
    )

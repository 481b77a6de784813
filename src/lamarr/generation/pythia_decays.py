"""Decays by Pythia 8 of what a gun or a descriptor left undecayed: branching fractions, matrix elements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import DecayError
from lamarr.events import EventBatch, Table
from lamarr.generation.pythia_engine import Engine, event_seeds
from lamarr.generation.species import species
from lamarr.random import Stream
from lamarr.units import GeV, c_light

__all__ = ["PythiaDecays"]

Array = NDArray[Any]
_COMMANDS = ("ProcessLevel:all = off",)
_DAUGHTER = {1: (1, 2), 999: (999, 777)}
"""Status of daughters that stay and that decay, by that of the particle which began."""


class PythiaDecays:
    """Lets undecayed particles (status 1 or 999) decay wherever Pythia's tables say that they do.

    Those are the ones with a mean flight path below 1 m: K⁰S, hyperons, τ, π⁰ and all of charm and beauty,
    but not π±, K±, K⁰L, µ and neutrons.
    """

    def __init__(self) -> None:
        self._engine = Engine(_COMMANDS)

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with the decays added: new particles and vertices follow the old ones of an event.

        What an event gets depends on `seed` and its number alone.
        """
        p = batch.particles
        table = self._engine.particle_data
        ids = np.unique(p.pid)
        unstable = ids[[bool(table.canDecay(i) and table.mayDecay(i)) for i in ids.tolist()]]
        rows = np.flatnonzero(np.isin(p.pid, unstable) & (p.end_vertex < 0) & np.isin(p.status, [*_DAUGHTER]))
        grown = _Growth(batch)
        p4, at, tau = (x.tolist() for x in _initial(batch, rows, seed))
        events, first = np.unique(p.event_id[rows], return_index=True)
        seeds = event_seeds(seed, "generation.pythia_decays", events)
        for event, begin, end, start in zip(
            events.tolist(), first.tolist(), [*first[1:].tolist(), len(rows)], seeds.tolist(), strict=True
        ):
            chosen, part = rows[begin:end], slice(begin, end)
            self._engine.seed(start)
            pids = p.pid[chosen].tolist()
            grown.add(chosen, self._engine.decay(pids, p4[part], at[part], tau[part], event))
        return grown.batch()


def _initial(batch: EventBatch, rows: Array, seed: int) -> tuple[Array, Array, Array]:
    """Return the momenta (n, 5), points (n, 4) and lifetimes (n,) of what decays, see Engine.decay."""
    p, v = batch.particles, batch.vertices
    at = batch.rows_of("vertices", p.event_id[rows], p.production_vertex[rows])
    stream = Stream(seed, "generation.pythia_lifetime")
    u = np.ascontiguousarray(stream.uniform64(p.event_id[rows], p.particle_id[rows])[:, 0])
    pids, inverse = np.unique(p.pid[rows], return_inverse=True)
    life = np.array([species(i).lifetime for i in pids.tolist()])[inverse]
    tau = -np.where(np.isfinite(life), life, 0.0) * np.log(u) * c_light
    p5 = np.stack([p[c][rows] for c in ("px", "py", "pz", "pe", "m")], axis=1) / GeV
    return p5, np.stack([v.x[at], v.y[at], v.z[at], v.t[at] * c_light], axis=1), tau


class _Growth:
    """Collects new rows and gives the batch that has them."""

    def __init__(self, batch: EventBatch) -> None:
        self._batch = batch
        self._particles: list[tuple[Any, ...]] = []
        self._vertices: list[tuple[Any, ...]] = []
        p = batch.particles
        self._end, self._status = p.end_vertex.copy(), p.status.copy()

    def add(self, rows: Array, record: list[tuple[Any, ...]]) -> None:
        """Add the decays of the particles in `rows`."""
        batch, n = self._batch, len(rows)
        event = int(batch.particles.event_id[rows[0]])
        next_particle, next_vertex = (
            int(
                np.searchsorted(batch[t].event_id, event, "right") - np.searchsorted(batch[t].event_id, event)
            )
            for t in ("particles", "vertices")
        )
        new = range(next_particle, next_particle + len(record) - n)
        numbers = [*batch.particles.particle_id[rows].tolist(), *new]
        origin = list(range(n)) + [0] * (len(record) - n)
        vertex_of: dict[int, int] = {}
        for k in range(n, len(record)):
            mother = record[k][2]
            origin[k] = origin[mother]
            if mother not in vertex_of:
                vertex_of[mother] = next_vertex + len(vertex_of)
                collision = int(batch.particles.collision_id[rows[origin[k]]])
                self._vertices.append((event, vertex_of[mother], collision, *record[k][8:12]))
        for k, (pid, _, mother, *numbers4) in enumerate(record):
            begun = rows[origin[k]]
            status = _DAUGHTER[int(batch.particles.status[begun])][k in vertex_of]
            if k < n:
                self._end[begun], self._status[begun] = vertex_of.get(k, -1), status
                continue
            links = (numbers[k], vertex_of[mother], vertex_of.get(k, -1), numbers[mother])
            flags = (int(batch.particles.collision_id[begun]), bool(batch.particles.from_signal[begun]))
            self._particles.append((event, *links, pid, status, *numbers4[:5], *flags))

    def batch(self) -> EventBatch:
        """Return the batch with all that was added, in the order of its events."""
        old = self._batch.particles.with_columns(
            end_vertex=self._end,
            # A signal keeps its mark.
            status=np.where(self._batch.particles.is_signal, self._batch.particles.status, self._status),
        )
        return self._batch.with_tables(
            _merged(old, self._new_particles()), _merged(self._batch.vertices, self._new_vertices())
        )

    def _new_particles(self) -> dict[str, Array]:
        links = ("event_id", "particle_id", "production_vertex", "end_vertex", "mother")
        rest = ("pid", "status", "px", "py", "pz", "pe", "m", "collision_id", "from_signal")
        columns = _columns(links + rest, self._particles)
        return columns | {"hepmc_id": columns["particle_id"] + 1, "is_signal": 0 * columns["particle_id"] > 0}

    def _new_vertices(self) -> dict[str, Array]:
        names = ("event_id", "vertex_id", "collision_id", "x", "y", "z", "t")
        columns = _columns(names, self._vertices)
        number = columns["vertex_id"]
        return columns | {"hepmc_id": -1 - number, "status": 0 * number, "is_primary": number < 0}


def _columns(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> dict[str, Array]:
    values = zip(*rows, strict=True) if rows else [()] * len(names)
    floats = ("px", "py", "pz", "pe", "m", "x", "y", "z", "t")
    kinds = [np.float64 if n in floats else np.bool_ if n == "from_signal" else np.int64 for n in names]
    return {n: np.array(v, k) for n, k, v in zip(names, kinds, values, strict=True)}


def _merged(old: Table, new: dict[str, Array]) -> Table:
    missing = [c for c in old if c not in new]
    if missing:
        raise DecayError(f"decays must come before the columns {', '.join(missing)} are filled")
    order = np.argsort(np.concatenate([old["event_id"], new["event_id"]]), kind="stable")
    return Table(old.name, {c: np.concatenate([old[c], new[c]])[order] for c in old})

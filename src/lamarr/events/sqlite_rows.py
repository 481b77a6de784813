"""From a batch to rows of SQL tables: ids that count through the file, and references by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.events.batch import EventBatch, Table
from lamarr.events.counting import rows_per_event
from lamarr.events.schema import COVARIANCE_PAIRS, Fate
from lamarr.events.sqlite_plain import plain_rows
from lamarr.events.sqlite_tables import ENTITIES, MISSING_VERTEX, N_PVS, N_TRACKS

__all__ = ["Numbering", "Rows"]

Array = NDArray[Any]
Rows = dict[str, dict[str, Any]]
"""SQL table → column → values, arrays of equal length."""

_PHYSICAL_STATUSES = (1, 2, 777, 888, 889, 999)
_TXYZ = ("t", "x", "y", "z")
_MOMENTUM = ("pe", "px", "py", "pz", "m")


class Numbering:
    """Gives ids to the rows of one batch after the other, beginning with 1 as SQLite does."""

    def __init__(self) -> None:
        self._next = dict.fromkeys((*ENTITIES, "mcvertex", "mcparticle", "vertex"), 1)

    def rows(self, batch: EventBatch, sources: tuple[str, ...]) -> Rows:
        """Return the rows of all SQL tables for a batch whose references have been checked."""
        ids = _Ids(batch, {entity: self._span(entity, batch) for entity in ENTITIES})
        rows = {**_events(batch, sources), **plain_rows(batch), "EventIds": ids.table()}
        if "collisions" in batch:
            rows |= _collisions(batch.collisions, ids)
        if "vertices" in batch:
            rows |= _vertices(batch.vertices, ids)
        if "particles" in batch:
            rows |= _particles(batch.particles, ids)
        if "true_states" in batch:
            rows |= _true_states(batch.true_states, ids)
        if "vertices" in batch:
            rows |= self._monte_carlo(batch, ids)
        return rows

    def _span(self, entity: str, batch: EventBatch) -> tuple[Array, Array]:
        """First and last id of each event; the room between them is what its highest number needs."""
        name, column = ENTITIES[entity]
        events = batch["events"]["event_id"]
        if name in batch and batch[name].rows:
            ends = np.searchsorted(batch[name]["event_id"], events, side="right")
            begins = np.searchsorted(batch[name]["event_id"], events)
            room = np.where(ends > begins, batch[name][column][ends - 1].astype(np.int64) + 1, 0)
        else:
            room = np.zeros(len(events), np.int64)
        last = self._next[entity] + np.cumsum(room) - 1
        self._next[entity] += int(room.sum())
        return last - room + 1, last

    def _count(self, entity: str, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Ids of the chosen rows, 0 for the others."""
        ids = np.where(chosen, self._next[entity] + np.cumsum(chosen) - 1, 0)
        self._next[entity] += int(chosen.sum())
        return ids

    def _monte_carlo(self, batch: EventBatch, ids: _Ids) -> Rows:
        """MCVertices, MCParticles, and what refers to them."""
        chosen_vertices = batch.vertices.is_primary.copy()
        if "particles" in batch:
            particles = batch.particles
            chosen = _physical(batch)
            ends = {
                c: batch.rows_of("vertices", particles.event_id, particles[c])
                for c in ("production_vertex", "end_vertex")
            }
            for rows in ends.values():
                chosen_vertices[rows[chosen & (rows >= 0)]] = True
        if "primary_vertices" in batch:
            pvs = batch.primary_vertices
            pv_rows = batch.rows_of("vertices", pvs.event_id, pvs.vertex_id)
            chosen_vertices[pv_rows] = True

        mcvertex = self._count("mcvertex", chosen_vertices)
        out: Rows = {"MCVertices": _mc_vertices(batch.vertices.take(chosen_vertices), mcvertex, ids)}
        if "particles" in batch:
            mcparticle = self._count("mcparticle", chosen)
            known = np.append(mcvertex, MISSING_VERTEX)  # row −1 is the last one
            links = {c: known[rows[chosen]] for c, rows in ends.items()}
            out["MCParticles"] = _mc_particles(particles.take(chosen), mcparticle, ids) | links
            if "tracks" in batch:
                out |= _tracks(batch, mcparticle, ids)
        if "primary_vertices" in batch:
            number = self._count("vertex", np.ones(pvs.rows, bool))
            out["Vertices"] = _primary_vertices(pvs, number, mcvertex[pv_rows], ids)
        return out


@dataclass(frozen=True)
class _Ids:
    """The ids of the entities of a batch."""

    batch: EventBatch
    spans: dict[str, tuple[Array, Array]]

    def __call__(self, entity: str, table: Table, column: str, missing: int | None = None) -> Array:
        """Ids of the rows that `column` names; `missing` (None: NULL) where it is −1."""
        event = np.searchsorted(self.batch["events"]["event_id"], table["event_id"])
        number = table[column].astype(np.int64)
        return _where(number >= 0, self.spans[entity][0][event] + number, missing)

    def table(self) -> dict[str, Any]:
        events = self.batch["events"]
        bounds = {
            f"{end}_{entity}": span[i]
            for entity, span in self.spans.items()
            for i, end in enumerate(("first", "last"))
        }
        return {**_take(events, "event_id", "source", "n_collisions"), **bounds}


def _where(given: NDArray[np.bool_], ids: Array, missing: int | None) -> Array:
    """`ids`, with `missing` (None becomes NULL) where they are not given."""
    if given.all():
        return ids
    out = ids.astype(object if missing is None else ids.dtype)
    out[~given] = missing
    return out


def _take(table: Table, *columns: str) -> dict[str, Any]:
    return {c: table[c] for c in columns}


def _events(batch: EventBatch, sources: tuple[str, ...]) -> Rows:
    events = batch["events"]
    # Names of files need not be valid Unicode, text in SQLite must be.
    readable = [name.encode(errors="backslashreplace").decode() for name in sources]
    names = np.array([*readable, None], dtype=object)
    named = (events.source >= 0) & (events.source < len(sources))
    ids, run, number = events.event_id, events.run_number, events.event_number
    summaries: list[tuple[Array, int, Array]] = []
    if "primary_vertices" in batch:
        pvs = batch.primary_vertices.event_id
        counts = rows_per_event(pvs, ids)
        summaries.append((ids, N_PVS, counts))
    if "nTracks" in events:
        summaries.append((ids, N_TRACKS, events.nTracks))
    return {
        "DataSources": {
            "datasource_id": ids,
            "datasource": names[np.where(named, events.source, len(sources))],
            "run_number": run,
            "evt_number": number,
        },
        "EventHeader": {
            "event_id": ids,
            "eventNumber": number,
            "runNumber": run,
            "timeStamp": np.zeros_like(ids),
            "weight": events.weight,
        },
        "RecSummary": {
            "event_id": _join(s[0] for s in summaries),
            "data_key": _join(np.full(len(ids), s[1]) for s in summaries),
            "data_value": _join(s[2] for s in summaries),
        },
    }


def _join(arrays: Any) -> Array:
    parts = list(arrays)
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _collisions(table: Table, ids: _Ids) -> Rows:
    genevent = ids("genevent", table, "collision_id")
    return {
        "GenEvents": {
            "genevent_id": genevent,
            "collision": table.collision_id,
            "datasource_id": table.event_id,
            **_take(table, *_TXYZ),
        },
        "CollisionInfo": {"genevent_id": genevent, **_take(table, "process_id", "weight")},
    }


def _vertices(table: Table, ids: _Ids) -> Rows:
    return {
        "GenVertices": {
            "genvertex_id": ids("genvertex", table, "vertex_id"),
            "genevent_id": ids("genevent", table, "collision_id"),
            **_take(table, "hepmc_id", "status", *_TXYZ, "is_primary"),
        }
    }


def _particles(table: Table, ids: _Ids) -> Rows:
    genparticle = ids("genparticle", table, "particle_id")
    optional = ("fate", "charge", "acceptance", "out_of_domain", "ecal_fate")
    absent = np.full(table.rows, None)
    return {
        "GenParticles": {
            "genparticle_id": genparticle,
            "genevent_id": ids("genevent", table, "collision_id"),
            "production_vertex": ids("genvertex", table, "production_vertex", MISSING_VERTEX),
            "end_vertex": ids("genvertex", table, "end_vertex", MISSING_VERTEX),
            **_take(table, "hepmc_id", "pid", "status", *_MOMENTUM),
        },
        "ParticleFate": {
            "genparticle_id": genparticle,
            "mother": ids("genparticle", table, "mother"),
            **_take(table, "is_signal", "from_signal"),
            **{c: table.get(c, absent) for c in optional},
        },
    }


def _true_states(table: Table, ids: _Ids) -> Rows:
    columns = ("location", "x", "y", "z", "tx", "ty", "p")
    return {
        "TrueState": {
            "genparticle_id": ids("genparticle", table, "particle_id"),
            **_take(table, *columns),
        }
    }


def _physical(batch: EventBatch) -> NDArray[np.bool_]:
    """Whether a generated particle is an MCParticle; whatever left a track is one."""
    particles = batch.particles
    chosen = np.isin(particles.status, _PHYSICAL_STATUSES)
    if "fate" in particles:
        decided = particles.fate != Fate.UNDECIDED
        chosen = np.where(decided, particles.fate != Fate.DOCUMENTATION, chosen)
    if "tracks" in batch:
        rows = batch.rows_of("particles", batch.tracks.event_id, batch.tracks.particle_id)
        chosen[rows[rows >= 0]] = True
    return chosen


def _mc_vertices(table: Table, mcvertex: Array, ids: _Ids) -> dict[str, Any]:
    return {
        "mcvertex_id": mcvertex[mcvertex > 0],
        "genvertex_id": ids("genvertex", table, "vertex_id"),
        "genevent_id": ids("genevent", table, "collision_id"),
        **_take(table, "status", *_TXYZ, "is_primary"),
    }


def _mc_particles(table: Table, mcparticle: Array, ids: _Ids) -> dict[str, Any]:
    return {
        "mcparticle_id": mcparticle[mcparticle > 0],
        "genparticle_id": ids("genparticle", table, "particle_id"),
        "genevent_id": ids("genevent", table, "collision_id"),
        **_take(table, "pid", *_MOMENTUM, "is_signal"),
    }


def _primary_vertices(table: Table, number: Array, mcvertex: Array, ids: _Ids) -> dict[str, Any]:
    return {
        "vertex_id": number,
        "mcvertex_id": mcvertex,
        "genevent_id": ids("genevent", table, "collision_id"),
        **_take(table, *_TXYZ, "sigma_x", "sigma_y", "sigma_z"),
        "vertex_type": np.ones(table.rows, np.int64),
    }


def _tracks(batch: EventBatch, mcparticle: Array, ids: _Ids) -> Rows:
    tracks = batch.tracks
    track_id = ids("track", tracks, "track_id")
    rows = batch.rows_of("particles", tracks.event_id, tracks.particle_id)
    absent = np.full(tracks.rows, None)
    state = {"x": "referencePoint_x", "y": "referencePoint_y", "z": "referencePoint_z"}
    state |= {"tx": "slope_x", "ty": "slope_y", "p": "momentum", "qop": "qOverP"}
    state |= {f"cov{i}{j}": f"covMatrix_{i}{j}" for i, j in COVARIANCE_PAIRS}
    state |= {f"p{axis}": f"momentum_{axis}" for axis in "xyz"}
    return {
        "Track": {
            "event_id": tracks.event_id,
            "track_id": track_id,
            "mcparticle_id": _where(rows >= 0, np.append(mcparticle, 0)[rows], None),
            "chi2": tracks.chi2PerDoF.astype(np.float64) * tracks.nDoF,
            "ndf": tracks.nDoF,
            **_take(tracks, "type", "charge", "chi2PerDoF", "ghostProb"),
            "true_pid": tracks.get("true_pid", absent),
        },
        "LHCbTrackState": {
            "event_id": tracks.event_id,
            "track_id": track_id,
            "location": np.ones(tracks.rows, np.int64),
            **{column: tracks.get(ours, absent) for ours, column in state.items()},
        },
    }

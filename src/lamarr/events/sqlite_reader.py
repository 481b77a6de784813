"""SQLite files in SQLamarr's schema: the reader. It gives back the columns of our schema by joins.

What SQLite cannot hold does not come back: a NaN is stored as NULL and read as NaN, −0.0 becomes 0.0.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lamarr.errors import InputFileError
from lamarr.events.batch import Table
from lamarr.events.header import Header
from lamarr.events.schema import COVARIANCE_PAIRS, SCHEMA, table_schema
from lamarr.events.sqlite_plain import EVENT_COUNTS, PLAIN, VERTEX_FIT
from lamarr.events.sqlite_tables import N_TRACKS

__all__ = ["QUERIES", "SQLiteSource"]

ROWS = 50_000

_COLLISION = "ifnull({}.genevent_id - e.first_genevent, -1)"


def _same(alias: str, *columns: str) -> dict[str, str]:
    return {c: f"{alias}.{c}" for c in columns}


_TXYZ = ("t", "x", "y", "z")


def _rows(table: str, alias: str, key: str, entity: str) -> str:
    """Return the clause that gives the rows of `table` event by event.

    CROSS JOIN makes SQLite go through the events in order and look up their rows by the range of ids, so
    that nothing is sorted or held in memory.
    """
    between = f"BETWEEN e.first_{entity} AND e.last_{entity}"
    return f"EventIds AS e CROSS JOIN {table} AS {alias} ON {alias}.{key} {between}"


def _also(table: str, alias: str, condition: str, how: str = "CROSS") -> str:
    return f" {how} JOIN {table} AS {alias} ON {condition}"


@dataclass(frozen=True)
class Query:
    """How a table of ours is read: SQL expression by column, FROM clause, ORDER BY clause."""

    columns: dict[str, str]
    tables: str
    order: str

    def select(self, columns: Iterable[str]) -> str:
        """Return the SELECT statement for some of the columns."""
        chosen = ", ".join(self.columns[c] for c in columns)
        return f"SELECT {chosen} FROM {self.tables} ORDER BY {self.order}"


_VERTEX_FIT = "f.event_id = e.event_id AND f.vertex_id = m.genvertex_id - e.first_genvertex"
_N_TRACKS = f"SELECT data_value FROM RecSummary WHERE event_id = e.event_id AND data_key = {N_TRACKS}"

QUERIES: Final = {
    "events": Query(
        {
            **_same("e", "event_id", "source", "n_collisions"),
            "run_number": "d.run_number",
            "event_number": "d.evt_number",
            "weight": "h.weight",
            "nTracks": f"({_N_TRACKS})",
            **_same("c", *EVENT_COUNTS),
        },
        "EventIds AS e"
        + _also("DataSources", "d", "d.datasource_id = e.event_id")
        + _also("EventHeader", "h", "h.event_id = e.event_id")
        + _also("EventCounts", "c", "c.event_id = e.event_id", how="LEFT"),
        "e.event_id",
    ),
    "collisions": Query(
        {
            "event_id": "e.event_id",
            "collision_id": "g.genevent_id - e.first_genevent",
            **_same("i", "process_id", "weight"),
            **_same("g", *_TXYZ),
        },
        _rows("GenEvents", "g", "genevent_id", "genevent")
        + _also("CollisionInfo", "i", "i.genevent_id = g.genevent_id"),
        "e.event_id, g.genevent_id",
    ),
    "vertices": Query(
        {
            "event_id": "e.event_id",
            "vertex_id": "v.genvertex_id - e.first_genvertex",
            "collision_id": _COLLISION.format("v"),
            **_same("v", "hepmc_id", "status", *_TXYZ, "is_primary"),
        },
        _rows("GenVertices", "v", "genvertex_id", "genvertex"),
        "e.event_id, v.genvertex_id",
    ),
    "particles": Query(
        {
            "event_id": "e.event_id",
            "particle_id": "p.genparticle_id - e.first_genparticle",
            "collision_id": _COLLISION.format("p"),
            # The mark of a missing vertex lies far below any id.
            **{c: f"max(p.{c} - e.first_genvertex, -1)" for c in ("production_vertex", "end_vertex")},
            "mother": "ifnull(f.mother - e.first_genparticle, -1)",
            **_same("p", "hepmc_id", "pid", "status", "pe", "px", "py", "pz", "m"),
            **_same("f", "is_signal", "from_signal", "charge", "acceptance", "out_of_domain"),
            **_same("f", "fate", "ecal_fate"),
        },
        _rows("GenParticles", "p", "genparticle_id", "genparticle")
        + _also("ParticleFate", "f", "f.genparticle_id = p.genparticle_id"),
        "e.event_id, p.genparticle_id",
    ),
    "true_states": Query(
        {
            "event_id": "e.event_id",
            "particle_id": "s.genparticle_id - e.first_genparticle",
            **_same("s", "location", "x", "y", "z", "tx", "ty", "p"),
        },
        _rows("TrueState", "s", "genparticle_id", "genparticle"),
        "e.event_id, s.genparticle_id, s.location",
    ),
    "primary_vertices": Query(
        {
            "event_id": "e.event_id",
            "vertex_id": "m.genvertex_id - e.first_genvertex",
            "collision_id": _COLLISION.format("v"),
            **_same("v", *_TXYZ, "sigma_x", "sigma_y", "sigma_z"),
            **_same("f", *VERTEX_FIT),
        },
        _rows("MCVertices", "m", "genvertex_id", "genvertex")
        + _also("Vertices", "v", "v.mcvertex_id = m.mcvertex_id AND v.vertex_type = 1")
        + _also("VertexFit", "f", _VERTEX_FIT, how="LEFT"),
        "e.event_id, m.genvertex_id",
    ),
    "tracks": Query(
        {
            "event_id": "e.event_id",
            "track_id": "t.track_id - e.first_track",
            "particle_id": "ifnull(m.genparticle_id - e.first_genparticle, -1)",
            **_same("t", "type", "charge", "chi2PerDoF", "ghostProb", "true_pid"),
            "nDoF": "t.ndf",
            **{axis: f"s.referencePoint_{axis}" for axis in "xyz"},
            **{f"p{axis}": f"s.momentum_{axis}" for axis in "xyz"},
            "tx": "s.slope_x",
            "ty": "s.slope_y",
            "p": "s.momentum",
            "qop": "s.qOverP",
            **{f"cov{i}{j}": f"s.covMatrix_{i}{j}" for i, j in COVARIANCE_PAIRS},
        },
        _rows("Track", "t", "track_id", "track")
        + _also("LHCbTrackState", "s", "s.track_id = t.track_id AND s.location = 1")
        + _also("MCParticles", "m", "m.mcparticle_id = t.mcparticle_id", how="LEFT"),
        "e.event_id, t.track_id",
    ),
    **{
        name: Query(_same("t", *SCHEMA[name].names), f"{sql} AS t", ", ".join(SCHEMA[name].key))
        for name, sql in PLAIN.items()
    },
}


class SQLiteSource:
    """An SQLite file of ours, open for reading."""

    def __init__(self, path: Path) -> None:
        _check_length(path)
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            self.header = _read_header(path, self._connection)
            for name in self.header.tables:
                _check_table(path, self._connection, name, self._query(name))
        except BaseException:
            self._connection.close()
            raise

    def _query(self, table: str) -> str:
        return QUERIES[table].select(self.header.tables[table])

    def chunks(self, table: str) -> Iterator[Table]:
        """Give the rows of a table, some ten thousand at a time."""
        schema, names = table_schema(table), self.header.tables[table]
        cursor = self._connection.execute(self._query(table))
        while rows := cursor.fetchmany(ROWS):
            columns = zip(names, zip(*rows, strict=True), strict=True)
            yield Table(table, {c: np.array(values, schema[c].dtype) for c, values in columns})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _read_header(path: Path, connection: sqlite3.Connection) -> Header:
    try:
        entries = dict(connection.execute("SELECT key, value FROM Metadata"))
    except sqlite3.OperationalError as error:
        raise InputFileError(f"'{path}' was not written by Lamarr: {error}") from error
    return Header.from_entries(path, {key: json.loads(value) for key, value in entries.items()})


def _check_table(path: Path, connection: sqlite3.Connection, name: str, query: str) -> None:
    try:
        connection.execute(f"{query} LIMIT 0")
    except sqlite3.OperationalError as error:
        raise InputFileError(f"'{path}' lacks what the table '{name}' is read from: {error}") from error


def _check_length(path: Path) -> None:
    """Compare the length of the file with the pages that its first bytes announce."""
    with path.open("rb") as file:
        head = file.read(100)
    page = int.from_bytes(head[16:18], "big")
    announced = (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
    if path.stat().st_size < announced or len(head) < 100:
        raise InputFileError(
            f"'{path}' is truncated: {path.stat().st_size} bytes of {announced}; it must be written again"
        )

"""The tables of SQLite files, declared once: SQLamarr's event store, PyLamarr's tracks, and what ours add.

SQLamarr's seven tables have exactly its columns, so that queries written for it go on working. What the
schema of :mod:`lamarr.events` holds beyond them is in further tables, or in further columns at the end
of PyLamarr's tables. Read-back needs those; queries do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lamarr.events.schema import COVARIANCE_PAIRS, SCHEMA
from lamarr.events.sqlite_plain import EVENT_COUNTS, PLAIN, VERTEX_FIT, plain_columns, plain_key

__all__ = ["ENTITIES", "MISSING_VERTEX", "N_PVS", "N_TRACKS", "SQL_TABLES", "SqlTable"]

MISSING_VERTEX: Final = -0xBADBAD
"""SQLamarr's mark of a vertex that a particle does not have."""

N_PVS: Final = 0
N_TRACKS: Final = 16
"""Keys of RecSummary, as LHCb numbers them."""

ENTITIES: Final = {
    "genevent": ("collisions", "collision_id"),
    "genvertex": ("vertices", "vertex_id"),
    "genparticle": ("particles", "particle_id"),
    "track": ("tracks", "track_id"),
}
"""Rows numbered through the whole file: their table and their number within the event."""


@dataclass(frozen=True, kw_only=True)
class SqlTable:
    """One SQL table: who defined it, what its rows are, columns with their SQL types, indices."""

    name: str
    origin: str
    meaning: str
    columns: dict[str, str]
    constraint: str = ""
    indices: tuple[str, ...] = field(default=())

    @property
    def create(self) -> str:
        """The statement that creates the table."""
        inside = [f"{name} {kind}" for name, kind in self.columns.items()]
        if self.constraint:
            inside.append(self.constraint)
        tail = " WITHOUT ROWID" if self.constraint else ""
        return f"CREATE TABLE {self.name} ({', '.join(inside)}){tail}"

    @property
    def create_indices(self) -> tuple[str, ...]:
        """The statements that create the indices, best run when the table is full."""
        return tuple(f"CREATE INDEX {self.name}_{c} ON {self.name} ({c})" for c in self.indices)

    @property
    def insert(self) -> str:
        """The statement that inserts a row, with a question mark per column."""
        marks = ", ".join("?" * len(self.columns))
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks})"


_ID = "INTEGER PRIMARY KEY AUTOINCREMENT"
_KEY = "INTEGER PRIMARY KEY"
_TXYZ = dict.fromkeys(("t", "x", "y", "z"), "REAL")
_MOMENTUM = dict.fromkeys(("pe", "px", "py", "pz", "m"), "REAL")
_SIGMA = dict.fromkeys(("sigma_x", "sigma_y", "sigma_z"), "REAL")
_COVARIANCE = {f"covMatrix_{i}{j}": "REAL" for i, j in sorted(COVARIANCE_PAIRS)}


def _to(table: str, column: str, unique: bool = False) -> str:
    return f"INTEGER{' UNIQUE' if unique else ''} REFERENCES {table} ({column})"


_EVENT = {"genevent_id": _to("GenEvents", "genevent_id")}
_SOURCE = _to("DataSources", "datasource_id")


def _vertices(table: str, column: str) -> dict[str, str]:
    return {"production_vertex": _to(table, column), "end_vertex": _to(table, column)}


_TABLES: Final = (
    SqlTable(
        name="DataSources",
        origin="SQLamarr",
        meaning="Events; datasource_id is our event_id.",
        columns={
            "datasource_id": _ID,
            "datasource": "TEXT",
            "run_number": "INTEGER",
            "evt_number": "INTEGER",
        },
    ),
    SqlTable(
        name="GenEvents",
        origin="SQLamarr",
        meaning="Collisions; collision is our collision_id.",
        columns={"genevent_id": _ID, "collision": "INTEGER", "datasource_id": _SOURCE, **_TXYZ},
    ),
    SqlTable(
        name="GenVertices",
        origin="SQLamarr",
        meaning="Generated vertices.",
        columns={
            "genvertex_id": _ID,
            **_EVENT,
            "hepmc_id": "INTEGER",
            "status": "INTEGER",
            **_TXYZ,
            "is_primary": "INTEGER",
        },
    ),
    SqlTable(
        name="GenParticles",
        origin="SQLamarr",
        meaning="Generated particles.",
        columns={
            "genparticle_id": _ID,
            **_EVENT,
            "hepmc_id": "INTEGER",
            **_vertices("GenVertices", "genvertex_id"),
            "pid": "INTEGER",
            "status": "INTEGER",
            **_MOMENTUM,
        },
        indices=("production_vertex", "end_vertex"),
    ),
    SqlTable(
        name="MCVertices",
        origin="SQLamarr",
        meaning="Primary vertices, and all vertices where an MCParticle is produced or ends.",
        columns={
            "mcvertex_id": _ID,
            "genvertex_id": _to("GenVertices", "genvertex_id", unique=True),
            **_EVENT,
            "status": "INTEGER",
            **_TXYZ,
            "is_primary": "INTEGER",
        },
    ),
    SqlTable(
        name="MCParticles",
        origin="SQLamarr",
        meaning=(
            "Physical particles: every fate but DOCUMENTATION; before a pipeline has run, generator's "
            "statuses 1, 2, 777, 888, 889 and 999."
        ),
        columns={
            "mcparticle_id": _ID,
            "genparticle_id": _to("GenParticles", "genparticle_id", unique=True),
            **_EVENT,
            **_vertices("MCVertices", "mcvertex_id"),
            "pid": "INTEGER",
            **_MOMENTUM,
            "is_signal": "INTEGER",
        },
    ),
    SqlTable(
        name="Vertices",
        origin="SQLamarr",
        meaning="Reconstructed primary vertices; vertex_type is 1.",
        columns={
            "vertex_id": _ID,
            "mcvertex_id": _to("MCVertices", "mcvertex_id", unique=True),
            **_EVENT,
            **_TXYZ,
            **_SIGMA,
            "vertex_type": "INTEGER",
        },
    ),
    SqlTable(
        name="EventHeader",
        origin="PyLamarr",
        meaning="Events once more, with their weight; event_id is datasource_id, timeStamp is 0.",
        columns={
            "event_id": _KEY,
            "eventNumber": "INTEGER",
            "runNumber": "INTEGER",
            "timeStamp": "INTEGER",
            "weight": "REAL",
        },
    ),
    SqlTable(
        name="Track",
        origin="PyLamarr",
        meaning="Reconstructed tracks; chi2 is chi2PerDoF · ndf. charge, chi2PerDoF and true_pid are ours.",
        columns={
            "event_id": _SOURCE,
            "track_id": _KEY,
            "mcparticle_id": _to("MCParticles", "mcparticle_id"),
            "type": "INTEGER",
            "chi2": "REAL",
            "ndf": "INTEGER",
            "ghostProb": "REAL",
            "charge": "INTEGER",
            "chi2PerDoF": "REAL",
            "true_pid": "INTEGER",
        },
    ),
    SqlTable(
        name="LHCbTrackState",
        origin="PyLamarr",
        meaning="Their states closest to the beam (location 1). momentum_x, _y and _z are ours.",
        columns={
            "event_id": _SOURCE,
            "track_id": _to("Track", "track_id"),
            "location": "INTEGER",
            **dict.fromkeys(("referencePoint_x", "referencePoint_y", "referencePoint_z"), "REAL"),
            **dict.fromkeys(("slope_x", "slope_y", "momentum", "qOverP"), "REAL"),
            **_COVARIANCE,
            **dict.fromkeys(("momentum_x", "momentum_y", "momentum_z"), "REAL"),
        },
        constraint="PRIMARY KEY (track_id, location)",
    ),
    SqlTable(
        name="RecSummary",
        origin="PyLamarr",
        meaning=f"Numbers of an event: data_key {N_PVS} is nPVs, {N_TRACKS} is nTracks.",
        columns={"event_id": _SOURCE, "data_key": "INTEGER", "data_value": "INTEGER"},
        constraint="PRIMARY KEY (event_id, data_key)",
    ),
    SqlTable(
        name="CollisionInfo",
        origin="Lamarr",
        meaning="What GenEvents has no column for.",
        columns={"genevent_id": _KEY, "process_id": "INTEGER", "weight": "REAL"},
    ),
    SqlTable(
        name="ParticleFate",
        origin="Lamarr",
        meaning="What became of each generated particle, and what else GenParticles has no column for.",
        columns={
            "genparticle_id": _KEY,
            "fate": "INTEGER",
            "mother": _to("GenParticles", "genparticle_id"),
            "is_signal": "INTEGER",
            "from_signal": "INTEGER",
            "charge": "INTEGER",
            "acceptance": "REAL",
            "out_of_domain": "INTEGER",
            "ecal_fate": "INTEGER",
        },
    ),
    SqlTable(
        name="TrueState",
        origin="Lamarr",
        meaning="The table true_states.",
        columns={
            "genparticle_id": _to("GenParticles", "genparticle_id"),
            "location": "INTEGER",
            **dict.fromkeys(("x", "y", "z", "tx", "ty", "p"), "REAL"),
        },
        constraint="PRIMARY KEY (genparticle_id, location)",
    ),
    *(
        SqlTable(
            name=sql,
            origin="Lamarr",
            meaning=f"The table {name}. {SCHEMA[name].meaning}",
            columns=plain_columns(name),
            constraint=plain_key(name),
        )
        for name, sql in PLAIN.items()
    ),
    SqlTable(
        name="EventCounts",
        origin="Lamarr",
        meaning="Numbers of an event that RecSummary does not hold under LHCb's keys.",
        columns=plain_columns("events", EVENT_COUNTS),
        constraint=plain_key("events"),
    ),
    SqlTable(
        name="VertexFit",
        origin="Lamarr",
        meaning="How primary vertices were fitted; vertex_id is that of our table primary_vertices.",
        columns=plain_columns("primary_vertices", VERTEX_FIT),
        constraint=plain_key("primary_vertices"),
    ),
    SqlTable(
        name="EventIds",
        origin="Lamarr",
        meaning=(
            "First and last ids of the rows of an event: particle_id = genparticle_id − first_genparticle, "
            "and likewise collision_id, vertex_id and track_id. Also source and n_collisions."
        ),
        columns={
            "event_id": _KEY,
            "source": "INTEGER",
            "n_collisions": "INTEGER",
            **{f"{end}_{entity}": "INTEGER" for entity in ENTITIES for end in ("first", "last")},
        },
    ),
    SqlTable(
        name="Metadata",
        origin="Lamarr",
        meaning="JSON texts under the keys schema_version, sources, tables and metadata.",
        columns={"key": "TEXT PRIMARY KEY", "value": "TEXT"},
    ),
)

SQL_TABLES: Final = {table.name: table for table in _TABLES}
"""All tables of an SQLite file, by name."""

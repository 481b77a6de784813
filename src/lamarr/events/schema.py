"""The event model, declared once: tables, columns, dtypes, units, keys and one-line meanings.

ROOT branches, Parquet fields, the SQLite tables and the reference page are all made from this module.
Within a table a row is identified by ``event_id`` and the table's own number, which counts from 0 in
every event: identities therefore do not depend on how events are batched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from lamarr.errors import SchemaError, raise_unknown

__all__ = [
    "COVARIANCE_PAIRS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "Column",
    "Fate",
    "TableSchema",
    "TrackType",
    "table_schema",
]

SCHEMA_VERSION: Final = 1
"""Stored in every file. It grows when a file of the new schema would mislead a reader of the old one."""


class TrackType(IntEnum):
    """LHCb's codes of track types that Lamarr gives."""

    LONG = 3
    UPSTREAM = 4
    DOWNSTREAM = 5


class Fate(IntEnum):
    """What became of a generated particle. Every particle has exactly one fate."""

    UNDECIDED = 0
    DOCUMENTATION = 1
    DECAYED = 2
    NEUTRAL = 3
    UNSUPPORTED = 4
    BACKWARD = 5
    OUT_OF_ACCEPTANCE = 6
    NOT_RECONSTRUCTED = 7
    LONG = 13
    UPSTREAM = 14
    DOWNSTREAM = 15

    @property
    def meaning(self) -> str:
        """One line that explains the code."""
        return _FATES[self]


_FATES: Final = {
    Fate.UNDECIDED: "no pipeline has run",
    Fate.DOCUMENTATION: "bookkeeping of the generator (beam, partons, copies), not a physical particle",
    Fate.DECAYED: "decayed in the generator; its daughters have their own fates",
    Fate.NEUTRAL: "neutral: leaves no track",
    Fate.UNSUPPORTED: "charged and long-lived, but of a species that no tracking model covers",
    Fate.BACKWARD: "does not fly towards the spectrometer (pz <= 1 MeV)",
    Fate.OUT_OF_ACCEPTANCE: "outside the acceptance of the tracking detectors",
    Fate.NOT_RECONSTRUCTED: "in the acceptance, but no track was found",
    Fate.LONG: "reconstructed as a long track (VELO to T stations)",
    Fate.UPSTREAM: "reconstructed as an upstream track (VELO and TT)",
    Fate.DOWNSTREAM: "reconstructed as a downstream track (TT and T stations)",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: numpy dtype, unit ("" if none), meaning, and whether a table may lack it."""

    name: str
    dtype: str
    unit: str = ""
    meaning: str
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """One table: its columns in order, the columns that identify a row, and references to other tables.

    ``references`` maps a column to the table whose row (of the same event) it names; −1 means none.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    references: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Column:
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            raise_unknown(f"column of table '{self.name}'", name, self.names, SchemaError)
        return found

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that every such table has."""
        return tuple(column.name for column in self.columns if not column.optional)


def _c(name: str, dtype: str, unit: str, meaning: str, optional: bool = False) -> Column:
    return Column(name=name, dtype=dtype, unit=unit, meaning=meaning, optional=optional)


_EVENT = _c("event_id", "int64", "", "number of the event in the run, from 0")

COVARIANCE_PAIRS: Final = tuple((i, j) for j in range(5) for i in range(j + 1))
"""Rows and columns (i <= j) of the stored covariance elements, over (x, y, tx, ty, q/p)."""

_STATE_UNIT = ("mm", "mm", "", "", "1/MeV")


def _covariance_unit(i: int, j: int) -> str:
    a, b = _STATE_UNIT[i], _STATE_UNIT[j]
    if a == b:
        return {"": "", "mm": "mm²", "1/MeV": "1/MeV²"}[a]
    return {"mm": "mm", "1/MeV": "1/MeV", "mm1/MeV": "mm/MeV"}[a + b]


_STATE_NAME = ("x", "y", "tx", "ty", "q/p")

_TABLES: Final = (
    TableSchema(
        name="events",
        meaning="One row per event: what one bunch crossing, or one shot of a particle gun, has in common.",
        key=("event_id",),
        columns=(
            _EVENT,
            _c("source", "int32", "", "index into the run's list of sources (files or generators)"),
            _c("run_number", "int32", "", "run number, 0 if the source has none"),
            _c("event_number", "int64", "", "event number in the source"),
            _c("n_collisions", "int32", "", "number of pp collisions"),
            _c("weight", "float64", "", "event weight: product of the first weights of its collisions"),
            _c("nTracks", "int32", "", "number of reconstructed tracks of all types", optional=True),
        ),
    ),
    TableSchema(
        name="collisions",
        meaning="One row per pp collision of an event (signal and pile-up).",
        key=("event_id", "collision_id"),
        columns=(
            _EVENT,
            _c("collision_id", "int32", "", "number of the collision in the event, from 0"),
            _c("process_id", "int32", "", "generator's process code, 0 if unknown"),
            _c("weight", "float64", "", "first generator weight, 1 if none"),
            _c("t", "float64", "ns", "time of the collision"),
            _c("x", "float64", "mm", "position of the collision"),
            _c("y", "float64", "mm", "position of the collision"),
            _c("z", "float64", "mm", "position of the collision"),
        ),
    ),
    TableSchema(
        name="vertices",
        meaning="Generated vertices.",
        key=("event_id", "vertex_id"),
        references={"collision_id": "collisions"},
        columns=(
            _EVENT,
            _c("vertex_id", "int32", "", "number of the vertex in the event, from 0"),
            _c("collision_id", "int32", "", "collision that the vertex belongs to"),
            _c("hepmc_id", "int32", "", "identifier of the vertex in its source"),
            _c("status", "int32", "", "status code of the vertex in its source"),
            _c("t", "float64", "ns", "time"),
            _c("x", "float64", "mm", "position"),
            _c("y", "float64", "mm", "position"),
            _c("z", "float64", "mm", "position"),
            _c("is_primary", "bool", "", "the vertex of the pp collision itself"),
        ),
    ),
    TableSchema(
        name="particles",
        meaning="Generated particles, and what became of each.",
        key=("event_id", "particle_id"),
        references={
            "collision_id": "collisions",
            "production_vertex": "vertices",
            "end_vertex": "vertices",
            "mother": "particles",
        },
        columns=(
            _EVENT,
            _c("particle_id", "int32", "", "number of the particle in the event, from 0"),
            _c("collision_id", "int32", "", "collision that the particle belongs to"),
            _c("hepmc_id", "int32", "", "identifier of the particle in its source"),
            _c("production_vertex", "int32", "", "vertex_id where it is produced, −1 if unknown"),
            _c("end_vertex", "int32", "", "vertex_id where it ends, −1 if it does not in the generator"),
            _c("mother", "int32", "", "particle_id of its (first) mother, −1 if none"),
            _c("pid", "int32", "", "PDG id"),
            _c("status", "int32", "", "generator's status code"),
            _c("pe", "float64", "MeV", "energy"),
            _c("px", "float64", "MeV", "momentum"),
            _c("py", "float64", "MeV", "momentum"),
            _c("pz", "float64", "MeV", "momentum"),
            _c("m", "float64", "MeV", "generated mass"),
            _c("is_signal", "bool", "", "head of the signal decay"),
            _c("from_signal", "bool", "", "head of the signal decay or descendant of it"),
            _c("charge", "int8", "e", "electric charge", optional=True),
            _c("acceptance", "float32", "", "probability to cross the tracking acceptance", optional=True),
            _c("out_of_domain", "bool", "", "outside the range the models were trained on", optional=True),
            _c("fate", "int8", "", "what became of it: a code of lamarr.events.Fate", optional=True),
        ),
    ),
    TableSchema(
        name="true_states",
        meaning="True trajectories of tracked particles, closest to the beam and behind the magnet.",
        key=("event_id", "particle_id", "location"),
        references={"particle_id": "particles"},
        columns=(
            _EVENT,
            _c("particle_id", "int32", "", "generated particle"),
            _c("location", "int8", "", "LHCb's code of the location: 1 closest to the beam, 5 T stations"),
            _c("x", "float64", "mm", "position"),
            _c("y", "float64", "mm", "position"),
            _c("z", "float64", "mm", "position"),
            _c("tx", "float64", "", "slope dx/dz"),
            _c("ty", "float64", "", "slope dy/dz"),
            _c("p", "float64", "MeV", "momentum"),
        ),
    ),
    TableSchema(
        name="primary_vertices",
        meaning="Reconstructed primary vertices.",
        key=("event_id", "vertex_id"),
        references={"vertex_id": "vertices", "collision_id": "collisions"},
        columns=(
            _EVENT,
            _c("vertex_id", "int32", "", "generated vertex that it reconstructs"),
            _c("collision_id", "int32", "", "collision that it reconstructs"),
            _c("t", "float64", "ns", "time of the generated vertex"),
            _c("x", "float64", "mm", "reconstructed position"),
            _c("y", "float64", "mm", "reconstructed position"),
            _c("z", "float64", "mm", "reconstructed position"),
            _c("sigma_x", "float64", "mm", "standard deviation of the component drawn for x"),
            _c("sigma_y", "float64", "mm", "standard deviation of the component drawn for y"),
            _c("sigma_z", "float64", "mm", "standard deviation of the component drawn for z"),
        ),
    ),
    TableSchema(
        name="tracks",
        meaning="Reconstructed tracks in the state closest to the beam.",
        key=("event_id", "track_id"),
        references={"particle_id": "particles"},
        columns=(
            _EVENT,
            _c("track_id", "int32", "", "number of the track in the event, from 0"),
            _c("particle_id", "int32", "", "generated particle that it reconstructs"),
            _c("type", "int8", "", "LHCb's track type: 3 long, 4 upstream, 5 downstream"),
            _c("charge", "int8", "e", "reconstructed charge"),
            _c("x", "float64", "mm", "position"),
            _c("y", "float64", "mm", "position"),
            _c("z", "float64", "mm", "position"),
            _c("tx", "float64", "", "slope dx/dz"),
            _c("ty", "float64", "", "slope dy/dz"),
            _c("p", "float64", "MeV", "momentum"),
            _c("px", "float64", "MeV", "momentum"),
            _c("py", "float64", "MeV", "momentum"),
            _c("pz", "float64", "MeV", "momentum"),
            _c("qop", "float64", "1/MeV", "charge over momentum"),
            _c("chi2PerDoF", "float32", "", "χ² of the track fit per degree of freedom"),
            _c("nDoF", "int32", "", "number of degrees of freedom of the track fit"),
            _c("ghostProb", "float32", "", "ghost probability"),
            *(
                _c(
                    f"cov{i}{j}",
                    "float64",
                    _covariance_unit(i, j),
                    f"covariance of {_STATE_NAME[i]} and {_STATE_NAME[j]}",
                    optional=True,
                )
                for i, j in COVARIANCE_PAIRS
            ),
        ),
    ),
)

SCHEMA: Final = MappingProxyType({table.name: table for table in _TABLES})
"""All tables by name, in the order in which files hold them."""


def table_schema(name: str) -> TableSchema:
    """Return the schema of table `name`; a name that does not exist is answered with near misses."""
    if name not in SCHEMA:
        raise_unknown("table", name, SCHEMA, SchemaError)
    return SCHEMA[name]

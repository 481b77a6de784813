"""Which columns a compiled pipeline takes and gives, and the structs of C that hold them."""

from __future__ import annotations

from typing import Any, Final

from lamarr.errors import PipelineError
from lamarr.events import SCHEMA
from lamarr.transpile.trace import C_TYPES

__all__ = ["GENERATED_TABLES", "LINKS", "Layout"]

GENERATED_TABLES: Final = ("particles", "vertices")

LINKS: Final = {
    ("particles", "event_row"): "row of its event in the table of events",
    ("particles", "true_state_row"): "row of its true state closest to the beam, -1 if it has none",
    ("particles", "track_row"): "row of its track, -1 if it has none",
    ("tracks", "particle_row"): "row of the generated particle that it reconstructs",
    ("pid", "track_row"): "row of the track that it identifies",
}
"""Row numbers (int64) that tie tables together."""

_PRODUCTION: Final = "position of the production vertex; NaN if there is none"
_CAPACITY: Final = {
    "particles": "particles",
    "true_states": "2 x particles",
    "tracks": "particles",
    "pid": "particles",
    "primary_vertices": "vertices",
    "events": "particles",
}


class Layout:
    """Columns by table: `inputs` that the caller gives, `results` that the stages write.

    Attributes
    ----------
    inputs, results : dict of str to dict of str to str
        Table → column → dtype.
    nullable : set of (table, column)
        Inputs that may be NULL.
    """

    def __init__(self) -> None:
        self.inputs: dict[str, dict[str, str]] = {
            "particles": {"event_id": "int64", "particle_id": "int32"},
            "vertices": {},
        }
        self.results: dict[str, dict[str, str]] = {
            "particles": {"event_row": "int64"},
            "events": {"event_id": "int64"},
        }
        self.nullable: set[tuple[str, str]] = set()

    def dtype(self, table: str, column: str) -> str:
        """Return the dtype of a column of the schema, or of a link between tables."""
        return "int64" if (table, column) in LINKS else SCHEMA[table][column].dtype

    def read(self, table: str, column: str, stage: str) -> str:
        """Return C for the start of a column that a stage reads, and note it as an input if need be.

        Raises
        ------
        PipelineError
            If no earlier stage writes it and no generator gives it.
        """
        if column in self.results.get(table, ()):
            return f"out->{table}.{column}"
        known = table in GENERATED_TABLES and column in SCHEMA[table].required
        if not known:
            raise PipelineError(
                f"stage '{stage}' reads {table}.{column}, which no generator and no earlier stage gives"
            )
        self.inputs[table][column] = self.dtype(table, column)
        return f"in->{table}.{column}"

    def read_production(self, axis: str) -> str:
        """Return C for a coordinate of the production vertex, which the caller gives with the particle."""
        self.inputs["particles"][f"production_{axis}"] = "float64"
        return f"in->particles.production_{axis}"

    def read_charge(self) -> None:
        """Note the charge as an input that may be NULL."""
        self.inputs["particles"]["charge"] = "int8"
        self.nullable.add(("particles", "charge"))

    def write(self, table: str, column: str) -> str:
        """Return C for the start of a column that a stage writes."""
        self.results.setdefault(table, {})[column] = self.dtype(table, column)
        return f"out->{table}.{column}"

    def generated(self, table: str) -> list[tuple[str, str]]:
        """Columns of a table of inputs with their dtypes, in the order of the schema."""
        return _ordered(table, self.inputs[table])

    def simulated(self, table: str) -> list[tuple[str, str]]:
        """Columns of a table of results with their dtypes, in the order of the schema, then links."""
        return _ordered(table, self.results[table])

    def generated_struct(self, table: str) -> str:
        """Members of the struct of a table of generated columns."""
        members = []
        for column, dtype in self.generated(table):
            nullable = "; NULL: by the PDG id" if (table, column) in self.nullable else ""
            members.append(_member(f"const {C_TYPES[dtype]} *{column};", _meaning(table, column) + nullable))
        return "\n".join(members)

    def simulated_struct(self, table: str) -> str:
        """Members of the struct of a table of simulated columns."""
        count = [] if table == "particles" else [_member("size_t n;", f"rows; room for: {_CAPACITY[table]}")]
        members = (_member(f"{C_TYPES[d]} *{c};", _meaning(table, c)) for c, d in self.simulated(table))
        return "\n".join([*count, *members])

    def to_json(self) -> dict[str, Any]:
        """Return the layout as it goes into the card of the library: tables and columns in their order."""
        return {
            "generated": [[t, self.generated(t)] for t in self.inputs],
            "nullable": sorted(map(list, self.nullable)),
            "simulated": [[t, self.simulated(t)] for t in self.results],
        }


def _ordered(table: str, columns: dict[str, str]) -> list[tuple[str, str]]:
    names = SCHEMA[table].names
    return sorted(columns.items(), key=lambda item: names.index(item[0]) if item[0] in names else len(names))


def _meaning(table: str, column: str) -> str:
    if column.startswith("production_"):
        return f"{_PRODUCTION} [mm]"
    if (table, column) in LINKS:
        return LINKS[table, column]
    declared = SCHEMA[table][column]
    return f"{declared.meaning} [{declared.unit}]" if declared.unit else declared.meaning


def _member(declaration: str, meaning: str) -> str:
    return f"  {declaration:<30} /* {meaning} */"

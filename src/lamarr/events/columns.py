"""What a declared table is made of: columns with dtypes, units and meanings, keys and references."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from lamarr.errors import SchemaError, raise_unknown

__all__ = ["EVENT", "STATE", "Column", "TableSchema", "column"]


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

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def __getitem__(self, name: str) -> Column:
        if name not in self._by_name:
            raise_unknown(f"column of table '{self.name}'", name, self.names, SchemaError)
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(self._by_name)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that every such table has."""
        return tuple(column.name for column in self.columns if not column.optional)


def column(name: str, dtype: str, unit: str, meaning: str, optional: bool = False) -> Column:
    """Return a column from its five properties in the order of a table's declaration."""
    return Column(name=name, dtype=dtype, unit=unit, meaning=meaning, optional=optional)


EVENT: Final = column("event_id", "int64", "", "number of the event in the run, from 0")
"""The column that every table begins with."""

STATE: Final = (
    column("x", "float64", "mm", "position"),
    column("y", "float64", "mm", "position"),
    column("z", "float64", "mm", "position"),
    column("tx", "float64", "", "slope dx/dz"),
    column("ty", "float64", "", "slope dy/dz"),
    column("p", "float64", "MeV", "momentum"),
)
"""A trajectory at a place, true or reconstructed."""

"""What a file says about itself: schema version, sources, tables with their columns, and free metadata.

Every format stores the same JSON object, so that a reader knows what must be there before it looks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamarr.errors import InputFileError, SchemaError
from lamarr.events.batch import EventBatch
from lamarr.events.schema import SCHEMA, SCHEMA_VERSION, table_schema

__all__ = ["Header"]

Layout = dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Header:
    """The description that a file carries.

    Parameters
    ----------
    tables : mapping of str to tuple of str
        Tables in the order of the schema, and the columns of each.
    sources : tuple of str
        Names that ``events.source`` points to.
    metadata : mapping
        Whatever the program that wrote the file had to say (seed, versions, command); JSON-able.
    schema_version : int
        :data:`lamarr.events.SCHEMA_VERSION` of the program that wrote the file.
    """

    tables: Layout
    sources: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(cls, batch: EventBatch, sources: tuple[str, ...], metadata: Mapping[str, Any]) -> Header:
        """Return the header of a file that begins with `batch`."""
        return cls(tables={n: tuple(t) for n, t in batch.items()}, sources=sources, metadata=metadata)

    def to_json(self) -> dict[str, str]:
        """Return the four entries, each as JSON text."""
        entries = {
            "schema_version": self.schema_version,
            "sources": list(self.sources),
            "tables": {name: list(columns) for name, columns in self.tables.items()},
            "metadata": dict(self.metadata),
        }
        # ASCII, because names of files need not be valid Unicode.
        return {key: json.dumps(value) for key, value in entries.items()}

    def to_text(self) -> str:
        """Return all entries as one JSON object."""
        return "{" + ", ".join(f'"{key}": {value}' for key, value in self.to_json().items()) + "}"

    @classmethod
    def from_entries(cls, path: Path, entries: Mapping[str, Any]) -> Header:
        """Return the header read from `path`.

        Raises
        ------
        InputFileError
            If entries are missing or wrong, or if the file follows a newer schema.
        """
        try:
            version = int(entries["schema_version"])
            if version > SCHEMA_VERSION:
                raise InputFileError(
                    f"'{path}' was written by a newer Lamarr (schema version {version}; this one reads up to "
                    f"{SCHEMA_VERSION}): please upgrade Lamarr"
                )
            tables = {name: tuple(columns) for name, columns in entries["tables"].items()}
            if "events" not in tables:
                raise KeyError("events")
            for name, columns in tables.items():
                schema = table_schema(name)
                for column in columns:
                    schema[column]
            ordered = {name: tables[name] for name in SCHEMA if name in tables}
            return cls(
                tables=ordered,
                sources=tuple(entries["sources"]),
                metadata=dict(entries["metadata"]),
                schema_version=version,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputFileError):
                raise
            raise InputFileError(f"'{path}' has a damaged Lamarr header: {error!r}") from error

    def select(self, path: Path, tables: tuple[str, ...] | None) -> Layout:
        """Return the layout of ``events`` and the named (or all) tables; refuse those that are not there."""
        if tables is None:
            return self.tables
        for name in tables:
            if name not in self.tables:
                raise InputFileError(f"'{path}' has no table '{name}'; it has {', '.join(self.tables)}")
        return {n: c for n, c in self.tables.items() if n == "events" or n in tables}

    def check_same(self, batch: EventBatch) -> None:
        """Raise :class:`SchemaError` unless `batch` has the tables and columns of the first one."""
        if [*batch] != [*self.tables]:
            raise SchemaError(
                f"all batches of a file must have the tables of the first, {', '.join(self.tables)}, "
                f"but got {', '.join(batch)}"
            )
        for name, columns in self.tables.items():
            if tuple(batch[name]) != columns:
                raise SchemaError(
                    f"all batches of a file must have the same columns, but '{name}' had "
                    f"{', '.join(columns)} and then {', '.join(batch[name])}"
                )

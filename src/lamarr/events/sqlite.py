"""SQLite files in SQLamarr's schema: the writer. See :mod:`lamarr.events.sqlite_tables` for the tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from lamarr.errors import SchemaError
from lamarr.events.batch import EventBatch
from lamarr.events.header import Header
from lamarr.events.integrity import check_references
from lamarr.events.schema import table_schema
from lamarr.events.sqlite_rows import Numbering
from lamarr.events.sqlite_tables import SQL_TABLES
from lamarr.events.sqlite_views import SQL_VIEWS

__all__ = ["SQLiteSink"]

_PRAGMAS = (
    # The file has a temporary name and is thrown away on failure: it needs no journal and no syncing.
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cache_size = -65536",
)


class SQLiteSink:
    """An SQLite file being written, in one transaction.

    Raises
    ------
    SchemaError
        If a table refers to another that is not there: all rows are linked by ids.
    """

    def __init__(self, path: Path, header: Header) -> None:
        for name in header.tables:
            for target in table_schema(name).references.values():
                if target not in header.tables:
                    raise SchemaError(
                        f"SQLite files link all rows by ids, so that the table '{name}' needs '{target}'; "
                        f"the batch has {', '.join(header.tables)} (ROOT and Parquet have no such need)"
                    )
        self._sources = header.sources
        self._numbering = Numbering()
        # The thread that closes the writer need not be the one that opened it.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        made = [t.create for t in SQL_TABLES.values()] + [v.create for v in SQL_VIEWS.values()]
        for statement in (*_PRAGMAS, "BEGIN", *made):
            self._connection.execute(statement)
        self._connection.executemany(SQL_TABLES["Metadata"].insert, header.to_json().items())

    def write(self, batch: EventBatch) -> None:
        """Append a batch."""
        check_references(batch)
        for name, columns in self._numbering.rows(batch, self._sources).items():
            table = SQL_TABLES[name]
            values = [np.asarray(columns[c]).tolist() for c in table.columns]
            self._connection.executemany(table.insert, zip(*values, strict=True))

    def close(self) -> None:
        """Make the indices and finish the file."""
        for table in SQL_TABLES.values():
            for statement in table.create_indices:
                self._connection.execute(statement)
        self._connection.execute("COMMIT")
        self._connection.close()

    def abort(self) -> None:
        """Close without finishing."""
        self._connection.close()

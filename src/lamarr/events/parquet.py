"""Parquet: a directory with one file per table, as pandas, polars, DuckDB and Spark like to read them.

``pandas.read_parquet("out.parquet/tracks.parquet")`` needs nothing of Lamarr. The description of the
whole is in the schema metadata of every file, under ``lamarr``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pyarrow import parquet

from lamarr.errors import InputFileError
from lamarr.events.batch import EventBatch, Table
from lamarr.events.chunks import Pieces
from lamarr.events.convert import arrow_schema, table_from_arrow, table_to_arrow
from lamarr.events.header import Header
from lamarr.events.schema import SCHEMA, table_schema

__all__ = ["ParquetSink", "ParquetSource", "is_ours", "remove"]

METADATA = b"lamarr"
ROWS = 32_768
"""Rows per row group: two to three of them per table are in memory at a time."""


class ParquetSink:
    """A directory of Parquet files being written."""

    def __init__(self, path: Path, header: Header) -> None:
        path.mkdir()
        self._writers: dict[str, parquet.ParquetWriter] = {}
        self._pieces = {name: Pieces(ROWS) for name in header.tables}
        for name, columns in header.tables.items():
            schema = arrow_schema(name, columns)
            self._writers[name] = parquet.ParquetWriter(
                path / f"{name}.parquet",
                schema.with_metadata({**schema.metadata, METADATA: header.to_text()}),
                compression="zstd",
                compression_level=1,
                # Dictionaries pay for small integers and flags; floats hardly ever repeat.
                use_dictionary=[c for c in columns if np.dtype(table_schema(name)[c].dtype).kind != "f"],
            )

    def write(self, batch: EventBatch) -> None:
        """Append a batch."""
        for name, table in batch.items():
            for piece in self._pieces[name].add(table):
                self._write(piece)

    def _write(self, piece: Table) -> None:
        writer = self._writers[piece.name]
        writer.write_table(table_to_arrow(piece).cast(writer.schema), row_group_size=ROWS)

    def close(self) -> None:
        """Write the last row groups and finish the files."""
        for pieces in self._pieces.values():
            for piece in pieces.rest():
                self._write(piece)
        self.abort()

    def abort(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()


class ParquetSource:
    """A directory of ours, open for reading."""

    def __init__(self, path: Path) -> None:
        if path.is_file():
            raise InputFileError(
                f"'{path}' is a single Parquet file; Lamarr's Parquet output is a directory with one file "
                "per table: give the directory"
            )
        events = path / "events.parquet"
        if not events.exists():
            raise InputFileError(f"'{path}' is not a Parquet output of Lamarr: it has no 'events.parquet'")
        self.header = _read_header(events)
        self._files = {name: path / f"{name}.parquet" for name in self.header.tables}
        for name, file in self._files.items():
            _check_file(path, name, self.header.tables[name], file)

    def chunks(self, table: str) -> Iterator[Table]:
        """Give the rows of a table, one row group at a time."""
        columns = self.header.tables[table]
        with parquet.ParquetFile(self._files[table]) as file:
            for group in range(file.num_row_groups):
                yield table_from_arrow(table, file.read_row_group(group, columns=[*columns]))

    def close(self) -> None:
        """Nothing stays open between chunks."""


def _read_header(file: Path) -> Header:
    metadata = parquet.read_schema(file).metadata or {}
    if METADATA not in metadata:
        raise InputFileError(f"'{file}' was not written by Lamarr: its schema lacks the key 'lamarr'")
    return Header.from_entries(file, json.loads(metadata[METADATA]))


def _check_file(path: Path, name: str, columns: tuple[str, ...], file: Path) -> None:
    if not file.exists():
        raise InputFileError(f"'{path}' lacks the table '{name}' that its description announces")
    missing = [c for c in columns if c not in parquet.read_schema(file).names]
    if missing:
        raise InputFileError(f"table '{name}' of '{path}' lacks the columns {', '.join(missing)}")


def is_ours(path: Path) -> bool:
    """Whether a directory holds nothing but Parquet files named after our tables (or nothing at all)."""
    names = {f"{name}.parquet" for name in SCHEMA}
    return all(entry.name in names and entry.is_file() for entry in path.iterdir())


def remove(path: Path) -> None:
    """Delete a file or a directory of ours, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

"""ROOT files: one flat TTree (or RNTuple) per table, a branch (field) per column.

The description of the file is the TObjString ``metadata``. Baskets are cut at fixed rows, whatever the
batches were.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from lamarr.errors import InputFileError
from lamarr.events.batch import EventBatch, Table
from lamarr.events.chunks import Pieces
from lamarr.events.header import Header
from lamarr.events.schema import table_schema

__all__ = ["RootSink", "RootSource"]

METADATA = "metadata"
ROWS = 65_536
"""Rows per basket: half a megabyte of float64, the order of magnitude that ROOT itself recommends."""


class RootSink:
    """A ROOT file being written.

    Parameters
    ----------
    path : Path
        The (temporary) file.
    header : Header
        Its tables and columns decide the trees and branches.
    rntuple : bool
        Write RNTuples instead of TTrees.
    """

    def __init__(self, path: Path, header: Header, rntuple: bool = False) -> None:
        # LZ4: an eighth larger than with Zstandard, but packed twice and unpacked ten times as fast, and
        # packing takes longer than simulating.
        self._file = uproot.recreate(path, compression=uproot.LZ4(4))
        make = self._file.mkrntuple if rntuple else self._file.mktree
        self._file[METADATA] = header.to_text()
        self._trees = {name: make(name, _dtypes(name, columns)) for name, columns in header.tables.items()}
        self._pieces = {name: Pieces(ROWS) for name in header.tables}

    def write(self, batch: EventBatch) -> None:
        """Append a batch."""
        for name, table in batch.items():
            for piece in self._pieces[name].add(table):
                self._trees[name].extend(dict(piece))

    def close(self) -> None:
        """Write the last baskets and finish the file."""
        for name, pieces in self._pieces.items():
            for piece in pieces.rest():
                self._trees[name].extend(dict(piece))
        self._file.close()

    def abort(self) -> None:
        """Close without finishing."""
        self._file.close()


class RootSource:
    """A ROOT file of ours, open for reading."""

    def __init__(self, path: Path) -> None:
        _check_length(path)
        self._path = path
        self._file = uproot.open(path, array_cache=None)  # every basket is read once
        keys = self._file.keys(cycle=False, recursive=False)
        try:
            self.header = Header.from_entries(path, json.loads(str(self._file[METADATA])))
        except (KeyError, ValueError, TypeError) as error:
            self._file.close()
            if isinstance(error, InputFileError):
                raise
            raise InputFileError(
                f"'{path}' was not written by Lamarr: it has no description called '{METADATA}'; "
                f"it holds {', '.join(keys) or 'nothing'}"
            ) from error
        for name, columns in self.header.tables.items():
            _check_tree(path, name, columns, self._file[name].keys() if name in keys else None)

    def chunks(self, table: str) -> Iterator[Table]:
        """Give the rows of a table, some baskets at a time."""
        tree, columns = self._file[table], self.header.tables[table]
        for start in range(0, tree.num_entries, 2 * ROWS):
            yield Table(table, _arrays(tree, columns, start, start + 2 * ROWS))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _dtypes(name: str, columns: tuple[str, ...]) -> dict[str, np.dtype[Any]]:
    schema = table_schema(name)
    return {c: np.dtype(schema[c].dtype) for c in columns}


def _arrays(tree: Any, columns: tuple[str, ...], start: int, stop: int) -> dict[str, Any]:
    if isinstance(tree, uproot.TTree):
        found: dict[str, Any] = tree.arrays([*columns], entry_start=start, entry_stop=stop, library="np")
        return found
    records = tree.arrays([*columns], entry_start=start, entry_stop=stop)
    return {c: records[c].to_numpy() for c in columns}


def _check_tree(path: Path, name: str, columns: tuple[str, ...], found: list[str] | None) -> None:
    if found is None:
        raise InputFileError(f"'{path}' lacks the table '{name}' that its description announces")
    missing = [c for c in columns if c not in found]
    if missing:
        raise InputFileError(f"table '{name}' of '{path}' lacks the columns {', '.join(missing)}")


def _check_length(path: Path) -> None:
    """Compare the length of the file with the one in its first bytes (fEND), so that a stump is known."""
    with path.open("rb") as file:
        head = file.read(20)
    big = int.from_bytes(head[4:8], "big") >= 1_000_000
    announced = int.from_bytes(head[12:20] if big else head[12:16], "big")
    if path.stat().st_size < announced or len(head) < 20:
        raise InputFileError(
            f"'{path}' is truncated: {path.stat().st_size} bytes of {announced}; it must be written again"
        )

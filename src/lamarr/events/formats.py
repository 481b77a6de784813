"""What a file format must be able to do; the formats themselves are in root, parquet and sqlite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from lamarr.events.batch import EventBatch, Table
from lamarr.events.header import Header

__all__ = ["Sink", "Source"]


class Sink(Protocol):
    """A file (or directory) being written under a temporary name."""

    def write(self, batch: EventBatch) -> None:
        """Append a batch; its tables and columns are those of the header."""

    def close(self) -> None:
        """Write what is left and finish the file."""

    def abort(self) -> None:
        """Let go of the file; what is in it does not matter any more."""


class Source(Protocol):
    """A file (or directory) open for reading."""

    header: Header

    def chunks(self, table: str) -> Iterator[Table]:
        """Give the rows of a table in the order of the file, a moderate number at a time."""

    def close(self) -> None:
        """Let go of the file."""

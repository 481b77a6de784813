"""The writer that the formats share: first batch decides, temporary name until the end."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from lamarr.errors import ConfigurationError, OutputFileError, SchemaError
from lamarr.events.batch import EventBatch, Table
from lamarr.events.formats import Sink
from lamarr.events.header import Header
from lamarr.events.integrity import check_keys

__all__ = ["SUFFIXES", "Writer"]

SUFFIXES: Final = {".root": "root", ".parquet": "parquet", ".sqlite": "sqlite", ".db": "sqlite"}
"""Format by suffix."""


class Writer:
    """A file of events being written; made by :func:`lamarr.events.open_writer`, used in a ``with`` block.

    Attributes
    ----------
    path : Path
        The final name.
    n_events : int
        Events written so far.
    """

    def __init__(
        self,
        path: Path,
        file_format: str,
        sources: tuple[str, ...],
        metadata: dict[str, Any],
        force: bool,
    ) -> None:
        self.path = path
        self.n_events = 0
        self._format, self._force = file_format, force
        self._sources, self._metadata = sources, metadata
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
        self._sink: Sink | None = None
        self._header: Header | None = None
        self._last_event = -1
        self._broken = False
        try:
            json.dumps(metadata, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"metadata of '{path}' must be JSON-able: {error}") from error
        self._check_target()

    def _check_target(self) -> None:
        path, parent = self.path, self.path.parent
        if not parent.is_dir():
            raise OutputFileError(f"'{path}' cannot be written: the folder '{parent}' does not exist")
        if path.exists() and not self._force:
            raise OutputFileError(f"'{path}' exists already: give another name, or force to replace it")
        if path.is_dir() and (self._format != "parquet" or not _is_ours(path)):
            raise OutputFileError(
                f"'{path}' is a directory with other things than Lamarr's tables: it will not be replaced"
            )
        try:
            self._temporary.touch(exist_ok=False)
            self._temporary.unlink()
        except OSError as error:
            raise OutputFileError(f"'{path}' cannot be written: {error.strerror}") from error

    def __enter__(self) -> Writer:
        return self

    def write(self, batch: EventBatch) -> None:
        """Append a batch, whose events follow those written before.

        Raises
        ------
        SchemaError
            If tables, columns or sources differ from the first batch, or rows are not ordered by their keys.
        OutputFileError
            If the disk refuses.
        """
        check_keys(batch)
        ids = batch["events"]["event_id"]
        if ids.size and ids[0] <= self._last_event:
            raise SchemaError(
                f"events of a file must be in order, but event_id={ids[0]} came after {self._last_event}"
            )
        self._check_sources(batch)
        sink = self._sink_for(batch)
        self._broken = True
        with self._writing():
            sink.write(batch)
        self._broken = False
        self._last_event = int(ids[-1]) if ids.size else self._last_event
        self.n_events += batch.n_events

    def _check_sources(self, batch: EventBatch) -> None:
        self._sources = self._sources or batch.sources
        if batch.sources and batch.sources != self._sources:
            raise SchemaError(
                f"all batches of a file must have the same sources, but got {batch.sources} "
                f"after {self._sources}"
            )

    def _sink_for(self, batch: EventBatch) -> Sink:
        if self._sink is None or self._header is None:
            self._header = Header.of(batch, self._sources, self._metadata)
            with self._writing():
                self._sink = _open_sink(self._format, self._temporary, self._header)
        self._header.check_same(batch)
        return self._sink

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            if self._broken:
                raise OutputFileError(f"'{self.path}' is not written, because one of its batches failed")
            if self._sink is None:
                self.write(EventBatch({"events": Table.empty("events")}, self._sources))
            assert self._sink is not None
            with self._writing():
                self._sink.close()
        except BaseException:
            self._abandon()
            raise
        self._publish()

    def _publish(self) -> None:
        """Give the finished file its name; if that fails, the events are kept under the temporary one."""
        try:
            if self.path.exists() and not self._force:
                raise FileExistsError(f"'{self.path}' has meanwhile been made by somebody else")
            self._rename()
        except OSError as error:
            raise OutputFileError(
                f"'{self.path}' cannot be written ({error}); all events are in '{self._temporary}'"
            ) from error

    def _rename(self) -> None:
        if self.path.is_dir():
            # A directory cannot be replaced in one step: the old one steps aside and comes back on failure.
            aside = self._temporary.with_suffix(".old")
            self.path.rename(aside)
            try:
                self._temporary.rename(self.path)
            except OSError:
                aside.rename(self.path)
                raise
            _remove(aside)
        else:
            if self._temporary.is_dir():
                self.path.unlink(missing_ok=True)
            self._temporary.replace(self.path)

    def _abandon(self) -> None:
        if self._sink is not None:
            with suppress(Exception):
                self._sink.abort()
        _remove(self._temporary)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OutputFileError:
            raise
        except (OSError, sqlite3.Error) as error:
            raise OutputFileError(f"'{self.path}' cannot be written: {error}") from error


def _open_sink(file_format: str, path: Path, header: Header) -> Sink:
    if file_format == "parquet":
        from lamarr.events.parquet import ParquetSink

        return ParquetSink(path, header)
    if file_format == "sqlite":
        from lamarr.events.sqlite import SQLiteSink

        return SQLiteSink(path, header)
    from lamarr.events.root import RootSink

    return RootSink(path, header, rntuple=file_format == "rntuple")


def _is_ours(path: Path) -> bool:
    from lamarr.events.parquet import is_ours

    return is_ours(path)


def _remove(path: Path) -> None:
    from lamarr.events.parquet import remove

    remove(path)

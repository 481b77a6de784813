"""Files of events: streaming writers that never leave half a file, and readers in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lamarr.errors import ConfigurationError, InputFileError, near_misses, raise_unknown
from lamarr.events.batch import EventBatch, Table
from lamarr.events.chunks import Cursor
from lamarr.events.formats import Source
from lamarr.events.header import Header
from lamarr.events.integrity import check_events
from lamarr.events.schema import table_schema
from lamarr.events.writer import SUFFIXES, Writer

__all__ = ["describe", "iterate", "open_writer", "read"]

_FORMATS: Final = ("root", "rntuple", "parquet", "sqlite")


def open_writer(
    path: str | Path,
    *,
    sources: Iterable[str] = (),
    metadata: Mapping[str, Any] | None = None,
    force: bool = False,
    format: str | None = None,  # noqa: A002
) -> Writer:
    """Return a writer of the format that the suffix of `path` names.

    ``.root`` gives TTrees, ``.parquet`` a directory of Parquet files, ``.sqlite`` and ``.db`` SQLamarr's
    schema. The tables and columns are those of the first batch; a file without any batch holds an empty
    table ``events``. Until the ``with`` block ends cleanly, the file has a temporary name in the same
    folder; it is removed when the block raises.

    Parameters
    ----------
    path : str or Path
        The file (for Parquet: the directory) to be written.
    sources : iterable of str
        Names that ``events.source`` points to; those of the first batch if none are given.
    metadata : mapping
        JSON-able facts to be stored: seed, versions, command.
    force : bool
        Replace what exists. A directory is replaced only if it holds nothing but tables of ours.
    format : str
        "root", "rntuple" (RNTuples instead of TTrees), "parquet" or "sqlite", whatever the suffix.

    Raises
    ------
    OutputFileError
        If `path` exists and `force` is not given, or cannot be written.
    ConfigurationError
        If suffix or format are not known, or the metadata cannot be stored as JSON.
    """
    path = Path(path)
    if format is None:
        if path.suffix not in SUFFIXES:
            raise ConfigurationError(
                f"the suffix of '{path}' must be one of {', '.join(SUFFIXES)} to tell the format of the file"
            )
        format = SUFFIXES[path.suffix]  # noqa: A001
    elif format not in _FORMATS:
        raise_unknown("format", format, _FORMATS, ConfigurationError)
    return Writer(path, format, tuple(sources), dict(metadata or {}), force)


def describe(path: str | Path) -> Header:
    """Return what a file says about itself: tables with columns, sources, metadata, schema version."""
    with _opened(Path(path)) as source:
        return source.header


def read(path: str | Path, tables: Iterable[str] | None = None) -> EventBatch:
    """Return all events of a file that Lamarr wrote.

    Parameters
    ----------
    path : str or Path
        A file of any format; it is recognised by its content.
    tables : iterable of str
        Only these, and ``events``; default: all.

    Raises
    ------
    InputFileError
        If the file is missing, truncated, damaged, not of Lamarr, of a newer schema, or lacks a table.
    """
    wanted = _known(tables)
    with _opened(Path(path)) as source:
        layout = source.header.select(Path(path), wanted)
        cursors = _cursors(source, layout)
        return _joined({name: cursor.through(2**63 - 1) for name, cursor in cursors.items()}, source)


def iterate(path: str | Path, size: int, tables: Iterable[str] | None = None) -> Iterator[EventBatch]:
    """Give the events of a file in order, `size` at a time, in memory that does not grow with the file.

    Parameters
    ----------
    path : str or Path
        A file of any format; it is recognised by its content.
    size : int
        Events per batch, at least 1; the last batch may have fewer.
    tables : iterable of str
        Only these, and ``events``; default: all.

    Raises
    ------
    InputFileError
        As :func:`read`; damage deep in the file is found when the events there are reached.
    """
    if size < 1:
        raise ConfigurationError(f"size >= 1 must hold, but got (size={size})")
    wanted = _known(tables)
    with _opened(Path(path)) as source:
        layout = source.header.select(Path(path), wanted)
        cursors = _cursors(source, layout)
        while (events := cursors["events"].take(size)).rows:
            last = int(events["event_id"][-1])
            others = {name: cursor.through(last) for name, cursor in cursors.items() if name != "events"}
            yield _joined({"events": events, **others}, source)
        # Only rows without an event can be left; with no events beside them they are found out.
        _joined({name: cursor.take(1) for name, cursor in cursors.items()}, source)


def _cursors(source: Source, layout: Mapping[str, tuple[str, ...]]) -> dict[str, Cursor]:
    return {name: Cursor(Table.empty(name, c), source.chunks(name)) for name, c in layout.items()}


def _joined(tables: dict[str, Table], source: Source) -> EventBatch:
    batch = EventBatch(tables, source.header.sources)
    check_events(batch)
    return batch


def _known(tables: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if tables is None else tuple(table_schema(name).name for name in tables)


@contextmanager
def _opened(path: Path) -> Iterator[Source]:
    """Open a file for reading; whatever a library says about damage becomes an :class:`InputFileError`."""
    try:
        source = _open_source(path)
        try:
            yield source
        finally:
            source.close()
    except (InputFileError, GeneratorExit):
        raise
    except Exception as error:
        raise InputFileError(
            f"'{path}' is damaged and must be written again ({type(error).__name__}: {error})"
        ) from error


def _open_source(path: Path) -> Source:
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        found = near_misses(path.name, siblings)
        hint = f"; near misses: {', '.join(found)}" if found else ""
        raise InputFileError(f"'{path}' does not exist{hint}")
    magic = b"PAR1" if path.is_dir() else _first_bytes(path)
    if magic.startswith(b"root"):
        from lamarr.events.root import RootSource

        return RootSource(path)
    if magic.startswith(b"PAR1"):
        from lamarr.events.parquet import ParquetSource

        return ParquetSource(path)
    if magic.startswith(b"SQLite format 3"):
        from lamarr.events.sqlite_reader import SQLiteSource

        return SQLiteSource(path)
    raise InputFileError(f"'{path}' is not a file of Lamarr's: neither ROOT nor Parquet nor SQLite")


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            magic = file.read(16)
    except OSError as error:
        raise InputFileError(f"'{path}' cannot be read: {error.strerror}") from error
    if not magic:
        raise InputFileError(f"'{path}' is empty (0 bytes); it must be written again")
    return magic

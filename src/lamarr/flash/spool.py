"""A checkpoint: finished chunks of a run in a folder, from which an interrupted run goes on.

Each chunk is one file: a line of JSON (range of events, counts, failures, sources, table names), then one
Arrow IPC stream per table. It is written under another name and renamed when it is complete, so that
whatever kills the process leaves whole chunks only. ``manifest.json`` binds the folder to the
configuration, the source and the seed of the run.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from lamarr.errors import OutputFileError
from lamarr.events import EventBatch
from lamarr.flash.report import Counts
from lamarr.generation.source import EventFailure
from lamarr.publishing import durable

__all__ = ["Outcome", "Spool"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of the events `first` … `last` − 1: a batch (None if all failed), counts, failures."""

    first: int
    last: int
    batch: EventBatch | None
    counts: Counts = field(default_factory=Counts)
    failures: tuple[EventFailure, ...] = ()


class Spool:
    """The folder of chunks of one run.

    Parameters
    ----------
    path : Path
        The folder; made if it does not exist.
    identity : mapping
        What the results depend on, as JSON data.
    replace : bool
        Drop the chunks of a run with another identity.

    Raises
    ------
    OutputFileError
        If the folder belongs to a run with another identity, and `replace` is not set; the difference is
        named.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, replace: bool = False) -> None:
        self.path = path
        manifest = path / "manifest.json"
        wanted = json.loads(json.dumps(identity, default=str))
        found = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else None
        if found is not None and found != wanted and replace:
            self.remove()
            found = None
        if found is not None:
            if found != wanted:
                keys = [k for k in {**found, **wanted} if found.get(k) != wanted.get(k)]
                raise OutputFileError(
                    f"'{path}' holds an interrupted run with another {' and '.join(keys)}: repeat that run's "
                    "command to finish it, or force to start anew"
                )
        else:
            try:
                path.mkdir(parents=True, exist_ok=True)
                with durable(manifest) as file:
                    file.write(json.dumps(wanted, indent=1).encode())
            except OSError as error:
                raise OutputFileError(f"'{path}' cannot be written: {error.strerror or error}") from None
        self._lock = _locked(manifest)

    @property
    def next_event(self) -> int:
        """Number of the first event that is not in a chunk; 0 if there is none."""
        expected = 0
        for chunk in self._chunks():
            first, last = _range_of(chunk)
            if first != expected:
                raise OutputFileError(
                    f"'{self.path}' lacks the events {expected} … {first - 1}: remove the folder"
                )
            expected = last
        return expected

    def put(self, outcome: Outcome) -> None:
        """Store an outcome, whole or not at all."""
        import pyarrow as pa

        tables = [] if outcome.batch is None else list(outcome.batch.values())
        header = {
            "counts": outcome.counts.to_json(),
            "failures": [vars(f) for f in outcome.failures],
            "sources": [] if outcome.batch is None else outcome.batch.sources,
            "tables": [t.name for t in tables],
        }
        try:
            with durable(self.path / f"{outcome.first:012d}-{outcome.last:012d}.chunk") as file:
                file.write(json.dumps(header).encode() + b"\n")
                for table in tables:
                    arrow = table.to_arrow()
                    with pa.ipc.new_stream(file, arrow.schema) as stream:
                        stream.write_table(arrow)
        except OSError as error:
            raise OutputFileError(f"'{self.path}' cannot be written: {error.strerror or error}") from None

    def outcomes(self) -> Iterator[Outcome]:
        """Give all stored outcomes in the order of their events."""
        for chunk in self._chunks():
            yield _load(chunk)

    def remove_if_empty(self) -> None:
        """Delete the folder if it holds no chunk: there is nothing to go on from."""
        if not self._chunks():
            self.remove()

    def close(self) -> None:
        """Let other processes in."""
        self._lock.close()

    def remove(self) -> None:
        """Delete the folder."""
        if self.path.exists():
            shutil.rmtree(self.path)

    def _chunks(self) -> list[Path]:
        return sorted(self.path.glob("*.chunk"))


def _locked(manifest: Path) -> IO[bytes]:
    """Keep other processes out; the lock ends with the process, whatever ends it."""
    import fcntl

    file = manifest.open("rb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise OutputFileError(
            f"'{manifest.parent}' is in use by another process: wait until it is done"
        ) from None
    return file


def _range_of(chunk: Path) -> tuple[int, int]:
    first, last = chunk.stem.split("-")
    return int(first), int(last)


def _load(chunk: Path) -> Outcome:
    import pyarrow as pa

    from lamarr.events.convert import table_from_arrow

    first, last = _range_of(chunk)
    with chunk.open("rb") as file:
        header = json.loads(file.readline())
        tables = {}
        for name in header["tables"]:
            with pa.ipc.open_stream(file) as stream:
                tables[name] = table_from_arrow(name, stream.read_all())
    batch = EventBatch(tables, header["sources"]) if tables else None
    failures = tuple(EventFailure(**f) for f in header["failures"])
    counts = Counts.from_json(header["counts"])
    return Outcome(first=first, last=last, batch=batch, counts=counts, failures=failures)

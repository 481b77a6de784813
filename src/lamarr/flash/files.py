"""Events that Lamarr wrote itself as a source: `lamarr generate` today, `lamarr simulate` tomorrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lamarr.errors import ConfigurationError, InputFileError
from lamarr.events import EventBatch, Table, describe, iterate
from lamarr.flash.stage import GENERATED
from lamarr.generation.source import EventFailure

__all__ = ["EventFiles", "is_event_file"]

_OF_GENERATION = ("shared_event", "signal_attempts")
"""Columns of ``events`` that the generation gives where it has something to say."""
_MAGIC = (b"root", b"PAR1", b"SQLite format 3")


def is_event_file(path: Path) -> bool:
    """Whether `path` looks like a file of Lamarr's (ROOT, SQLite, or a directory of Parquet files)."""
    if path.is_dir():
        return any(path.glob("*.parquet"))
    try:
        with path.open("rb") as file:
            return file.read(16).startswith(_MAGIC)
    except OSError:
        return path.suffix in (".root", ".parquet", ".sqlite", ".db")


class EventFiles:
    """The generated events of files that Lamarr wrote; what a simulation added to them is left out.

    Events keep their numbers, and so get the random numbers that they would have got without the detour.
    Those of a second file follow those of the first.

    Parameters
    ----------
    paths : sequence of Path

    Raises
    ------
    InputFileError
        If a file is missing, damaged, or lacks generated particles.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        if not paths:
            raise ConfigurationError("at least one file must be given, but got none")
        self.paths = tuple(paths)
        self.n_events: int | None = None
        headers = [describe(path) for path in self.paths]
        for path, header in zip(self.paths, headers, strict=True):
            lacking = [t for t in GENERATED if t not in header.tables]
            if lacking:
                raise InputFileError(
                    f"'{path}' cannot be simulated: it lacks the tables {', '.join(lacking)}"
                )
        names = [h.sources or (str(p),) for p, h in zip(self.paths, headers, strict=True)]
        self.sources: tuple[str, ...] = tuple(name for group in names for name in group)
        self._offsets = np.cumsum([0, *(len(group) for group in names)]).tolist()

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events from number `first` on, at most `size` at a time.

        A damaged file is one failure; the events before the damage and the other files are given.
        """
        start = 0
        for path, offset in zip(self.paths, self._offsets, strict=False):
            end = start
            try:
                for batch in iterate(path, size, tables=tuple(GENERATED)):
                    shifted = self._adopt(batch, start, offset)
                    end = int(shifted["events"]["event_id"][-1]) + 1
                    if first < end:
                        yield shifted.select_events(first, end)
            except InputFileError as error:
                if first <= end:
                    yield EventFailure(source=str(path), event=end, reason=str(error))
                end += 1
            start = end

    def _adopt(self, batch: EventBatch, start: int, offset: int) -> EventBatch:
        tables = []
        for name, columns in GENERATED.items():
            kept = {c: batch[name][c] for c in columns}
            kept["event_id"] = kept["event_id"] + start
            if name == "events":
                kept |= {c: batch[name][c] for c in _OF_GENERATION if c in batch[name]}
                kept["source"] = np.maximum(kept["source"], 0) + offset
                if "shared_event" in kept:
                    kept["shared_event"] = kept["shared_event"] + start
            tables.append(Table(name, kept))
        return EventBatch({t.name: t for t in tables}, self.sources)

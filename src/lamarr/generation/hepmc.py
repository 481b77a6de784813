"""Events from HepMC 2 and 3 ASCII files, plain, compressed or in tar archives, through pyhepmc.

LHCb's generator writes one event per file: each HepMC event in it is one of its pp collisions. Other
generators write one event per HepMC event. ``collisions="auto"`` decides for each file by its first HepMC
event: it is LHCb's if its first particle has status 3 (LHCb's code for the beam) or any particle has one of
LHCb's own codes 777, 888, 889, 998, 999.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from lamarr.errors import ConfigurationError, InputFileError, raise_unknown
from lamarr.events import EventBatch
from lamarr.generation.hepmc_blocks import Block, split_events
from lamarr.generation.hepmc_event import read_collision
from lamarr.generation.hepmc_files import DAMAGED, members
from lamarr.generation.hepmc_parse import quiet
from lamarr.generation.record import EventRecord, assemble
from lamarr.generation.source import EventFailure

__all__ = ["HepMCFiles"]

Grouping = Literal["auto", "file", "single"]
_LHCB_STATUS = {
    2: re.compile(rb"^P(?: +\S+){7} +(?:777|888|889|998|999) ", re.MULTILINE),
    3: re.compile(rb"^P .* (?:777|888|889|998|999)\s*$", re.MULTILINE),
}


@dataclass(frozen=True, kw_only=True)
class _Pending:
    """One event to be: where it comes from and the blocks of its collisions."""

    source: int
    name: str
    grouped: bool
    blocks: tuple[Block, ...]


class HepMCFiles:
    """A source of events from HepMC files.

    Parameters
    ----------
    paths : path or sequence of paths
        Files; tar archives give the events of all their members.
    collisions : {"auto", "file", "single"}
        Whether all HepMC events of a file (or tar member) are collisions of one event ("file"), or each is
        an event ("single").
    unknown_ids : {"fail", "keep"}
        What becomes of events with final particles whose PDG id does not exist: an :class:`EventFailure`, or
        nothing special.

    Notes
    -----
    ``event_number`` is the number of the HepMC event; where a file is one event, HepMC counts collisions, so
    that the number in the file's name counts instead (``evt12``, ``event_12``), if there is one. The run
    number is that in the name (``run3``, ``Run_3``), else 0.

    Examples
    --------
    >>> source = HepMCFiles(["missing.hepmc"])
    >>> [failure] = source.batches(10)
    >>> print(failure)
    event 0 of the run (missing.hepmc): no file is called 'missing.hepmc'
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        collisions: str = "auto",
        *,
        unknown_ids: str = "fail",
    ) -> None:
        self.sources = tuple(map(str, [paths] if isinstance(paths, str | Path) else paths))
        if not self.sources:
            raise ConfigurationError("at least one HepMC file must be given, but got none")
        if collisions not in get_args(Grouping):
            raise_unknown("grouping of collisions", collisions, get_args(Grouping), ConfigurationError)
        if unknown_ids not in ("fail", "keep"):
            raise_unknown("treatment of unknown ids", unknown_ids, ("fail", "keep"), ConfigurationError)
        self.n_events: int | None = None
        self.collisions = cast(Grouping, collisions)
        self._keep_unknown = unknown_ids == "keep"

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events `first`, `first` + 1, … in order, at most `size` events at a time."""
        if size < 1 or first < 0:
            raise ConfigurationError(
                f"size >= 1 and first >= 0 must hold, but got (size={size}, first={first})"
            )
        waiting: list[EventRecord] = []
        for number, pending in enumerate(self._events()):
            if number < first:
                continue
            event = self._read(number, pending)
            if isinstance(event, EventRecord):
                waiting.append(event)
            if waiting and (len(waiting) == size or isinstance(event, EventFailure)):
                yield assemble(waiting, self.sources)
                waiting = []
            if isinstance(event, EventFailure):
                yield event
        if waiting:
            yield assemble(waiting, self.sources)

    def _events(self) -> Iterator[_Pending]:
        """Cut all files into events; nothing is interpreted yet."""
        for source, path in enumerate(self.sources):
            name = path
            try:
                for name, stream in members(path):
                    yield from self._events_of(source, name, split_events(stream))
            except InputFileError as error:
                yield _lost(source, name, str(error))
            except DAMAGED as error:
                yield _lost(source, name, f"it cannot be read further ({error})")

    def _events_of(self, source: int, name: str, blocks: Iterator[Block]) -> Iterator[_Pending]:
        first = next(blocks, None)
        if first is None:
            yield _lost(source, name, "the listing holds no event")
            return
        if self.collisions == "file" or (self.collisions == "auto" and _is_lhcb(first)):
            yield _Pending(source=source, name=name, grouped=True, blocks=(first, *blocks))
            return
        yield _Pending(source=source, name=name, grouped=False, blocks=(first,))
        for block in blocks:
            yield _Pending(source=source, name=name, grouped=False, blocks=(block,))

    def _read(self, number: int, pending: _Pending) -> EventRecord | EventFailure:
        try:
            with quiet():
                collisions = tuple(read_collision(b, keep_unknown=self._keep_unknown) for b in pending.blocks)
        except InputFileError as error:
            return EventFailure(source=pending.name, event=number, reason=str(error))
        run, event = _numbers_in(pending.name)
        if event is None or not pending.grouped:
            event = pending.blocks[0].number or 0
        return EventRecord(
            event_id=number,
            source=pending.source,
            run_number=run,
            event_number=event,
            collisions=collisions,
        )


def _lost(source: int, name: str, reason: str) -> _Pending:
    return _Pending(source=source, name=name, grouped=False, blocks=(Block(error=reason),))


def _is_lhcb(block: Block) -> bool:
    if block.version not in _LHCB_STATUS:
        return False
    start = block.text.find(b"\nP ") + 1
    fields = block.text[start : block.text.find(b"\n", start)].split()
    status = fields[8:9] if block.version == 2 else fields[9:10]
    return status == [b"3"] or _LHCB_STATUS[block.version].search(block.text) is not None


def _numbers_in(name: str) -> tuple[int, int | None]:
    """Run (0 if none) and event number (None if none) in the name of a file or tar member."""
    run = re.findall(r"run[_-]?(\d{1,9})", name, re.IGNORECASE)
    event = re.findall(r"ev(?:en)?t?[_-]?(\d{1,18})", Path(name).name, re.IGNORECASE)
    return int(run[-1]) if run else 0, int(event[-1]) if event else None

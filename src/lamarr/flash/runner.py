"""A run: events from a source through a pipeline into files, in a stream, with an account of everything."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lamarr.errors import ConfigurationError, InputFileError, LamarrError, OutputFileError, raise_unknown
from lamarr.events import EventBatch, Writer
from lamarr.flash.keep import KEEP, keep
from lamarr.flash.pipeline import Pipeline
from lamarr.flash.progress import Progress
from lamarr.flash.quality import attempt, failures_of, without_events
from lamarr.flash.report import Counts, Report
from lamarr.flash.spool import Outcome, Spool
from lamarr.generation.source import EventFailure, EventSource

__all__ = ["BATCH_SIZE", "Run", "ordered_map", "process"]

BATCH_SIZE = 1000
"""Events per batch: enough for numpy, little enough for memory. Results do not depend on it."""

A = TypeVar("A")
B = TypeVar("B")


def ordered_map(function: Callable[[A], B], items: Iterable[A], threads: int) -> Iterator[B]:
    """Apply `function` in `threads` threads; give results in the order of `items`, few of them at a time."""
    if threads == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="lamarr") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def process(
    batch: EventBatch, first: int, last: int, pipeline: Pipeline | None, seed: int, choice: str
) -> Outcome:
    """Simulate one batch; events that cannot be simulated become failures and do not harm the others."""
    failures = failures_of(batch)
    good = without_events(batch, [f.event for f in failures])
    done, refused = (
        attempt(lambda b: pipeline(b, seed) if pipeline else b, good) if good.n_events else ([], [])
    )
    result = EventBatch.concatenate(done) if done else None
    counts = Counts.of(result) if result is not None else Counts()
    if result is not None and pipeline is not None:
        result = keep(result, choice)
    ordered = sorted([*failures, *refused], key=lambda f: f.event)
    return Outcome(first=first, last=last, batch=result, counts=counts, failures=tuple(ordered))


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything a run needs; call it to run.

    Parameters
    ----------
    source : EventSource
        Where the events come from.
    pipeline : Pipeline, optional
        What is done with them; None only generates.
    outputs : tuple of Path
        Files to write, each in the format of its suffix.
    seed : int
        Key of all random numbers of the pipeline.
    threads : int
        Threads that simulate. Reading and writing have the main thread.
    batch_size : int
        Events per batch.
    n_events : int, optional
        Stop after so many events of the source.
    keep : str
        Which particles the outputs hold: a key of :data:`lamarr.flash.keep.KEEP`.
    force : bool
        Replace outputs that exist.
    checkpoint : bool
        Store finished chunks beside the first output (``NAME.spool``), and go on from those found there.
    identity : mapping
        What identifies the source (files, descriptor, seed): a checkpoint is bound to it.
    metadata : mapping
        Stored in the outputs.
    quiet : bool
        No progress bar.

    Raises
    ------
    ConfigurationError
        If a number is out of range.
    OutputFileError
        If an output exists and `force` is not set, or cannot be written.
    InputFileError
        If not a single event could be simulated: then no output is written.
    """

    source: EventSource
    pipeline: Pipeline | None
    outputs: tuple[Path, ...]
    seed: int = 0
    threads: int = 1
    batch_size: int = BATCH_SIZE
    n_events: int | None = None
    keep: str = "physical"
    force: bool = False
    checkpoint: bool = False
    identity: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = True

    def __post_init__(self) -> None:
        for name, value in [("threads", self.threads), ("batch_size", self.batch_size), ("n", self.n_events)]:
            if value is not None and value < 1:
                raise ConfigurationError(f"{name} >= 1 must hold, but got ({name}={value})")
        if not self.outputs:
            raise ConfigurationError("at least one output must be given, but got none")
        if len(set(self.outputs)) < len(self.outputs):
            raise ConfigurationError(f"outputs must differ, but got {', '.join(map(str, self.outputs))}")
        if self.keep not in KEEP:
            raise_unknown("choice of particles to keep", self.keep, KEEP)

    def __call__(self) -> Report:
        """Run, and say what became of everything."""
        start = time.perf_counter()
        writers = self._writers()
        tally = _Tally()
        if self.checkpoint:
            self._with_checkpoint(writers, tally)
        else:
            _write(writers, tally.counting(self._outcomes(0)), tally)
        errors_file = self._write_failures(tally.failures)
        return Report(
            counts=tally.counts,
            failures=tuple(tally.failures),
            seconds=time.perf_counter() - start,
            processed=tally.processed,
            outputs=self.outputs,
            errors_file=errors_file,
        )

    def _writers(self) -> list[Writer]:
        """Return a writer per output; this finds what cannot be written before anything is done."""
        from lamarr.events import open_writer

        return [
            open_writer(path, sources=self.source.sources, metadata=self.metadata, force=self.force)
            for path in self.outputs
        ]

    def _with_checkpoint(self, writers: list[Writer], tally: _Tally) -> None:
        first = self.outputs[0]
        spool = Spool(first.with_name(f"{first.name}.spool"), self._identity(), replace=self.force)
        done = 0
        try:
            for outcome in self._outcomes(spool.next_event):
                spool.put(outcome)
                done += outcome.counts.events
        except BaseException:
            spool.remove_if_empty()
            spool.close()
            raise
        try:
            _write(writers, tally.counting(spool.outcomes()), tally)
        except OutputFileError:
            raise  # The chunks stay: the same command can go on when there is space again.
        except LamarrError:
            spool.remove()
            raise
        finally:
            spool.close()
        tally.processed = done
        spool.remove()

    def _identity(self) -> dict[str, Any]:
        from lamarr._version import __version__

        return {
            **self.identity,
            "version": __version__,
            "seed": self.seed,
            "n_events": self.n_events,
            "keep": self.keep,
            "pipeline": self.pipeline.describe() if self.pipeline else None,
        }

    def _outcomes(self, first: int) -> Iterator[Outcome]:
        total = self.n_events if self.n_events is not None else self.source.n_events
        progress = Progress(total, quiet=self.quiet, label="simulating" if self.pipeline else "generating")
        with progress:
            progress.advance(first)
            for outcome in ordered_map(self._process, self._items(first), self.threads):
                progress.advance(outcome.last - outcome.first)
                yield outcome

    def _items(self, first: int) -> Iterator[tuple[int, int, EventBatch | EventFailure]]:
        """Ranges of event numbers and what the source gives for them, up to the number asked for."""
        position, end = first, self.n_events
        if end is not None and position >= end:
            return
        for item in self.source.batches(self.batch_size, first):
            last = (
                item.event + 1 if isinstance(item, EventFailure) else int(item["events"]["event_id"][-1]) + 1
            )
            if end is not None and last > end and isinstance(item, EventBatch):
                item, last = item.select_events(0, end), end
            yield position, last, item
            position = last
            if end is not None and position >= end:
                return

    def _process(self, item: tuple[int, int, EventBatch | EventFailure]) -> Outcome:
        first, last, content = item
        if isinstance(content, EventFailure):
            return Outcome(first=first, last=last, batch=None, failures=(content,))
        return process(content, first, last, self.pipeline, self.seed, self.keep)

    def _write_failures(self, failures: list[EventFailure]) -> Path | None:
        path = self.outputs[0].with_name(f"{self.outputs[0].name}.errors.json")
        if not failures:
            path.unlink(missing_ok=True)
            return None
        Report(counts=Counts(), failures=tuple(failures)).write_failures(path)
        return path


def _write(writers: list[Writer], outcomes: Iterable[Outcome], tally: _Tally) -> None:
    """Write all outcomes; refuse to write a file without any event if events failed."""
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer)
        for outcome in outcomes:
            if outcome.batch is not None:
                for writer in writers:
                    writer.write(outcome.batch)
        if tally.failures and not tally.counts.events:
            others = f" (and {len(tally.failures) - 1} further ones)" if len(tally.failures) > 1 else ""
            raise InputFileError(f"no event could be read or simulated: {tally.failures[0]}{others}")


class _Tally:
    def __init__(self) -> None:
        self.counts = Counts()
        self.failures: list[EventFailure] = []
        self.processed = 0

    def counting(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            self.counts = self.counts + outcome.counts
            self.failures.extend(outcome.failures)
            self.processed += outcome.counts.events
            yield outcome

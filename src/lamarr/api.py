"""The short way: generate, simulate, read and write whole samples in memory."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamarr.errors import ConfigurationError, InputFileError
from lamarr.events import EventBatch

if TYPE_CHECKING:
    from lamarr.flash import Pipeline, PipelineConfiguration
    from lamarr.generation import EventSource

__all__ = ["generate", "read", "simulate", "write"]


def generate(source: str | EventSource, n: int | None = None, seed: int = 0) -> EventBatch:
    """Generate events.

    Parameters
    ----------
    source : str or EventSource
        A decay descriptor (``"[B_s0 -> (D_s- -> K+ K- pi-) pi+]cc"``), ``"minbias"``, ``"bbbar"`` or
        ``"ccbar"`` (Pythia 8), a particle (``"mu-"``, or a line such as ``"mu- p=2:100 eta=2:5"``), a file
        (HepMC, or written by Lamarr), or any source.
    n : int, optional
        Number of events; of a file or source, at most so many.
    seed : int
        Key of the random numbers.

    Raises
    ------
    LamarrError
        If the descriptor, name or file is wrong, or an event cannot be read.
    """
    from lamarr.flash.sources import open_named
    from lamarr.generation.source import EventFailure

    opened = open_named(source, n, seed).source if isinstance(source, str) else source
    batches, found = [], 0
    for batch in opened.batches(2000):
        if isinstance(batch, EventFailure):
            raise InputFileError(str(batch))
        batches.append(batch if n is None else batch.select_events(0, n))
        found += batches[-1].n_events
        if n is not None and found >= n:
            break
    if not batches:
        raise ConfigurationError(
            f"at least one event must be generated, but got (n={n}) from {opened.sources}"
        )
    return EventBatch.concatenate(batches)


def simulate(
    events: EventBatch,
    set: str | Path | None = None,  # noqa: A002
    seed: int = 0,
    threads: int = 1,
    *,
    pipeline: Pipeline | PipelineConfiguration | str | Path | None = None,
    backend: str | None = None,
) -> EventBatch:
    """Return the events with what LHCb would have reconstructed of them.

    Parameters
    ----------
    events : EventBatch
        Generated events.
    set : str or Path, optional
        Trained models: the name of a shipped set, or a folder; by default ``lamarr.flash.DEFAULT_SET``.
    seed : int
        Key of the random numbers. The same events and seed give the same result, bit by bit.
    threads : int
        Threads that work on it.
    pipeline : Pipeline, PipelineConfiguration, str or Path, optional
        Instead of the default pipeline of the set; a str or Path names a YAML file.
    backend : str, optional
        What evaluates the models: ``c``, ``numpy`` or ``auto``; by default what the pipeline says, or
        ``auto``: C, compiled on first use, or numpy with a warning where that cannot be had.

    Raises
    ------
    InputFileError
        If an event cannot be simulated; it is named.
    """
    from lamarr.flash import Pipeline, load_pipeline
    from lamarr.flash.runner import ordered_map, process

    if threads < 1:
        raise ConfigurationError(f"threads >= 1 must hold, but got (threads={threads})")
    chain = pipeline if isinstance(pipeline, Pipeline) else load_pipeline(pipeline or set, backend=backend)
    results = []
    for outcome in ordered_map(lambda b: process(b, 0, 0, chain, seed, "all"), _pieces(events), threads):
        if outcome.failures:
            raise InputFileError(str(outcome.failures[0]))
        assert outcome.batch is not None
        results.append(outcome.batch)
    return EventBatch.concatenate(results)


def read(path: str | Path) -> EventBatch:
    """Read all events of a file that Lamarr wrote. See :func:`lamarr.events.read`."""
    from lamarr.events import read as read_events

    return read_events(path)


def write(
    events: EventBatch, path: str | Path, *, force: bool = False, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write events in the format of the suffix: ``.root``, ``.parquet``, ``.sqlite``.

    Raises
    ------
    OutputFileError
        If the file exists and `force` is not set, or cannot be written.
    """
    from lamarr.events import open_writer

    with open_writer(path, sources=events.sources, metadata=metadata, force=force) as writer:
        writer.write(events)


def _pieces(events: EventBatch, rows: int = 50_000) -> list[EventBatch]:
    """Cut a batch at events, so that each piece has about `rows` particles."""
    ids = events["events"]["event_id"]
    if not ids.size:
        return [events]
    n = max(1, events["particles"].rows // rows)
    edges = sorted({len(ids) * i // n for i in range(n)})
    bounds = [*ids[edges].tolist(), int(ids[-1]) + 1]
    return [events.select_events(a, b) for a, b in pairwise(bounds)]

"""What ``lamarr bench`` measures of whole events: reading and simulating HepMC, beside SQLamarr if installed.

SQLamarr (GPL, from PyPI) is called as its users call it: loader, then search for primary vertices and
selection of particles. Its networks are no public package, so that its time here is without them, and the
ratio a lower bound.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lamarr.errors import InputFileError
from lamarr.events import EventBatch
from lamarr.flash.configuration import load_pipeline
from lamarr.generation import HepMCFiles
from lamarr.transpile.bench import Measurement, best, measure, table

__all__ = ["measure_events"]

EVENTS = 100
"""Events in a batch of the simulation: the files, as often as it takes."""
TEXT = 400_000
"""Bytes of HepMC text for which reading is quoted."""


def _read(files: Sequence[Path]) -> EventBatch:
    batches = []
    for batch in HepMCFiles([str(f) for f in files]).batches(1000):
        if not isinstance(batch, EventBatch):
            raise InputFileError(str(batch))
        batches.append(batch)
    return EventBatch.concatenate(batches)


class _SqLamarr:
    """SQLamarr on a database in memory; `load` and `select` are CPU times of one pass over the files."""

    def __init__(self, files: Sequence[Path]) -> None:
        import SQLamarr  # type: ignore[import-not-found,import-untyped,unused-ignore]

        self.files, self.database = files, SQLamarr.SQLite3DB()
        self.database.seed(1)
        self.loader = SQLamarr.HepMC2DataLoader(self.database)
        self.clean = SQLamarr.Pipeline([SQLamarr.CleanEventStore(self.database)])
        steps = (SQLamarr.PVFinder, SQLamarr.MCParticleSelector)
        self.steps = SQLamarr.Pipeline([step(self.database) for step in steps])
        self.load = self.select = float("inf")

    def run(self) -> None:
        """Pass over the files; keep the best times."""
        load = select = 0.0
        for i, file in enumerate(self.files):
            start = time.thread_time()
            self.loader.load(str(file), 1, i)
            loaded = time.thread_time()
            self.steps.execute()
            load, select = load + loaded - start, select + time.thread_time() - loaded
            self.clean.execute()
        self.load, self.select = min(self.load, load), min(self.select, select)


def _peer(files: Sequence[Path]) -> _SqLamarr | None:
    try:
        return _SqLamarr(files)
    except ImportError:
        return None


def measure_events(files: Sequence[Path]) -> Iterator[Measurement]:
    """Measure reading and simulation of HepMC files (each is an event of LHCb), best of several passes.

    Raises
    ------
    InputFileError
        If a file is missing or damaged.
    """
    events = _read(files)
    batch = EventBatch.concatenate([_read(list(files) * max(1, EVENTS // events.n_events))])
    pipeline = load_pipeline(backend="auto")
    peer = _peer(files)
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: _read(files),
        "few": lambda: pipeline(events, 1),
        "many": lambda: pipeline(batch, 1),
    }
    if peer is not None:
        calls["peer"] = peer.run
    times = best(calls, 6.0)
    size = sum(f.stat().st_size for f in files)
    loader = f"SQLamarr's loader takes {peer.load / times['read']:.2f} × as long" if peer else ""
    yield Measurement(
        what=f"HepMC, {TEXT // 1000} kB of text",
        microseconds=times["read"] / size * TEXT * 1e6,
        remark=loader,
    )
    for key, b in (("few", events), ("many", batch)):
        each = times[key] / b.n_events
        ratio = f"SQLamarr's steps before its models {peer.select / len(files) / each:.0f} ×" if peer else ""
        particles = len(np.asarray(b["particles"]["event_id"])) / b.n_events
        yield Measurement(
            what=f"simulate, an event of {b.n_events}",
            microseconds=each * 1e6,
            remark=", ".join(filter(None, [f"{particles:.0f} particles", ratio])),
        )


def _all(files: Sequence[Path]) -> Iterator[Measurement]:
    yield from measure()
    if files:
        yield from measure_events(files)


if __name__ == "__main__":
    for line in table(_all([Path(f) for f in sys.argv[1:]])):
        print(line, flush=True)

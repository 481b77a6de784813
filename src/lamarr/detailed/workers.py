"""Processes that simulate one event at a time. If one dies, its event is lost, and another takes its place.

Geant4 can end a process, by a fatal exception or a crash; no other way of running it survives that.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from lamarr.detailed.context import Context
from lamarr.detailed.transport.data import prepare_data
from lamarr.detailed.transport.limits import Limits
from lamarr.detailed.transport.transport import STOPS
from lamarr.errors import ConfigurationError, LamarrError, TransportError, raise_unknown
from lamarr.events import EventBatch
from lamarr.flash.pipeline import Pipeline

__all__ = ["Settings", "Simulator", "Workers"]

PATIENCE: Final = 1800.0
"""Seconds after which a worker that does not answer is taken for lost."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the results depend on, besides events and seed: names of detector and geometry, end, limits."""

    detector: str = "lhcb2016-magup"
    geometry: str = "lhcb2016"
    stop: str = "muon"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.stop not in STOPS:
            raise_unknown("end of the transport", self.stop, STOPS)


class Simulator:
    """The whole detailed simulation of a batch in this process: transport and reconstruction.

    Parameters
    ----------
    settings : Settings
    transported : Path, optional
        Directory of transported events: those in it are not carried again, and new ones are added.
    hits : bool
        Whether to give the tables of hits, too.
    """

    def __init__(self, settings: Settings, transported: Path | None = None, *, hits: bool = False) -> None:
        from lamarr.detailed.transport.carrier import Carrier
        from lamarr.detector import load_detector
        from lamarr.detector.geometry import load_geometry

        self.settings, self.hits = settings, hits
        self.detector, self.geometry = load_detector(settings.detector), load_geometry(settings.geometry)
        self.carried = Carrier(transported, settings.stop, settings.limits, asdict(settings))

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Simulate the events of `batch`."""
        from lamarr.detailed.simulation import reconstruct_event

        context = Context(geometry=self.geometry, detector=self.detector, seed=seed)
        events = (batch.select_events(e, e + 1) for e in batch["events"]["event_id"].tolist())
        done = [
            reconstruct_event(self.carried(event, context), event, context, hits=self.hits)
            for event in events
        ]
        return EventBatch.concatenate(done)


class Workers(Pipeline):
    """Simulates batches in processes of its own; to be called from as many threads.

    Parameters
    ----------
    settings : Settings
    number : int
        Processes.
    patience : float
        Seconds to wait for a batch.
    transported : Path, optional
        Directory of transported events, see :class:`lamarr.detailed.transport.store.Store`. Results do not
        depend on it.
    hits : bool
        Whether to give the tables of hits, too.

    Raises
    ------
    ConfigurationError, MissingExtraError
        If Geant4 or its data are not there; with what to do.
    """

    def __init__(
        self,
        settings: Settings,
        number: int = 1,
        *,
        patience: float = PATIENCE,
        transported: Path | None = None,
        hits: bool = False,
    ) -> None:
        super().__init__(())
        if number < 1:
            raise ConfigurationError(f"workers >= 1 must hold, but got (workers={number})")
        self.settings, self.patience, self.hits = settings, patience, hits
        prepare_data()
        _prepare_showers()
        self._free: queue.Queue[_Worker] = queue.Queue()
        self._all = [_Worker(settings, transported, hits) for _ in range(number)]
        for worker in self._all:
            self._free.put(worker)

    def describe(self) -> list[dict[str, Any]]:
        """Return what the results depend on, as JSON data."""
        return [{"stage": "detailed", **asdict(self.settings), **({"hits": True} if self.hits else {})}]

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Simulate `batch` in the next free process.

        Raises
        ------
        LamarrError
            If the batch cannot be simulated, or its process died or did not answer.
        """
        with self._worker() as worker:
            return worker.simulate(batch, seed, self.patience)

    @contextmanager
    def _worker(self) -> Iterator[_Worker]:
        worker = self._free.get()
        try:
            yield worker
        finally:
            self._free.put(worker)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._all:
            worker.stop()


class _Worker:
    """A process, started when it is needed."""

    def __init__(self, settings: Settings, transported: Path | None, hits: bool) -> None:
        self.arguments = (settings, transported, hits)
        self.process: Any = None
        self.connection: Any = None

    def simulate(self, batch: EventBatch, seed: int, patience: float) -> EventBatch:
        if self.process is None or not self.process.is_alive():
            self._start()
        try:
            self.connection.send((batch, seed))
            answered = self.connection.poll(patience)
            answer = self.connection.recv() if answered else f"gave no answer within {patience:g} s"
        except (EOFError, OSError):
            self.process.join(10)
            answer = f"ended {_reason(self.process.exitcode)}"
        if isinstance(answer, EventBatch):
            return answer
        if isinstance(answer, LamarrError):
            raise answer
        self.stop()
        raise TransportError(f"the process that simulated it {answer}; the others go on")

    def _start(self) -> None:
        ctx = multiprocessing.get_context("spawn")
        self.connection, other = ctx.Pipe()
        self.process = ctx.Process(target=_work, args=(other, *self.arguments), daemon=True)
        self.process.start()
        other.close()  # else the end of the process would not be noticed

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None


def _prepare_showers() -> None:
    """Make the shower library before any event, if there is none yet."""
    from lamarr.detailed.calorimeter.library import cached_library

    cached_library()


def _reason(exit_code: int | None) -> str:
    if exit_code is None:
        return "for no reason that is known"
    if exit_code < 0:
        names: Mapping[int, str] = {s.value: s.name for s in signal.Signals}
        return f"by signal {names.get(-exit_code, str(-exit_code))}"
    return f"with exit code {exit_code}"


def _work(connection: Connection, settings: Settings, transported: Path | None, hits: bool) -> None:
    """Answer batches until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # Geant4 writes to both; what matters goes through the connection
        os.dup2(nowhere, stream)
    simulator = Simulator(settings, transported, hits=hits)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            batch, seed = connection.recv()
            try:
                answer: Any = simulator(batch, seed)
            except LamarrError as error:
                answer = error
            except Exception as error:
                # an error inside of Geant4 leaves it in a state that nobody knows
                answer = f"met {type(error).__name__}: {' '.join(str(error).split())}"
            connection.send(answer)
            if isinstance(answer, str):
                return

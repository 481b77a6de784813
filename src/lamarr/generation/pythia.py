"""Events from Pythia 8: by shortcut, settings or command file, with pile-up and forced decays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, DecayError, raise_unknown
from lamarr.events import EventBatch
from lamarr.generation.decay import Topology
from lamarr.generation.descriptor import parse_decay
from lamarr.generation.kinematics import ACCEPTANCE
from lamarr.generation.pythia_engine import SHORTCUTS, Engine, event_seeds, read_commands
from lamarr.generation.pythia_record import collision_record
from lamarr.generation.pythia_signal import ForcedDecay, candidates
from lamarr.generation.record import CollisionRecord, EventRecord, assemble
from lamarr.generation.source import BeamSpot, EventFailure, chunks
from lamarr.random import Stream

__all__ = ["Pythia"]


class Pythia:
    """A source of pp collisions at 13 TeV from Pythia 8 (needs the extra ``generate``).

    Parameters
    ----------
    shortcut : {"minbias", "bbbar", "ccbar"}, optional
        Process by name; without one, `command_file` or `commands` must switch one on.
    n : int
        Number of events.
    command_file : path, optional
        Pythia's settings, one a line.
    commands : sequence of str
        Further settings; later ones win over earlier ones. The seed is not among them.
    seed : int
        Event k depends on (seed, k) alone.
    signal : str, optional
        Decay descriptor: every event holds its head, whose decay is replaced (by phase space).
    eta : tuple of two floats, optional
        Pseudorapidities of the head that count as signal; None for all.
    nu : float, optional
        Mean number of pp collisions per crossing: the number of each event is Poisson, at least one; all but
        the first are inelastic ("minbias"). Without it there is one.
    beam_spot : BeamSpot, optional
        Luminous region.
    in_acceptance : bool
        Take the first signal whose daughters are in the acceptance (:mod:`lamarr.generation.signal_cut`):
        each candidate decays once, and where that fails the next collision follows, so that what is taken
        is distributed as among all. ``events.signal_attempts`` counts the candidates.
    max_attempts : int
        Collisions to be tried for a signal before the event is given up.

    Raises
    ------
    ConfigurationError, InputFileError, DecayError, UnknownNameError, MissingExtraError
        For settings, files, descriptors and names that are wrong, or if Pythia is not installed.
    """

    def __init__(
        self,
        shortcut: str | None = None,
        n: int = 1,
        *,
        command_file: str | Path | None = None,
        commands: Sequence[str] = (),
        seed: int = 0,
        signal: str | None = None,
        eta: tuple[float, float] | None = ACCEPTANCE,
        nu: float | None = None,
        beam_spot: BeamSpot | None = None,
        in_acceptance: bool = False,
        max_attempts: int = 10_000,
    ) -> None:
        if in_acceptance and not signal:
            raise ConfigurationError("daughters in the acceptance are asked for, but there is no signal")
        if n < 0 or (nu is not None and not 0 < nu < 100):
            raise ConfigurationError(f"n >= 0 and 0 < nu < 100 must hold, but got (n={n}, nu={nu})")
        self._lines = _settings(shortcut, command_file, commands)
        self.decay = self._decay = parse_decay(signal) if signal else None
        self._topology = Topology.of(self._decay.head) if self._decay else None
        words = [shortcut, command_file and str(command_file), *commands, signal and f"signal {self._decay}"]
        words += ["daughters in acceptance"] * in_acceptance
        self.sources = ("Pythia 8: " + ", ".join(w for w in words if w),)
        self.n_events: int | None = n
        self.seed, self.eta, self.nu, self.max_attempts = seed, eta, nu, max_attempts
        self.beam_spot, self.in_acceptance = beam_spot or BeamSpot(), in_acceptance
        Stream(seed, "generation")
        self._engine = Engine(self._lines)
        self._pile_up: Engine | None = None

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events `first`, `first` + 1, … in order, at most `size` events at a time."""
        for events in chunks(self.n_events or 0, size, first):
            waiting: list[EventRecord] = []
            for event in events.tolist():
                made = self._event(event)
                if isinstance(made, EventRecord):
                    waiting.append(made)
                    continue
                if waiting:
                    yield assemble(waiting, self.sources)
                    waiting = []
                yield made
            if waiting:
                yield assemble(waiting, self.sources)

    def _event(self, event: int) -> EventRecord | EventFailure:
        n = self._n_collisions(event)
        numbers = np.arange(n)
        xyz = self.beam_spot.draw(self.seed, np.full(n, event), numbers)
        at = np.concatenate([np.zeros((n, 1)), xyz], axis=1)
        try:
            main, attempts = self._main(event, at[0])
            collisions = (main, *self._others(event, at[1:]))
        except DecayError as error:
            return EventFailure(source=self.sources[0], event=event, reason=str(error))
        return EventRecord(
            event_id=event,
            source=0,
            run_number=0,
            event_number=event,
            collisions=collisions,
            signal_attempts=attempts if self.in_acceptance else None,
        )

    def _n_collisions(self, event: int) -> int:
        if self.nu is None:
            return 1
        u = float(Stream(self.seed, "generation.pile_up").uniform64(event, 0)[0, 0])
        return _poisson_at_least_one(u, self.nu)

    def _main(self, event: int, at: NDArray[Any]) -> tuple[CollisionRecord, int]:
        """Return the collision with the signal, and how many signals were tried."""
        self._engine.seed(int(event_seeds(self.seed, "generation.pythia", event)[0]))
        if self._decay is None or self._topology is None:
            return collision_record(_made(self._engine), at), 0
        force = ForcedDecay(self._decay, self._topology, self.seed, self.in_acceptance)
        tried = 0
        for _ in range(self.max_attempts):
            raw = _made(self._engine)
            rows = candidates(raw, self._decay, self.eta)
            if len(rows):
                forced = force(collision_record(raw, at), rows - 1, event, tried)
                tried += 1
                if forced is not None:
                    return forced, tried
        what = f"{self._decay.head.species.name} with η in {self.eta}"
        where = f"in {self.max_attempts} collisions"
        if tried:
            raise DecayError(f"none of the {tried} {what} {where} had all daughters in the acceptance")
        raise DecayError(f"no {what} was found {where}")

    def _others(self, event: int, at: NDArray[Any]) -> Iterator[CollisionRecord]:
        if not len(at):
            return
        if self._pile_up is None:
            beams = [line for line in self._lines if line.lower().startswith("beams:")]
            self._pile_up = Engine([*beams, *SHORTCUTS["minbias"]])
        self._pile_up.seed(int(event_seeds(self.seed, "generation.pythia_pile_up", event)[0]))
        for position in at:
            yield collision_record(_made(self._pile_up), position)


def _made(engine: Engine) -> dict[str, Any]:
    raw = engine.next()
    if raw is None:
        raise DecayError("Pythia could not make this collision in ten attempts")
    return raw


def _settings(
    shortcut: str | None, command_file: str | Path | None, commands: Sequence[str]
) -> tuple[str, ...]:
    if shortcut is not None and shortcut not in SHORTCUTS:
        raise_unknown("Pythia shortcut", shortcut, SHORTCUTS, ConfigurationError)
    if shortcut is None and command_file is None and not commands:
        raise ConfigurationError(
            f"a shortcut ({', '.join(SHORTCUTS)}), a command file or commands must be given"
        )
    chosen = SHORTCUTS[shortcut] if shortcut else ()
    from_file = tuple(read_commands(command_file)) if command_file is not None else ()
    return (*chosen, *from_file, *commands)


def _poisson_at_least_one(u: float, nu: float) -> int:
    """Quantile `u` of the Poisson distribution of mean `nu` given that it is not 0."""
    probability = np.exp(-nu)
    n, reached, wanted = 0, 0.0, u * (1.0 - probability)
    while reached <= wanted and n < 1000:
        n += 1
        probability *= nu / n
        reached += probability
    return n

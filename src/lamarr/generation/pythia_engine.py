"""Pythia 8 as a function: a seed to the record of one event, and settings to sentences if they are wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ConfigurationError, DecayError, InputFileError, MissingExtraError, near_misses
from lamarr.random import Stream
from lamarr.units import GeV, c_light

__all__ = ["SHORTCUTS", "Engine", "event_seeds", "read_commands"]

SHORTCUTS = {
    "minbias": ("SoftQCD:inelastic = on",),
    "bbbar": ("HardQCD:hardbbbar = on",),
    "ccbar": ("HardQCD:hardccbar = on",),
}
"""Processes by name: inelastic collisions, and production of pairs of b and of c quarks."""

_ALWAYS = ("Print:quiet = on", "Beams:idA = 2212", "Beams:idB = 2212", "Beams:eCM = 13000.")
# Setting up integrates cross-sections with random numbers: those must be the same in every run.
_FIXED = ("Random:setSeed = on", "Random:seed = 1")
_TRIES = 10
_SEEDS = 900_000_000
_COLUMNS = ("id", "status", "mother1", "mother2", "daughter1", "m")
_FOUR = ("e", "px", "py", "pz")


def event_seeds(seed: int, stage: str, event: ArrayLike) -> NDArray[np.int64]:
    """Seeds (rows,) for Pythia's generator, which knows 1 to 900 million, for events (rows,).

    For each `seed` and `stage` a permutation of all of them: no two events of a run ever share one. It is a
    Feistel network of four rounds on 30 bits, repeated until the result is in the range.
    """
    numbers = np.array(event, np.int64, ndmin=1)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= _SEEDS):
        raise ConfigurationError(
            f"Pythia's generator has {_SEEDS} seeds; event {numbers.max()} is beyond them"
        )
    stream = Stream(seed, stage)
    outside = np.ones(len(numbers), np.bool_)
    while outside.any():
        left, right = np.divmod(numbers[outside], 2**15)
        for turn in range(4):
            left, right = right, left ^ (stream.bits(right, turn, 1)[:, 0].astype(np.int64) & 0x7FFF)
        numbers[outside] = left * 2**15 + right
        outside = numbers >= _SEEDS
    return numbers + 1


def read_commands(path: str | Path) -> Iterator[str]:
    """Give the settings of a command file: lines that begin with a letter or digit, comments left out.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    """
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"no Pythia commands can be read from '{path}': {error}") from error
    text = re.sub(r"^\s*/\*.*?\*/[^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    for line in text.splitlines():
        if re.match(r"\s*[A-Za-z0-9]", line):
            yield line.strip()


class Engine:
    """One instance of Pythia. Setting it up (seconds) happens before the first event.

    Parameters
    ----------
    commands : sequence of str
        Settings in Pythia's syntax, ``Key:name = value``.

    Raises
    ------
    ConfigurationError
        For a setting that Pythia does not know, or values that do not make sense; with near misses.
    MissingExtraError
        If pythia8mc is not installed.
    """

    def __init__(self, commands: Sequence[str]) -> None:
        try:
            import pythia8mc
        except ImportError as error:
            raise MissingExtraError(
                "Pythia 8 is not installed; install it with: pip install 'lamarr[generate]'"
            ) from error
        self._pythia = pythia8mc.Pythia("", False)
        self.commands = (*_ALWAYS, *commands, *_FIXED)
        self._ready = False
        for line in self.commands:
            if not self._pythia.readString(line, False):
                raise ConfigurationError(self._refusal(line))

    def seed(self, seed: int) -> None:
        """Begin an event: all that follows depends on `seed` (1 to 900 million) alone."""
        if not self._ready and not self._pythia.init():
            raise ConfigurationError(
                "Pythia cannot be set up with these settings: " + "; ".join(self.commands[len(_ALWAYS) :])
            )
        self._ready = True
        self._pythia.rndm.init(int(seed))

    def next(self) -> dict[str, Any] | None:
        """Return the next collision as arrays, in GeV and mm, or None if Pythia fails ten times in a row."""
        for _ in range(_TRIES):
            batch = self._pythia.nextBatch(1)
            if len(batch):
                return self._arrays(batch)
        return None

    @property
    def particle_data(self) -> Any:
        """Pythia's table of particles."""
        return self._pythia.particleData

    def decay(
        self, pids: list[int], p5: list[list[float]], at: list[list[float]], tau: list[float], event: int
    ) -> list[tuple[Any, ...]]:
        """Let particles decay, in an engine without processes.

        Parameters
        ----------
        pids, p5, at, tau : lists (n,)
            PDG ids; px, py, pz, E, m in GeV; x, y, z, ct in mm of their production; proper lifetimes in mm.
        event : int
            Number to be named if it fails.

        Returns
        -------
        list of tuples
            id, status, number of the mother (from 0, −1 if none), px, py, pz, E, m in MeV, x, y, z in mm and
            t in ns of the production. The first n are the particles given.
        """
        record = self._pythia.event
        record.reset()
        for pid, momentum, point, life in zip(pids, p5, at, tau, strict=True):
            number = record.append(pid, 1, 0, 0, *momentum)
            record[number].vProd(*point)
            record[number].tau(life)
        if not self._pythia.next():
            raise DecayError(f"Pythia could not let the particles {pids} of event {event} decay")
        rows = []
        for k in range(1, record.size()):
            q = record[k]
            p = tuple(GeV * x for x in (q.px(), q.py(), q.pz(), q.e(), q.m()))
            where = (q.xProd(), q.yProd(), q.zProd(), q.tProd() / c_light)
            rows.append((q.id(), q.status(), q.mother1() - 1, *p, *where))
        return rows

    def _arrays(self, batch: Any) -> dict[str, Any]:
        """Columns of one event, from the buffers below the awkward array, whose operators are slow."""
        record = batch.layout["prt"][0]
        columns: dict[str, Any] = {name: np.asarray(record[name].data) for name in _COLUMNS}
        columns["p4"] = np.stack([record["p"][c].data for c in _FOUR])
        point = record["vProd"].to_IndexedOptionArray64()
        index = np.asarray(point.index.data)
        # Where Pythia gives no point, it is the collision's own: the last, a zero.
        columns["at"] = np.stack([np.append(point.content[c].data, 0.0)[index] for c in _FOUR])
        info = self._pythia.infoPython()
        return columns | {"process_id": int(info.code()), "weight": float(info.weight())}

    def _refusal(self, line: str) -> str:
        key = re.split(r"[=\s]", line.strip(), maxsplit=1)[0]
        known = {entry for kind in _maps(self._pythia.settings) for entry in kind}
        if key.lower() in known:
            return f"Pythia's setting '{key}' does not accept the value in '{line}'"
        if re.match(r"-?\d+:", key):
            return f"Pythia's particle data have no '{key}', as asked for in '{line}'"
        names = {str(e.name) for kind in _maps(self._pythia.settings) for e in kind.values()}
        similar = near_misses(key, names)
        hint = f"; near misses: {', '.join(similar)}" if similar else ""
        return f"Pythia has no setting '{key}', as asked for in '{line}'{hint}"


def _maps(settings: Any) -> Iterator[dict[str, Any]]:
    for kind in ("Flag", "Mode", "Parm", "Word", "FVec", "MVec", "PVec", "WVec"):
        yield getattr(settings, f"get{kind}Map")("")

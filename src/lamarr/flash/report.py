"""What became of every particle, which events failed, and how fast it went."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Fate
from lamarr.generation.source import EventFailure
from lamarr.publishing import write_text

__all__ = ["SPECIES", "Counts", "Report"]

SPECIES: Final = {"e": 11, "mu": 13, "pi": 211, "K": 321, "p": 2212, "other": 0}
"""Columns of the summary: |PDG id| by name; all other species are one column."""

_FATES: Final = tuple(Fate)
_ROW_OF_FATE: Final = np.zeros(max(_FATES) + 1, np.intp)
_ROW_OF_FATE[list(_FATES)] = range(len(_FATES))
_COLUMN_OF_CODE: Final = np.full(max(SPECIES.values()) + 2, len(SPECIES) - 1, np.intp)
"""Column of the summary by |PDG id|; all ids beyond the last are the last."""
_COLUMN_OF_CODE[[code for code in SPECIES.values() if code]] = range(len(SPECIES) - 1)


@dataclass(frozen=True)
class Counts:
    """Additive numbers of some events.

    Attributes
    ----------
    events : int
        Events simulated.
    fates : array of int64 (fates, species)
        Particles by fate, in the order of :class:`lamarr.events.Fate`, and species.
    out_of_domain : array of int64 (species,)
        Particles flagged as outside of the range that the models were trained on.
    """

    events: int = 0
    fates: NDArray[np.int64] = field(default_factory=lambda: np.zeros((len(_FATES), len(SPECIES)), np.int64))
    out_of_domain: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SPECIES), np.int64))

    @classmethod
    def of(cls, batch: EventBatch) -> Counts:
        """Count a batch; without fates all particles are undecided."""
        t = batch["particles"]
        species = _COLUMN_OF_CODE[np.minimum(np.abs(t["pid"]), len(_COLUMN_OF_CODE) - 1)]
        row = _ROW_OF_FATE[t["fate"]] if "fate" in t else np.zeros(t.rows, np.intp)
        shape = (len(_FATES), len(SPECIES))
        fates = np.bincount(row * shape[1] + species, minlength=shape[0] * shape[1]).reshape(shape)
        outside = species[t["out_of_domain"]] if "out_of_domain" in t else species[:0]
        return cls(batch.n_events, fates, np.bincount(outside, minlength=len(SPECIES)))

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.events + other.events, self.fates + other.fates, self.out_of_domain + other.out_of_domain
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        fates = {
            fate.name: dict(zip(SPECIES, row, strict=True))
            for fate, row in zip(_FATES, self.fates.tolist(), strict=True)
        }
        outside = dict(zip(SPECIES, self.out_of_domain.tolist(), strict=True))
        return {"events": self.events, "fates": fates, "out_of_domain": outside}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Counts:
        """Invert :meth:`to_json`."""
        fates = np.array([[data["fates"][f.name][s] for s in SPECIES] for f in _FATES], np.int64)
        outside = np.array([data["out_of_domain"][s] for s in SPECIES], np.int64)
        return cls(data["events"], fates, outside)


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of a run.

    Attributes
    ----------
    counts : Counts
        Of all events in the output, those of an interrupted run that it continued included.
    failures : tuple of EventFailure
        Events that are missing in the output, and why.
    seconds : float
        Wall time.
    processed : int
        Events processed in that time (without those that an interrupted run had done).
    outputs : tuple of Path
        Files written.
    errors_file : Path or None
        JSON file with the failures.
    """

    counts: Counts
    failures: tuple[EventFailure, ...] = ()
    seconds: float = 0.0
    processed: int = 0
    outputs: tuple[Path, ...] = ()
    errors_file: Path | None = None

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.processed / self.seconds if self.seconds > 0 else 0.0

    @property
    def particles(self) -> int:
        """Particles in all events."""
        return int(self.counts.fates.sum())

    def summary(self) -> str:
        """Return the table of fates by species and the sums, as text."""
        rows = [["", *SPECIES, "all"]]
        for fate, numbers in zip(_FATES, self.counts.fates.tolist(), strict=True):
            if sum(numbers):
                rows.append([fate.name.lower().replace("_", " "), *map(str, numbers), str(sum(numbers))])
        totals = self.counts.fates.sum(axis=0).tolist()
        rows.append(["all particles", *map(str, totals), str(sum(totals))])
        outside = self.counts.out_of_domain.tolist()
        rows.append(["of these out of domain", *map(str, outside), str(sum(outside))])
        done = f"{self.counts.events} events, {self.particles} particles"
        speed = f"{self.processed} events in {self.seconds:.1f} s ({self.rate:.4g} events/s)"
        return "\n".join([*_aligned(rows), f"{done}; {speed}"])

    def write_failures(self, path: Path) -> None:
        """Write the failures as JSON."""
        data = [{"source": f.source, "event": f.event, "reason": f.reason} for f in self.failures]
        write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def _aligned(rows: Iterable[list[str]]) -> list[str]:
    table = list(rows)
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = []
    for row in table:
        first, *rest = (
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return lines

"""Collects all sections of the report from files that `lamarr detailed` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lamarr._version import __version__
from lamarr.detector import detector_names
from lamarr.errors import ConfigurationError
from lamarr.events import EventBatch, describe, read
from lamarr.validation.detailed_report.calorimeter import calorimeter_section
from lamarr.validation.detailed_report.findings import Section
from lamarr.validation.detailed_report.muon import muon_section
from lamarr.validation.detailed_report.rich import rich_section
from lamarr.validation.detailed_report.selection import long_tracks
from lamarr.validation.detailed_report.tracks import tracks_section
from lamarr.validation.detailed_report.vertices import vertices_section

__all__ = ["Report", "make_report", "read_files", "sections_of"]

DETECTOR: Final = "lhcb2016-magup"
"""Taken where a file names none."""

NEEDED: Final = {"particles": ("pid",), "tracks": ("particle_id", "chi2PerDoF"), "pid": ("PIDK", "isMuon")}


@dataclass(frozen=True, kw_only=True)
class Report:
    """Sections, and what was read."""

    sections: tuple[Section, ...]
    facts: dict[str, str]

    @property
    def verdicts(self) -> dict[str, int]:
        """Number of findings by verdict."""
        counts = {"met": 0, "missed": 0, "no target": 0, "not measured": 0}
        for section in self.sections:
            for finding in section.findings:
                counts[finding.verdict] += 1
        return counts

    def as_json(self) -> dict[str, Any]:
        """Facts, counts of verdicts, and all findings by section."""
        sections = {s.title: [f.as_json() for f in s.findings] for s in self.sections}
        return {"facts": self.facts, "verdicts": self.verdicts, "sections": sections}


def make_report(files: Sequence[Path]) -> Report:
    """Return the report of `files`.

    Raises
    ------
    ConfigurationError
        If a file has no reconstructed tracks with identification, or if detectors differ.
    """
    batch = read_files(files)
    facts = {
        "Files": ", ".join(p.name for p in files),
        "Sample": f"{batch.n_events:,} events, {batch['tracks'].rows:,} tracks",
        "Program": f"lamarr {__version__}",
    }
    for path in files:
        metadata = describe(path).metadata
        words = {f"{path.name}: {k}": str(v) for k, v in metadata.items()}
        facts.update({k: v for k, v in words.items() if len(v) < 200})
    return Report(sections=tuple(sections_of(batch, _detector(files))), facts=facts)


def _detector(files: Sequence[Path]) -> str:
    """Return the detector that all files name: the polarity tells where tracks go behind the magnet."""
    named = set()
    for path in files:
        words = str(describe(path).metadata.get("set", "")).split(", ")
        named |= {word for word in words if word in detector_names()} or {DETECTOR}
    if len(named) > 1:
        raise ConfigurationError(
            f"the files of a report must share a detector, but got {', '.join(sorted(named))}"
        )
    return named.pop()


def sections_of(batch: EventBatch, detector: str) -> Iterable[Section]:
    """Yield the sections for `batch`, taken with `detector`."""
    tracks = long_tracks(batch, detector)
    yield tracks_section(batch)
    yield vertices_section(batch)
    yield rich_section(tracks)
    yield muon_section(tracks)
    yield calorimeter_section(batch)


def read_files(files: Sequence[Path]) -> EventBatch:
    """Return the events of all files as one batch, numbered anew."""
    if not files:
        raise ConfigurationError("at least one file must be given, but got none")
    batches, first = [], 0
    for path in files:
        batch = read(path)
        for table, columns in NEEDED.items():
            missing = [c for c in columns if table not in batch or c not in batch[table]]
            if missing:
                raise ConfigurationError(
                    f"{path} has no column {missing[0]} in a table {table}; the report reads what "
                    "`lamarr detailed` writes"
                )
        batches.append(_renumbered(batch, first))
        first = int(batches[-1]["events"]["event_id"].max(initial=first - 1)) + 1
    if len(batches) == 1:
        return batches[0]
    return EventBatch.concatenate(EventBatch({n: b[n] for n in b}, ("report",)) for b in batches)


def _renumbered(batch: EventBatch, first: int) -> EventBatch:
    for name in list(batch):
        batch = batch.with_columns(name, event_id=batch[name]["event_id"] + first)
    return batch.with_columns("events", source=0 * batch["events"]["source"])

"""Compare two samples: every observable, cut and width of the catalogue, as verdicts and panels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from numpy.typing import NDArray

from lamarr.errors import LamarrError, MissingNameError
from lamarr.validation.cost import Cost
from lamarr.validation.report.ablations import Ablation
from lamarr.validation.report.catalogue import CUTS, OBSERVABLES, WIDTHS
from lamarr.validation.report.inputs import Source
from lamarr.validation.report.judgements import (
    Curves,
    Histograms,
    Item,
    judge_cut,
    judge_observable,
    judge_width,
    section_of,
)
from lamarr.validation.report.observables import SPECIES
from lamarr.validation.report.two_samples import tell_apart
from lamarr.validation.report.verdicts import NotMade, Verdict

__all__ = ["Comparison", "compare", "n_tasks"]

Array = NDArray[Any]
Columns = Mapping[str, Array]

LEAST: Final = 200
"""Entries that each sample must have for a comparison."""


@dataclass(kw_only=True)
class Comparison:
    """Everything that was compared, and what could not be."""

    verdicts: list[Verdict] = field(default_factory=list)
    panels: list[tuple[str, Histograms | Curves]] = field(default_factory=list)
    not_made: list[NotMade] = field(default_factory=list)
    ablations: list[Ablation] = field(default_factory=list)
    costs: dict[str, dict[str, Cost]] = field(default_factory=dict)

    def add(self, section: str, item: Item) -> None:
        """Add a verdict or a panel."""
        if isinstance(item, Verdict):
            self.verdicts.append(item)
        else:
            self.panels.append((section, item))


class _Samples:
    """Columns of both samples by group, made once."""

    def __init__(self, flash: Source, detailed: Source) -> None:
        self._sources = flash, detailed
        self._made: dict[str, tuple[Columns, Columns]] = {}

    def __call__(self, group: str) -> tuple[Columns, Columns]:
        if group not in self._made:
            pair = []
            for source, which in zip(self._sources, ("flash", "detailed"), strict=True):
                try:
                    pair.append(source.columns(group))
                except MissingNameError as error:
                    raise MissingNameError(f"{which} sample: {error}") from None
            self._made[group] = pair[0], pair[1]
        return self._made[group]


def compare(
    flash: Source,
    detailed: Source,
    *,
    classifiers: bool = True,
    least: int = LEAST,
    groups: Collection[str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare a flash sample with a detailed one, the reference.

    Parameters
    ----------
    classifiers : bool
        Also train classifiers to tell them apart.
    least : int
        Entries that each sample must have for a comparison.
    groups : collection of str, optional
        Compare only what belongs to these groups.
    progress : callable
        Told the name of each comparison.
    """
    samples, result = _Samples(flash, detailed), Comparison()
    for task in _tasks(classifiers):
        progress(task.name)
        if groups is not None and task.group not in groups:
            continue
        for species, pid in SPECIES.items() if task.by_species else [("", 0)]:
            try:
                for item in task.judge(samples(task.group), task.subject, species, pid, least):
                    result.add(task.section, item)
            except LamarrError as error:
                name = f"{task.name} {species}".strip()
                result.not_made.append(NotMade(name=name, reason=str(error)))
    result.not_made = _gathered(result.not_made)
    return result


def n_tasks(classifiers: bool = True) -> int:
    """Return how many things :func:`compare` compares."""
    return sum(1 for _ in _tasks(classifiers))


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One entry of the catalogue, and the function that judges it."""

    name: str
    section: str
    group: str
    judge: Callable[..., Iterator[Item]]
    subject: Any
    by_species: bool = True


def _tasks(classifiers: bool) -> Iterator[_Task]:
    for o in OBSERVABLES.values():
        yield _Task(
            name=o.name,
            section=section_of(o.group),
            group=o.group,
            judge=judge_observable,
            subject=o,
            by_species=o.by_species,
        )
    for c in CUTS.values():
        section = "efficiency" if c.by_species else section_of(c.group)
        yield _Task(
            name=c.name,
            section=section,
            group=c.group,
            judge=judge_cut,
            subject=c,
            by_species=c.by_species,
        )
    for w in WIDTHS.values():
        yield _Task(name=w.name, section="tracking", group=w.group, judge=judge_width, subject=w)
    for group in ("long_tracks", "pid") if classifiers else ():
        name = f"classifier of {group}"
        yield _Task(name=name, section=section_of(group), group=group, judge=tell_apart, subject=group)


def _gathered(items: list[NotMade]) -> list[NotMade]:
    """Join comparisons that could not be made for one reason."""
    names: dict[str, list[str]] = {}
    for item in items:
        names.setdefault(item.reason, []).append(item.name)
    return [NotMade(name=", ".join(n), reason=reason) for reason, n in names.items()]

"""The samples of a report: files of ours, or anybody's with a map of branches to columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lamarr.declaration import STRICT, parse
from lamarr.errors import ConfigurationError, InputFileError, MissingNameError
from lamarr.events import EventBatch, describe, file_digest, read, sample_digests
from lamarr.training.data.expressions import Expression
from lamarr.training.data.sources import chunks
from lamarr.validation.report.groups import columns_of

__all__ = ["BranchMap", "Source", "in_memory", "open_source", "refuse_different"]

Array = NDArray[Any]
Columns = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class GroupMap:
    """How a group is found in a file: tree (ROOT), expressions by column, and a cut."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    columns: dict[str, str]
    tree: str | None = None
    cut: str | None = None


@dataclass(frozen=True, kw_only=True)
class BranchMap:
    """A file that Lamarr did not write, as groups of columns.

    ::

        groups:
          pid:
            tree: DecayTree
            columns: {p: probe_P / 1000, species: abs(probe_TRUEID), PIDK: probe_PIDK, event_id: eventNumber}
            cut: probe_P > 2000
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    groups: dict[str, GroupMap]
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A sample: its name, facts, digests, and the columns of its groups."""

    name: str
    columns: Callable[[str], Columns]
    facts: Mapping[str, Any]
    digests: tuple[str, ...]
    events: int | None = None
    batch: EventBatch | None = None
    """All events, if the sample has more than columns."""


def open_source(path: str | Path, branches: str | Path | None = None) -> Source:
    """Open a file of events of ours, or with a map of `branches` (a YAML file) any ROOT or Parquet file.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    ConfigurationError
        If the map cannot.
    """
    path = Path(path)
    if branches is not None:
        return _foreign(path, parse(BranchMap, Path(branches)))
    header = describe(path)
    batch = read(path)
    return Source(
        name=str(path),
        columns=cache(lambda group: columns_of(batch, group)),
        facts=header.metadata,
        digests=sample_digests(path),
        events=batch.n_events,
        batch=batch,
    )


def in_memory(batch: EventBatch, name: str, facts: Mapping[str, Any] | None = None) -> Source:
    """Return a sample that is in memory."""
    return Source(
        name=name,
        columns=cache(lambda group: columns_of(batch, group)),
        facts=facts or {},
        digests=(),
        events=batch.n_events,
        batch=batch,
    )


def _foreign(path: Path, branches: BranchMap) -> Source:
    @cache
    def columns(group: str) -> Columns:
        if group not in branches.groups:
            raise MissingNameError(f"the map of branches has no group '{group}'")
        wanted = branches.groups[group]
        expressions = {name: Expression(text) for name, text in wanted.columns.items()}
        cut = Expression(wanted.cut) if wanted.cut else None
        names = {n for e in (*expressions.values(), *([cut] if cut else [])) for n in e.names}
        parts = []
        for chunk in chunks(path, sorted(names), wanted.tree):
            keep = np.asarray(cut(chunk), bool) if cut else slice(None)
            parts.append({n: np.asarray(e(chunk))[keep] for n, e in expressions.items()})
        if not parts:
            raise InputFileError(f"'{path}' has no rows for the group '{group}'")
        return {n: np.concatenate([p[n] for p in parts]) for n in expressions}

    return Source(name=str(path), columns=columns, facts=branches.facts, digests=(file_digest(path),))


_SAME = ("decay", "year", "polarity", "sample")


def refuse_different(flash: Source, detailed: Source, *, force: bool = False) -> list[str]:
    """Return what differs between the samples' decays, years and polarities.

    Raises
    ------
    ConfigurationError
        If something does and `force` is not set.
    """
    different = [
        f"{name} {flash.facts[name]!r} and {detailed.facts[name]!r}"
        for name in _SAME
        if name in flash.facts and name in detailed.facts and flash.facts[name] != detailed.facts[name]
    ]
    if different and not force:
        raise ConfigurationError(
            f"the samples are of different kinds ({'; '.join(different)}), so that a comparison would mix "
            "physics with simulation; give samples of one kind, or --force to compare them all the same"
        )
    return different

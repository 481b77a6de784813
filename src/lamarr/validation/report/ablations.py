"""Which stage is to blame for what a composite quantity misses: stages exchanged one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lamarr.errors import ConfigurationError, LamarrError
from lamarr.flash import DEFAULT_SET
from lamarr.validation.ablation import AS_IT_IS, exchanged, to_blame
from lamarr.validation.decays import DECAYS
from lamarr.validation.metrics import Measured, kolmogorov_measured
from lamarr.validation.report.catalogue import OBSERVABLES
from lamarr.validation.report.groups import columns_of
from lamarr.validation.report.inputs import Source
from lamarr.validation.report.observables import Observable

__all__ = ["Ablation", "ablations", "same_events"]


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """KS distances of an observable, by what was taken from the detailed simulation."""

    observable: str
    candidates: int
    ks: dict[str, Measured]

    @property
    def to_blame(self) -> str:
        """See :func:`lamarr.validation.ablation.to_blame`."""
        return to_blame(self.ks)

    def to_json(self) -> dict[str, Any]:
        """Return what the JSON file holds."""
        ks = {name: vars(m) for name, m in self.ks.items()}
        return {
            "observable": self.observable,
            "candidates": self.candidates,
            "ks": ks,
            "to_blame": self.to_blame,
        }


def same_events(flash: Source, detailed: Source) -> bool:
    """Whether both files say that they hold the same generated events."""
    known = flash.facts.get("generation")
    return known is not None and known == detailed.facts.get("generation")


def ablations(flash: Source, detailed: Source, *, least: int, models: str | None = None) -> list[Ablation]:
    """Exchange stages for every composite observable that has a target and enough candidates.

    Parameters
    ----------
    least : int
        Candidates that each sample must have.
    models : str, optional
        The set that made the flash sample; by default the one that it names.

    Raises
    ------
    ConfigurationError
        If the samples do not come from the same generated events, or hold no events.
    """
    if flash.batch is None or detailed.batch is None:
        raise ConfigurationError(
            "stages can be exchanged between files of events that Lamarr wrote; files read with a map of "
            "branches have no tracks to exchange, so leave out --ablation"
        )
    pairs = exchanged(flash.batch, detailed.batch, models or str(flash.facts.get("set", DEFAULT_SET)))
    found = []
    for name in DECAYS:
        group = f"candidates_{name}"
        wanted = [o for o in OBSERVABLES.values() if o.group == group and o.targets]
        try:
            columns = {k: tuple(columns_of(b, group) for b in pair) for k, pair in pairs.items()}
        except LamarrError:
            continue
        if min(len(c["event_id"]) for c in columns[AS_IT_IS]) >= least:
            found += _of_observables(wanted, columns, least)
    return found


def _of_observables(wanted: Iterable[Observable], columns: dict[str, Any], least: int) -> list[Ablation]:
    found = []
    for observable in wanted:
        values = {k: tuple(observable.with_blocks(c) for c in pair) for k, pair in columns.items()}
        if min(len(v) for pair in values.values() for v, _ in pair) < least:
            continue
        found.append(
            Ablation(
                observable=observable.title,
                candidates=len(values[AS_IT_IS][1][0]),
                ks={
                    k: kolmogorov_measured(a, b, blocks_a=in_a, blocks_b=in_b)
                    for k, ((a, in_a), (b, in_b)) in values.items()
                },
            )
        )
    return found

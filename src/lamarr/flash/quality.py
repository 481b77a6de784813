"""Events that cannot be simulated are found before the stages see them, and reported one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import LamarrError
from lamarr.events import EventBatch, Table
from lamarr.flash.stages.classify import is_physical
from lamarr.generation.source import EventFailure

__all__ = ["without_events", "attempt", "failures_of"]


def failures_of(batch: EventBatch) -> list[EventFailure]:
    """Events with momenta or positions that are not finite, or particles that come from nowhere."""
    particles, vertices = batch["particles"], batch["vertices"]
    found: dict[int, str] = {}
    _note(found, particles, _not_finite(particles, ("px", "py", "pz", "pe")), _momentum)
    _note(found, vertices, _not_finite(vertices, ("t", "x", "y", "z")), _position)
    lost = is_physical(particles) & (particles["end_vertex"] < 0) & (particles["production_vertex"] < 0)
    _note(found, particles, lost, _no_vertex)
    return [_failure(batch, event, reason) for event, reason in sorted(found.items())]


def without_events(batch: EventBatch, event_ids: list[int]) -> EventBatch:
    """Return `batch` without the given events."""
    if not event_ids:
        return batch
    tables = [t.take(~np.isin(t["event_id"], event_ids)) for t in batch.values()]
    return batch.with_tables(*tables)


def attempt(
    function: Callable[[EventBatch], EventBatch], batch: EventBatch
) -> tuple[list[EventBatch], list[EventFailure]]:
    """Apply `function`; where it refuses, halve the batch until the events to blame stand alone.

    Halving changes nothing for the other events, as results do not depend on the batch.
    """
    try:
        return [function(batch)], []
    except LamarrError as error:
        ids = batch["events"]["event_id"]
        if len(ids) <= 1:
            return [], [_failure(batch, int(i), str(error)) for i in ids]
        middle, last = int(ids[len(ids) // 2]), int(ids[-1]) + 1
    halves = [batch.select_events(0, middle), batch.select_events(middle, last)]
    results = [attempt(function, half) for half in halves]
    return [b for good, _ in results for b in good], [f for _, bad in results for f in bad]


def _not_finite(table: Table, columns: tuple[str, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(table.rows, np.bool_)
    for column in columns:
        mask |= ~np.isfinite(table[column])
    return mask


def _note(
    found: dict[int, str], table: Table, mask: NDArray[np.bool_], sentence: Callable[[Table, int], str]
) -> None:
    rows = np.flatnonzero(mask)
    events, first = np.unique(table["event_id"][rows], return_index=True)
    for event, row in zip(events.tolist(), rows[first].tolist(), strict=True):
        found.setdefault(event, sentence(table, row))


def _momentum(t: Table, row: int) -> str:
    values = ", ".join(f"{c}={t[c][row]:g}" for c in ("px", "py", "pz", "pe"))
    return (
        f"particle {t['particle_id'][row]} (PDG id {t['pid'][row]}) must have a finite momentum, "
        f"but got ({values}) MeV"
    )


def _position(t: Table, row: int) -> str:
    values = ", ".join(f"{c}={t[c][row]:g}" for c in "xyzt")
    return f"vertex {t['vertex_id'][row]} must have a finite position and time, but got ({values})"


def _no_vertex(t: Table, row: int) -> str:
    return (
        f"particle {t['particle_id'][row]} (PDG id {t['pid'][row]}) reaches the detector, but has no vertex"
    )


def _failure(batch: EventBatch, event: int, reason: str) -> EventFailure:
    row = int(np.searchsorted(batch["events"]["event_id"], event))
    index = int(batch["events"]["source"][row])
    source = batch.sources[index] if 0 <= index < len(batch.sources) else "memory"
    return EventFailure(source=source, event=event, reason=reason)

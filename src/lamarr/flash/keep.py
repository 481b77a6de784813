"""Which generated particles an output holds; what refers to them stays true."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import raise_unknown
from lamarr.events import SCHEMA, EventBatch, Fate, Table
from lamarr.events.counting import first_of_event

__all__ = ["KEEP", "keep", "keep_particles"]

KEEP: Final = {
    "all": "every particle of the source",
    "physical": "without the generator's bookkeeping (beams, partons, copies)",
    "reconstructed": "particles that have a track, the signal decay, and the ancestors of both",
}
"""Choices of :func:`keep`, and what they keep."""


def keep(batch: EventBatch, choice: str) -> EventBatch:
    """Keep the particles of a `choice` of :data:`KEEP`. Needs the fates.

    Raises
    ------
    UnknownNameError
        If there is no such choice.
    """
    if choice not in KEEP:
        raise_unknown("choice of particles to keep", choice, KEEP)
    if choice == "all":
        return batch
    fate = batch["particles"]["fate"]
    if choice == "physical":
        return keep_particles(batch, fate != Fate.DOCUMENTATION)
    wanted = (fate >= Fate.LONG) | batch["particles"]["from_signal"]
    return keep_particles(batch, _with_ancestors(batch, wanted) & (fate != Fate.DOCUMENTATION))


def keep_particles(batch: EventBatch, mask: NDArray[np.bool_]) -> EventBatch:
    """Keep the particles in `mask` (particles,), and renumber what is left from 0 in each event.

    The mother of a particle whose mother is dropped is the nearest ancestor that is kept, −1 if there is
    none. Vertices are kept if they are primary, or begin or end a kept particle. Rows of other tables
    that refer to a dropped particle are dropped as well.
    """
    particles, vertices = batch["particles"], batch["vertices"]
    if mask.all():
        return batch
    mother = batch.rows_of("particles", particles["event_id"], particles["mother"])
    rows = np.flatnonzero(mask)
    parent = _nearest_kept(mother[rows], mother, mask)
    parent_id = np.where(parent < 0, -1, particles["particle_id"][parent])
    kept_particles = particles.take(rows).with_columns(mother=parent_id)
    kept_vertices = vertices["is_primary"].copy()
    for end in ("production_vertex", "end_vertex"):
        at = batch.rows_of("vertices", kept_particles["event_id"], kept_particles[end])
        kept_vertices[at[at >= 0]] = True
    numbers = {
        "particles": _renumber(particles, mask),
        "vertices": _renumber(vertices, kept_vertices),
    }
    tables = {**batch, "particles": kept_particles, "vertices": vertices.take(kept_vertices)}
    done: dict[str, Table] = {}
    left: dict[str, NDArray[np.bool_]] = {}
    for name, table in tables.items():  # in the order of the schema: references point to earlier tables
        stays = _stays(batch, table, left) if name not in numbers else np.ones(table.rows, np.bool_)
        done[name], own = _redirect(batch, table, numbers, stays)
        if not own.all():
            left[name] = own
    return EventBatch(done, batch.sources)


def _stays(batch: EventBatch, table: Table, left: dict[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Whether each row refers to rows that are left only, in tables of which some are gone."""
    stays = np.ones(table.rows, np.bool_)
    for column, target in SCHEMA[table.name].references.items():
        if target in left:
            at = batch.rows_of(target, table["event_id"], table[column])
            stays &= (at < 0) | left[target][at]
    return stays


def _redirect(
    batch: EventBatch, table: Table, numbers: dict[str, NDArray[np.int64]], stays: NDArray[np.bool_]
) -> tuple[Table, NDArray[np.bool_]]:
    """Give new numbers to keys and references, and drop rows that refer to a dropped row, or do not stay."""
    schema = SCHEMA[table.name]
    columns, keep_rows = {}, stays.copy()
    for column, target in schema.references.items():
        if target in numbers:
            at = batch.rows_of(target, table["event_id"], table[column])
            columns[column] = np.where(at < 0, -1, numbers[target][at])
            if table.name not in numbers:
                keep_rows &= (at < 0) | (columns[column] >= 0)
    if table.name in numbers:
        new = numbers[table.name]
        columns[schema.key[1]] = new[new >= 0]
    return (table.with_columns(**columns) if columns else table).take(keep_rows), keep_rows


def _renumber(table: Table, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return new numbers (rows,) that count from 0 in each event, −1 for rows that are dropped."""
    before: NDArray[np.int64] = np.cumsum(mask) - mask
    return np.where(mask, before - before[first_of_event(table["event_id"])], -1)


def _nearest_kept(
    parent: NDArray[np.int64], mother: NDArray[np.int64], mask: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Nearest ancestors in `mask` of particles with these parents, −1 if none.

    Goes up one generation at a time, with those that are still on their way.
    """
    ancestor = parent.copy()
    rows = np.arange(len(parent))
    for _ in range(len(mother) + 1):
        rows = rows[(ancestor[rows] >= 0) & ~mask[ancestor[rows]]]
        if not rows.size:
            return ancestor
        ancestor[rows] = mother[ancestor[rows]]
    ancestor[rows] = -1  # mothers in a circle
    return ancestor


def _with_ancestors(batch: EventBatch, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    t = batch["particles"]
    mother = batch.rows_of("particles", t["event_id"], t["mother"])
    wanted, new = mask.copy(), np.flatnonzero(mask)
    while new.size:
        above = np.unique(mother[new])
        new = above[(above >= 0) & ~wanted[above]]
        wanted[new] = True
    return wanted

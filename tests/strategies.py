"""Hypothesis strategies that all rooms share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from lamarr.events import SCHEMA, EventBatch, Table, table_schema

__all__ = ["FULL", "batches", "random_batch"]

FULL = tuple(SCHEMA)
"""Names of all tables."""

_SPECIAL = (0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, 5e-324, 1e300)


@st.composite
def batches(
    draw: st.DrawFn,
    tables: Sequence[str] | None = None,
    max_events: int = 5,
    max_rows: int = 6,
    special: bool | None = None,
) -> EventBatch:
    """Draw a valid batch: ordered unique keys with gaps, references that exist, any values elsewhere.

    Parameters
    ----------
    tables : sequence of str
        The tables to be there; default: ``events`` and a drawn part of the others that is closed under
        references.
    max_events, max_rows : int
        Events, and rows per event and table.
    special : bool
        Whether floats include NaN, infinities, −0.0 and denormals; default: drawn.
    """
    names = draw(_tables()) if tables is None else tuple(tables)
    return random_batch(
        draw(st.integers(0, 2**32 - 1), label="values"),
        n_events=draw(st.integers(0, max_events), label="events"),
        tables=names,
        max_rows=draw(st.integers(0, max_rows), label="rows"),
        special=draw(st.booleans(), label="special floats") if special is None else special,
        gaps=draw(st.booleans(), label="gaps"),
        optional=draw(st.sampled_from(["none", "some", "all"]), label="optional columns"),
        sources=tuple(draw(st.lists(st.text(max_size=8), min_size=1, max_size=3), label="sources")),
    )


def random_batch(
    seed: int,
    *,
    n_events: int,
    tables: Sequence[str] = FULL,
    max_rows: int = 6,
    special: bool = False,
    gaps: bool = False,
    optional: str = "all",
    sources: tuple[str, ...] = ("gun",),
) -> EventBatch:
    """Return one such batch; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    event_id = _rising(rng, n_events, gaps)
    made: dict[str, Table] = {}
    chance = {"none": 0.0, "some": 0.5, "all": 1.0}[optional]
    for name in FULL:
        if name in tables:
            counts = rng.integers(0, max_rows, n_events, endpoint=True)
            columns = [c.name for c in SCHEMA[name].columns if c.optional and rng.random() < chance]
            made[name] = _table(rng, name, event_id, counts, columns, made, gaps, special, len(sources))
    return EventBatch(made, sources)


@st.composite
def _tables(draw: st.DrawFn) -> tuple[str, ...]:
    chosen: list[str] = []
    for name in FULL:
        needed = table_schema(name).references.values()
        possible = all(n in chosen or n == name for n in needed)
        if name == "events" or (possible and draw(st.booleans(), label=name)):
            chosen.append(name)
    return tuple(chosen)


def _rising(rng: np.random.Generator, n: int, gaps: bool) -> NDArray[np.int64]:
    return np.cumsum(rng.integers(1, 4, n) if gaps else np.ones(n, int)) - 1


def _table(
    rng: np.random.Generator,
    name: str,
    event_id: NDArray[np.int64],
    counts: NDArray[np.int64],
    optional: list[str],
    made: dict[str, Table],
    gaps: bool,
    special: bool,
    n_sources: int,
) -> Table:
    schema = table_schema(name)
    if name == "events":
        columns = {"event_id": event_id, "source": rng.integers(0, n_sources, len(event_id))}
    elif name == "cluster_links":
        columns = _some_pairs(rng, made["clusters"], made["calo_particles"])
    elif schema.key[1] in schema.references:
        columns = _some_rows(rng, made[schema.references[schema.key[1]]], schema.key)
    else:
        number = np.concatenate([np.empty(0, int), *(_rising(rng, n, gaps) for n in counts)])
        columns = {"event_id": np.repeat(event_id, counts), schema.key[1]: number}
    rows = len(columns["event_id"])
    events = columns["event_id"]
    for column in schema.columns:
        target = schema.references.get(column.name)
        if column.name in columns or (column.optional and column.name not in optional):
            continue
        if target is None:
            columns[column.name] = _values(rng, rows, column.dtype, special)
        else:
            there = columns if target == name else made[target]
            columns[column.name] = _references(rng, events, there["event_id"], there[SCHEMA[target].key[1]])
    return Table(name, columns)


def _some_rows(rng: np.random.Generator, of: Table, key: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    """Keys that are those of some rows of another table (twice, if there is a location as well)."""
    rows = np.flatnonzero(rng.random(of.rows) < 0.6)
    if key[-1] != "location":
        return {c: of[c][rows].astype(int) for c in key}
    rows = np.repeat(rows, 2)
    return {**{c: of[c][rows].astype(int) for c in key[:-1]}, "location": np.tile([1, 5], len(rows) // 2)}


def _some_pairs(rng: np.random.Generator, first: Table, second: Table) -> dict[str, NDArray[np.int64]]:
    """Keys of some pairs of rows of the same event, one of each table, in order."""
    rows = np.argwhere(first["event_id"][:, None] == second["event_id"][None, :])
    a, b = rows[rng.random(len(rows)) < 0.4].T
    numbers = {t.name: t[SCHEMA[t.name].key[1]].astype(int) for t in (first, second)}
    columns = {
        "event_id": first["event_id"][a],
        "cluster_id": numbers["clusters"][a],
        "calo_particle_id": numbers["calo_particles"][b],
    }
    order = np.lexsort(tuple(reversed(list(columns.values()))))
    return {c: v[order] for c, v in columns.items()}


def _references(
    rng: np.random.Generator, event: NDArray[np.int64], events: NDArray[np.int64], numbers: NDArray[np.int32]
) -> NDArray[np.int64]:
    """For each row the number of some row of the same event, or −1."""
    first, last = np.searchsorted(events, event), np.searchsorted(events, event, side="right")
    row = first + np.floor(rng.random(len(event)) * (last - first)).astype(int)
    none = (rng.random(len(event)) < 0.2) | (last == first)
    return np.where(none, -1, np.append(numbers, -1)[np.minimum(row, len(numbers))])


def _values(rng: np.random.Generator, n: int, dtype: str, special: bool) -> NDArray[np.generic]:
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(n) < 0.5
    if kind.kind == "i":
        info = np.iinfo(kind)
        return rng.integers(info.min, info.max, n, dtype=kind, endpoint=True)
    values = (rng.normal(size=n) * 10.0 ** rng.uniform(-6, 6, n)).astype(kind)
    if special:
        with np.errstate(over="ignore", under="ignore"):
            chosen = rng.choice(_SPECIAL, n).astype(kind)
        values = np.where(rng.random(n) < 0.3, chosen, values)
    return values

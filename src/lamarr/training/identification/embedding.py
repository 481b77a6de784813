"""Put the particles of guest events into host events: guns into minimum bias, for its occupancy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.events import EventBatch, Table

__all__ = ["embed"]

# Columns that number rows of a table, by table: what a guest's number moves by.
_NUMBERS: Final = {
    "collisions": {"collision_id": "collisions"},
    "vertices": {"vertex_id": "vertices", "collision_id": "collisions"},
    "particles": {
        "particle_id": "particles",
        "collision_id": "collisions",
        "production_vertex": "vertices",
        "end_vertex": "vertices",
        "mother": "particles",
    },
}
_KEYS: Final = {"collisions": "collision_id", "vertices": "vertex_id", "particles": "particle_id"}


def embed(host: EventBatch, guest: EventBatch, per_event: int) -> EventBatch:
    """Return the host's events, each with the particles of the next `per_event` guests as well.

    Events, their numbers and weights are the host's; guests keep their vertices as collisions of their own.

    Raises
    ------
    ConfigurationError
        If there are fewer than `per_event` guests per host event.
    """
    if guest.n_events < per_event * host.n_events:
        raise ConfigurationError(
            f"{per_event} guests in each of {host.n_events} events need {per_event * host.n_events} guest "
            f"events, but got {guest.n_events}"
        )
    parts = [host["events"]["event_id"]]
    tables = {name: [dict(host[name])] for name in _NUMBERS}
    used = {name: _rows_per_event(host, name, parts[0]) for name in _NUMBERS}
    for k in range(per_event):
        ids = guest["events"]["event_id"][k * host.n_events : (k + 1) * host.n_events]
        counts = {name: _rows_per_event(guest, name, ids) for name in _NUMBERS}
        for name, numbers in _NUMBERS.items():
            tables[name].append(_moved(guest, name, numbers, ids, parts[0], used))
        used = {name: used[name] + counts[name] for name in used}
    joined = [_join(name, columns) for name, columns in tables.items()]
    events = host["events"].with_columns(n_collisions=used["collisions"])
    return host.with_tables(events, *joined)


def _rows_per_event(batch: EventBatch, table: str, ids: NDArray[Any]) -> NDArray[np.int64]:
    column = batch[table]["event_id"]
    return np.searchsorted(column, ids, side="right") - np.searchsorted(column, ids)


def _moved(
    guest: EventBatch,
    name: str,
    numbers: dict[str, str],
    ids: NDArray[Any],
    hosts: NDArray[Any],
    used: dict[str, NDArray[np.int64]],
) -> dict[str, NDArray[Any]]:
    """Rows of the guests `ids` with the event and the numbers that they have among the hosts."""
    table = guest[name]
    rows = np.isin(table["event_id"], ids)
    place = np.searchsorted(ids, table["event_id"][rows])
    columns = {k: v[rows] for k, v in table.items()}
    for column, target in numbers.items():
        old = columns[column]
        columns[column] = np.where(old >= 0, old + used[target][place], old)
    columns["event_id"] = hosts[place]
    return columns


def _join(name: str, parts: list[dict[str, NDArray[Any]]]) -> Table:
    common = [c for c in parts[0] if all(c in p for p in parts)]
    columns = {c: np.concatenate([p[c] for p in parts]) for c in common}
    order = np.lexsort((columns[_KEYS[name]], columns["event_id"]))
    return Table(name, {c: v[order] for c, v in columns.items()})

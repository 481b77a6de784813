"""Laws that the rows of a batch obey: order, unique keys, references that exist."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import SchemaError
from lamarr.events.batch import EventBatch, Table
from lamarr.events.counting import begins_of_events
from lamarr.events.schema import table_schema

__all__ = ["check_events", "check_keys", "check_references"]


def check_keys(batch: EventBatch) -> None:
    """Check that every table is strictly ordered by its key and that every ``event_id`` is an event.

    Raises
    ------
    SchemaError
        Naming the table and the first row that breaks the law.
    """
    for name, table in batch.items():
        key = table_schema(name).key
        bad = np.flatnonzero(~_increases(table, key))
        if bad.size:
            row = int(bad[0]) + 1
            found = ", ".join(f"{c}={table[c][row]}" for c in key)
            raise SchemaError(
                f"rows of table '{name}' must be ordered by ({', '.join(key)}) without repetition, "
                f"but row {row} ({found}) does not follow the row before it"
            )
        negative = [c for c in key if table.rows and table[c].min() < 0]
        if negative:
            raise SchemaError(f"column '{name}.{negative[0]}' must not be negative, as it identifies rows")
    check_events(batch)


def check_events(batch: EventBatch) -> None:
    """Check that every ``event_id`` is one of the table ``events``.

    Raises
    ------
    SchemaError
        Naming the table and the event.
    """
    for name, table in batch.items():
        ids = table["event_id"]
        each = ids[begins_of_events(ids)]
        strangers = each[~_contains(batch["events"]["event_id"], each)]
        if strangers.size:
            raise SchemaError(f"table '{name}' has rows of event_id={strangers[0]}, which is not in 'events'")


def check_references(batch: EventBatch) -> None:
    """Check that every reference is −1 or names a row of the same event.

    Raises
    ------
    SchemaError
        Naming the missing row.
    """
    for name, table in batch.items():
        for column, target in table_schema(name).references.items():
            if target in batch:
                batch.rows_of(target, table["event_id"], table[column])


def _increases(table: Table, key: tuple[str, ...]) -> NDArray[np.bool_]:
    """Whether each row but the first is lexicographically above the one before it."""
    above = np.zeros(max(table.rows - 1, 0), bool)
    for column in reversed(key):
        before, after = table[column][:-1], table[column][1:]
        above = (after > before) | ((after == before) & above)
    return above


def _contains(ordered: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each of `values` is one of `ordered`."""
    if not ordered.size:
        return np.zeros(values.shape, bool)
    found = np.minimum(np.searchsorted(ordered, values), ordered.size - 1)
    return np.asarray(ordered[found] == values)

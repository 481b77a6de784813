"""Tables and batches as Arrow, pandas and awkward, without copying where the target allows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lamarr.errors import MissingExtraError, SchemaError
from lamarr.events.batch import EventBatch, Table
from lamarr.events.schema import table_schema

if TYPE_CHECKING:
    import awkward
    import pandas as pd

__all__ = [
    "arrow_schema",
    "batch_to_awkward",
    "table_from_arrow",
    "table_to_arrow",
    "table_to_awkward",
    "table_to_pandas",
]


def arrow_schema(name: str, columns: Iterable[str] | None = None) -> pa.Schema:
    """Return the Arrow schema of a table (of all its columns, if none are named), nothing nullable.

    The metadata of each field hold its ``unit`` and ``meaning``, those of the schema the ``table``.
    """
    schema = table_schema(name)
    fields = [
        pa.field(
            column.name,
            pa.from_numpy_dtype(np.dtype(column.dtype)),
            nullable=False,
            metadata={"unit": column.unit, "meaning": column.meaning},
        )
        for column in (schema[c] for c in (schema.names if columns is None else columns))
    ]
    return pa.schema(fields, metadata={"table": name, "meaning": schema.meaning})


def table_to_arrow(table: Table) -> pa.Table:
    """Return a ``pyarrow.Table`` that shares the columns' memory (except bool, which Arrow packs)."""
    schema = arrow_schema(table.name, table)
    arrays = [pa.array(array, schema.field(name).type) for name, array in table.items()]
    return pa.Table.from_arrays(arrays, schema=schema)


def table_from_arrow(name: str, arrow: pa.Table) -> Table:
    """Return the table `name` made of the columns of an Arrow table.

    Raises
    ------
    SchemaError
        If columns are missing, unknown, or hold nulls.
    """
    columns = {}
    for column in arrow.column_names:
        values = arrow.column(column)
        if values.null_count:
            raise SchemaError(f"column '{name}.{column}' must hold no nulls, but got {values.null_count}")
        columns[column] = values.to_numpy()
    return Table(name, columns)


def table_to_pandas(table: Table) -> pd.DataFrame:
    """Return a ``pandas.DataFrame`` with the columns of the table and a plain index.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("data frames need pandas: pip install pandas") from error
    return pd.DataFrame(dict(table))


def table_to_awkward(table: Table) -> awkward.Array:
    """Return a flat ``awkward.Array`` of records, sharing memory with the table."""
    import awkward

    return awkward.Array(_records(table, [*table]))


def batch_to_awkward(batch: EventBatch) -> awkward.Array:
    """Return an ``awkward.Array`` with one record per event.

    Its fields are the columns of ``events`` and, for every other table, a list of records without the
    column ``event_id``, which would only repeat. Memory is shared with the batch.

    Examples
    --------
    >>> import numpy as np
    >>> one = {"event_id": [4], "source": [0], "run_number": [0], "event_number": [0]}
    >>> events = Table("events", {**one, "n_collisions": [0], "weight": [1.0]})
    >>> batch = EventBatch({"events": events, "collisions": Table.empty("collisions")})
    >>> batch.to_awkward().collisions.x.tolist()
    [[]]
    """
    import awkward
    from awkward import contents, index

    events = batch["events"]
    fields = {name: contents.NumpyArray(array) for name, array in events.items()}
    for name, table in batch.items():
        if name == "events":
            continue
        starts = np.searchsorted(table["event_id"], events["event_id"])
        offsets = index.Index64(np.append(starts, table.rows))
        records = _records(table, [c for c in table if c != "event_id"])
        fields[name] = contents.ListOffsetArray(offsets, records)
    return awkward.Array(contents.RecordArray([*fields.values()], [*fields], length=batch.n_events))


def _records(table: Table, columns: list[str]) -> awkward.contents.RecordArray:
    from awkward import contents

    return contents.RecordArray([contents.NumpyArray(table[c]) for c in columns], columns, length=table.rows)

"""A batch of events in memory: one :class:`Table` of equally long columns per concept.

Batches are immutable: a stage adds tables or columns and gives a new batch, arrays are shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import MissingNameError, SchemaError, raise_unknown
from lamarr.events.lookup import Counted
from lamarr.events.schema import SCHEMA, table_schema

if TYPE_CHECKING:
    import awkward
    import pandas as pd
    import pyarrow as pa

__all__ = ["EventBatch", "Table"]

Array = NDArray[Any]


class Table(Mapping[str, Array]):
    """Columns of equal length, with the names and dtypes of the schema.

    Parameters
    ----------
    name : str
        A table of :data:`lamarr.events.SCHEMA`.
    columns : mapping of str to array (rows,)
        Every required column of the schema, and any optional one; cast to the declared dtype.

    Raises
    ------
    SchemaError
        If a column is missing, unknown, of another length or cannot hold its values.

    Examples
    --------
    >>> t = Table("primary_vertices", {})
    Traceback (most recent call last):
    ...
    lamarr.errors.SchemaError: table 'primary_vertices' lacks the columns event_id, vertex_id, collision_id, \
t, x, y, z, sigma_x, sigma_y, sigma_z
    """

    __slots__ = ("_columns", "_counted", "name")

    def __init__(self, name: str, columns: Mapping[str, ArrayLike]) -> None:
        schema = table_schema(name)
        missing = [c for c in schema.required if c not in columns]
        if missing:
            raise SchemaError(f"table '{name}' lacks the columns {', '.join(missing)}")
        for column in columns:
            schema[column]
        ordered = [c for c in schema.columns if c.name in columns]
        self.name = name
        self._columns = {c.name: _cast(name, c.name, columns[c.name], c.dtype) for c in ordered}
        self._check_lengths()

    def _check_lengths(self) -> None:
        lengths = {c: len(a) for c, a in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise SchemaError(f"columns of table '{self.name}' must have equal lengths, but got {lengths}")

    def _like(self, columns: dict[str, Array]) -> Table:
        """Return a table with columns that have the dtypes and the order of the schema."""
        table = object.__new__(Table)
        table.name, table._columns = self.name, columns
        return table

    @classmethod
    def empty(cls, name: str, columns: Iterable[str] | None = None) -> Table:
        """Return a table without rows, with the required or the given columns."""
        schema = table_schema(name)
        names = schema.required if columns is None else tuple(columns)
        return cls(name, {c: np.empty(0, schema[c].dtype) for c in names})

    def __getitem__(self, name: str) -> Array:
        try:
            return self._columns[name]
        except KeyError:
            raise_unknown(f"column of this '{self.name}' table", name, self._columns, MissingNameError)

    def __getattr__(self, name: str) -> Array:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._columns[name]
        except KeyError:
            raise AttributeError(f"table '{self.name}' has no column {name!r}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """Return the number of columns; see :attr:`rows` for the number of rows."""
        return len(self._columns)

    def __reduce__(self) -> tuple[Any, ...]:
        return Table, (self.name, self._columns)

    def __eq__(self, other: object) -> bool:
        """Whether name, columns and every bit of them agree (a NaN equals itself, −0.0 is not 0.0)."""
        if not isinstance(other, Table):
            return NotImplemented
        if (self.name, [*self], self.rows) != (other.name, [*other], other.rows):
            return False
        return all(a.tobytes() == other[c].tobytes() for c, a in self._columns.items())

    __hash__ = None  # type: ignore[assignment]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self._columns.values())))

    @property
    def counted(self) -> Counted | None:
        """Where the rows of each event begin, if they count from 0 in each; worked out once."""
        if not hasattr(self, "_counted"):
            key = table_schema(self.name).key
            self._counted = Counted.of(*(self._columns[c] for c in key)) if len(key) == 2 else None
        return self._counted

    def with_columns(self, **columns: ArrayLike) -> Table:
        """Return a table that has these columns as well, or instead of those of the same name."""
        schema = table_schema(self.name)
        cast = {c: _cast(self.name, c, values, schema[c].dtype) for c, values in columns.items()}
        both = {**self._columns, **cast}
        table = self._like({c: both[c] for c in schema.names if c in both})
        table._check_lengths()
        if hasattr(self, "_counted") and not columns.keys() & schema.key:
            table._counted = self._counted
        return table

    def take(self, rows: Array | slice) -> Table:
        """Return the rows selected by a mask, indices or slice; all of them are the table itself."""
        if isinstance(rows, slice):
            return self._like({c: a[rows] for c, a in self._columns.items()})
        if np.asarray(rows).dtype == bool and len(rows) == self.rows:
            if np.all(rows):
                return self
            rows = np.flatnonzero(rows)
            return self._like({c: a.take(rows) for c, a in self._columns.items()})
        return self._like({c: a[rows] for c, a in self._columns.items()})

    @classmethod
    def concatenate(cls, tables: Iterable[Table]) -> Table:
        """Join tables of the same name and columns, in the order given."""
        parts = list(tables)
        if not parts:
            raise SchemaError("at least one table must be given, but got none")
        first = parts[0]
        for part in parts[1:]:
            if part.name != first.name:
                raise SchemaError(f"tables '{first.name}' and '{part.name}' cannot be joined")
            if [*part] != [*first]:
                raise SchemaError(
                    f"tables '{first.name}' must have the same columns, but got {[*first]} and {[*part]}"
                )
        if len(parts) == 1:
            return first
        return first._like({c: np.concatenate([p[c] for p in parts]) for c in first})

    def to_arrow(self) -> pa.Table:
        """Return a ``pyarrow.Table``; units and meanings are in the metadata of its fields."""
        from lamarr.events.convert import table_to_arrow

        return table_to_arrow(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return a ``pandas.DataFrame`` (needs pandas)."""
        from lamarr.events.convert import table_to_pandas

        return table_to_pandas(self)

    def to_awkward(self) -> awkward.Array:
        """Return a flat ``awkward.Array`` of records."""
        from lamarr.events.convert import table_to_awkward

        return table_to_awkward(self)

    def __repr__(self) -> str:
        return f"<Table '{self.name}': {self.rows} rows x {len(self)} columns>"


def _cast(table: str, column: str, values: ArrayLike, dtype: str) -> Array:
    array = np.asarray(values)
    if array.ndim != 1:
        raise SchemaError(f"column '{table}.{column}' must be one-dimensional, but got shape {array.shape}")
    target = np.dtype(dtype)
    if array.dtype == target:
        return array
    if target.kind == "b" and array.size and not np.isin(array, (0, 1)).all():
        raise SchemaError(f"column '{table}.{column}' must hold false or true, but got {array.dtype}")
    if target.kind in "iu" and array.size:
        info = np.iinfo(target)
        if array.dtype.kind not in "iub" or array.min() < info.min or array.max() > info.max:
            raise SchemaError(
                f"column '{table}.{column}' must hold {dtype}, but got {array.dtype} "
                f"from {array.min()} to {array.max()}"
            )
    return array.astype(target)


class EventBatch(Mapping[str, Table]):
    """Some events: tables by name, each also an attribute (``batch.particles``).

    Parameters
    ----------
    tables : mapping of str to Table
        At least ``events``. Rows of all tables are ordered by ``event_id``.
    sources : sequence of str
        Names that the column ``events.source`` points to.

    Attributes
    ----------
    known_rows : dict
        Row numbers that were looked up, for whoever looks them up again; with other columns than keys and
        references they stay true.
    """

    __slots__ = ("_tables", "known_rows", "sources")

    def __init__(self, tables: Mapping[str, Table], sources: Iterable[str] = ()) -> None:
        for name, table in tables.items():
            if name != table.name:
                raise SchemaError(f"a table of kind '{table.name}' cannot be stored as '{name}'")
        if "events" not in tables:
            raise SchemaError("a batch of events needs the table 'events'")
        self._tables = {name: tables[name] for name in SCHEMA if name in tables}
        self.known_rows: dict[Any, NDArray[np.int64]] = {}
        self.sources = tuple(sources)

    def __getitem__(self, name: str) -> Table:
        try:
            return self._tables[name]
        except KeyError:
            raise_unknown("table of this batch", name, self._tables, MissingNameError)

    def __getattr__(self, name: str) -> Table:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._tables[name]
        except KeyError:
            raise AttributeError(
                f"this batch has no table {name!r}; it has {', '.join(self._tables)}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        """Return the number of tables; see :attr:`n_events` for the number of events."""
        return len(self._tables)

    def __reduce__(self) -> tuple[Any, ...]:
        return EventBatch, (self._tables, self.sources)

    def __eq__(self, other: object) -> bool:
        """Whether sources, tables, columns and every bit of them agree."""
        if not isinstance(other, EventBatch):
            return NotImplemented
        return self.sources == other.sources and self._tables == other._tables

    __hash__ = None  # type: ignore[assignment]

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self._tables["events"].rows

    def with_tables(self, *tables: Table) -> EventBatch:
        """Return a batch that has these tables as well, or instead of those of the same name."""
        return EventBatch({**self._tables, **{t.name: t for t in tables}}, self.sources)

    def with_columns(self, table: str, **columns: ArrayLike) -> EventBatch:
        """Return a batch whose `table` has these columns as well."""
        batch = self.with_tables(self[table].with_columns(**columns))
        schema = table_schema(table)
        if not columns.keys() & {*schema.key, *schema.references}:
            batch.known_rows = self.known_rows
        return batch

    def select_events(self, first: int, last: int) -> EventBatch:
        """Return the events whose ``event_id`` is in [first, last)."""
        tables = {}
        for name, table in self._tables.items():
            tables[name] = table.take(slice(*np.searchsorted(table["event_id"], (first, last))))
        return EventBatch(tables, self.sources)

    @classmethod
    def concatenate(cls, batches: Iterable[EventBatch]) -> EventBatch:
        """Join batches of the same tables, columns and sources, in the order given."""
        parts = list(batches)
        if not parts:
            raise SchemaError("at least one batch must be given, but got none")
        first = parts[0]
        for part in parts[1:]:
            for what, a, b in [("sources", first.sources, part.sources), ("tables", [*first], [*part])]:
                if a != b:
                    raise SchemaError(f"batches to be joined must have the same {what}, but got {a} and {b}")
        tables = {name: Table.concatenate(part[name] for part in parts) for name in first}
        return cls(tables, first.sources)

    def rows_of(self, table: str, event_id: ArrayLike, number: ArrayLike) -> NDArray[np.int64]:
        """Row numbers in `table` of the keys (event_id, number); −1 where `number` is negative.

        Where numbers count from 0 in every event, the first row of the event tells; else, as tables are
        ordered by (event_id, number), a binary search.

        Raises
        ------
        SchemaError
            If a key does not exist.
        """
        key = table_schema(table).key
        if len(key) != 2:
            raise SchemaError(f"rows of table '{table}' are known by ({', '.join(key)}), not by two numbers")
        event, local = np.broadcast_arrays(np.asarray(event_id, np.int64), np.asarray(number))
        counted = self[table].counted
        if counted and (known := counted.rows(event.ravel(), local.ravel())) is not None:
            return known.reshape(event.shape)
        column, stride = key[1], np.int64(2**31)
        events, numbers = self[table]["event_id"], self[table][column]
        none = local < 0
        keys = events * stride + numbers
        wanted = event * stride + local
        rows = np.searchsorted(keys, wanted)
        clipped = np.minimum(rows, max(len(keys) - 1, 0))
        found = none | ((keys[clipped] == wanted) if len(keys) else False)
        if not np.all(found):
            bad = int(np.flatnonzero(~found)[0])
            raise SchemaError(
                f"table '{table}' has no row (event_id={event.flat[bad]}, {column}={local.flat[bad]})"
            )
        return np.where(none, -1, rows)

    def to_arrow(self) -> dict[str, pa.Table]:
        """Return a ``pyarrow.Table`` per table."""
        return {name: table.to_arrow() for name, table in self._tables.items()}

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """Return a ``pandas.DataFrame`` per table (needs pandas)."""
        return {name: table.to_pandas() for name, table in self._tables.items()}

    def to_awkward(self) -> awkward.Array:
        """Return an ``awkward.Array`` of events: their columns, and each other table as a list of records."""
        from lamarr.events.convert import batch_to_awkward

        return batch_to_awkward(self)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}: {table.rows}" for name, table in self._tables.items())
        return f"<EventBatch {inside}>"

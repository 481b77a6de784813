"""Cutting streams of tables: into pieces of a fixed number of rows (writing), at events (reading)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamarr.events.batch import Table

__all__ = ["Cursor", "Pieces"]


class Pieces:
    """Tables of any size in, tables of exactly `rows` rows out; the rest comes last.

    Files are therefore cut at the same rows however the events were batched.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._waiting: list[Table] = []
        self._n = 0

    def add(self, table: Table) -> Iterator[Table]:
        """Take in a table and give the pieces that are complete."""
        self._waiting.append(table)
        self._n += table.rows
        if self._n < self._rows:
            return
        joined = Table.concatenate(self._waiting)
        whole = self._n - self._n % self._rows
        for start in range(0, whole, self._rows):
            yield joined.take(slice(start, start + self._rows))
        self._waiting = [joined.take(slice(whole, None))]
        self._n -= whole

    def rest(self) -> Iterator[Table]:
        """Give what is left, if it has rows."""
        if self._n:
            yield Table.concatenate(self._waiting)
        self._waiting, self._n = [], 0


class Cursor:
    """The chunks of one table, ordered by ``event_id``, taken event by event.

    Raises
    ------
    ValueError
        When the events are not in order.
    """

    def __init__(self, empty: Table, chunks: Iterator[Table]) -> None:
        self._chunks, self._empty = chunks, empty
        self._waiting: list[Table] = []
        self._n = 0
        self._last = -1
        # An event comes once, its particles may be many.
        self._least_step = 1 if empty.name == "events" else 0

    def take(self, n: int) -> Table:
        """Return the next `n` rows, fewer at the end."""
        while self._n < n and self._more():
            pass
        return self._cut(n)

    def through(self, event_id: int) -> Table:
        """Return all further rows up to and including those of `event_id`."""
        while self._last <= event_id and self._more():
            pass
        return self._cut(sum(int(t["event_id"].searchsorted(event_id, "right")) for t in self._waiting))

    def _more(self) -> bool:
        chunk = next((c for c in self._chunks if c.rows), None)
        if chunk is None:
            return False
        ids = chunk["event_id"]
        step = np.diff(ids, prepend=self._last)
        if step.min() < self._least_step:
            row = int(np.argmin(step))
            raise ValueError(f"event_id={ids[row]} in table '{chunk.name}' is out of order")
        self._waiting.append(chunk)
        self._n += chunk.rows
        self._last = int(ids[-1])
        return True

    def _cut(self, n: int) -> Table:
        """Take the first `n` rows off what waits: copied only where they come from several chunks."""
        first, rest = [], []
        for chunk in self._waiting:
            first.append(chunk.take(slice(0, n)))
            rest.append(chunk.take(slice(n, None)))
            n = max(n - chunk.rows, 0)
        self._waiting = [t for t in rest if t.rows]
        self._n = sum(t.rows for t in self._waiting)
        return Table.concatenate([t for t in first if t.rows] or [self._empty])

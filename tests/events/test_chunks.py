"""Laws of cutting streams of tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import batches

from lamarr.events import EventBatch, Table
from lamarr.events.chunks import Cursor, Pieces

few = settings(max_examples=50, deadline=None)


@few
@given(batches(tables=("events", "collisions"), max_events=8), st.lists(st.integers(0, 5)), st.integers(1, 9))
def test_pieces_are_of_equal_size_and_lose_nothing(batch: EventBatch, cuts: list[int], rows: int) -> None:
    pieces = Pieces(rows)
    whole = [piece for part in _parts(batch.collisions, cuts) for piece in pieces.add(part)]
    rest = list(pieces.rest())
    assert [piece.rows for piece in whole] == [rows] * (batch.collisions.rows // rows)
    assert sum(piece.rows for piece in rest) == batch.collisions.rows % rows
    assert Table.concatenate([Table.empty("collisions"), *whole, *rest]) == batch.collisions
    assert list(pieces.rest()) == []


@few
@given(batches(tables=("events", "collisions"), max_events=8), st.lists(st.integers(0, 5)), st.integers(1, 9))
def test_cursor_gives_the_rows_of_each_event(batch: EventBatch, cuts: list[int], step: int) -> None:
    events = Cursor(Table.empty("events", batch.events), _parts(batch.events, cuts))
    collisions = Cursor(Table.empty("collisions"), _parts(batch.collisions, cuts))
    for first in range(0, batch.n_events, step):
        ids = batch.events.event_id[first : first + step]
        assert (events.take(step).event_id == ids).all()
        inside = np.isin(batch.collisions.event_id, ids)
        assert collisions.through(int(ids[-1])) == batch.collisions.take(inside)
    assert events.take(1).rows == collisions.take(1).rows == 0


def test_cursor_refuses_what_is_out_of_order() -> None:
    columns = {key: [0, 0] for key in ("collision_id", "process_id", "weight", "t", "x", "y", "z")}
    table = Table("collisions", {"event_id": [3, 2], **columns})
    with pytest.raises(ValueError, match="event_id=2 in table 'collisions' is out of order"):
        Cursor(Table.empty("collisions"), iter([table])).take(2)


def _parts(table: Table, cuts: list[int]) -> Iterator[Table]:
    at = 0
    for n in cuts:
        yield table.take(slice(at, at + n))
        at += n
    yield table.take(slice(at, None))

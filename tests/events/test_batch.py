"""Laws of tables and batches."""

from __future__ import annotations

import pickle

import awkward as ak
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import batches, random_batch

from lamarr.errors import SchemaError
from lamarr.events import SCHEMA, EventBatch, Table, check_keys, check_references, table_schema
from lamarr.events.convert import table_from_arrow
from lamarr.events.lookup import Counted

few = settings(max_examples=30, deadline=None)


@few
@given(batches())
def test_drawn_batches_are_valid(batch: EventBatch) -> None:
    check_keys(batch)
    check_references(batch)


@few
@given(batches(), st.integers(0, 20))
def test_cut_and_joined_is_the_same(batch: EventBatch, at: int) -> None:
    assert EventBatch.concatenate([batch.select_events(0, at), batch.select_events(at, 10**6)]) == batch


@few
@given(batches(), st.integers(0, 10), st.integers(0, 10))
def test_selected_events_are_those_asked_for(batch: EventBatch, first: int, last: int) -> None:
    chosen = batch.select_events(first, last)
    for name, table in batch.items():
        inside = (table.event_id >= first) & (table.event_id < last)
        assert chosen[name] == table.take(inside)


@few
@given(batches())
def test_rows_of_finds_every_row(batch: EventBatch) -> None:
    for name, table in batch.items():
        key = table_schema(name).key
        if len(key) == 2:
            assert (batch.rows_of(name, table.event_id, table[key[1]]) == np.arange(table.rows)).all()
            assert (batch.rows_of(name, table.event_id, -1) == -1).all()


@few
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(-1, 7), st.integers(-1, 5)), max_size=20),
)
def test_counted_rows_are_those_of_a_search(sizes: list[int], wanted: list[tuple[int, int]]) -> None:
    keys = [(e, i) for e, n in enumerate(sizes) for i in range(n)]
    event, number = (np.array([k[j] for k in keys], np.int64) for j in (0, 1))
    counted = Counted.of(event, number)
    assert counted is not None
    asked = [np.array([w[j] for w in wanted], np.int64) for j in (0, 1)]
    found = counted.rows(*asked)
    if all(w in keys or w[1] < 0 for w in wanted):
        assert found is not None
        assert found.tolist() == [keys.index(w) if w[1] >= 0 else -1 for w in wanted]
    else:
        assert found is None
    if len(keys) > 1:
        assert Counted.of(event[1:], number[1:]) is None or sizes[int(event[0])] == 1


@few
@given(batches(tables=("events", "collisions", "vertices", "particles")))
def test_other_columns_leave_known_rows_true(batch: EventBatch) -> None:
    particles = batch["particles"]
    event, number = particles["event_id"], particles["particle_id"]
    before = batch.rows_of("particles", event, number)
    batch.known_rows["mine"] = before
    assert "mine" in batch.with_columns("particles", pid=particles["pid"] + 1).known_rows
    assert "mine" not in batch.with_columns("particles", mother=particles["mother"]).known_rows
    moved = batch.with_columns("particles", particle_id=number + 1)
    assert (moved.rows_of("particles", event, number + 1) == before).all()


@few
@given(batches())
def test_pickle_keeps_everything(batch: EventBatch) -> None:
    assert pickle.loads(pickle.dumps(batch)) == batch


@few
@given(batches())
def test_arrow_round_trip(batch: EventBatch) -> None:
    for name, arrow in batch.to_arrow().items():
        arrow.validate(full=True)
        assert table_from_arrow(name, arrow) == batch[name]


@few
@given(batches())
def test_pandas_keeps_dtypes_and_values(batch: EventBatch) -> None:
    for name, frame in batch.to_pandas().items():
        assert [*frame.columns] == [*batch[name]]
        for column, values in batch[name].items():
            assert frame[column].dtype == values.dtype
            np.testing.assert_array_equal(frame[column].to_numpy(), values)


@few
@given(batches())
def test_awkward_has_the_rows_of_each_event(batch: EventBatch) -> None:
    array = batch.to_awkward()
    assert ak.is_valid(array)
    assert len(array) == batch.n_events
    for name, table in batch.items():
        if name == "events":
            continue
        counts = [(table.event_id == e).sum() for e in batch.events.event_id]
        assert ak.num(array[name]).tolist() == counts
        for column in table:
            if column != "event_id":
                assert ak.flatten(array[name, column]).to_numpy().tobytes() == table[column].tobytes()
    for column, values in batch.events.items():
        assert array[column].to_numpy().tobytes() == values.tobytes()


def test_arrow_fields_explain_themselves() -> None:
    field = Table.empty("tracks").to_arrow().schema.field("qop")
    assert field.metadata[b"unit"] == b"1/MeV"
    assert field.metadata[b"meaning"] == b"charge over momentum"
    assert not field.nullable


def test_arrow_with_nulls_is_refused() -> None:
    arrow = Table.empty("true_states").to_arrow()
    arrow = arrow.set_column(0, "event_id", pa.nulls(0, pa.int64()))
    assert table_from_arrow("true_states", arrow).rows == 0
    nulls = pa.table({c: pa.nulls(2, pa.int64()) for c in SCHEMA["true_states"].names})
    with pytest.raises(SchemaError, match=r"'true_states\.event_id' must hold no nulls, but got 2"):
        table_from_arrow("true_states", nulls)


@pytest.mark.parametrize("name", SCHEMA)
def test_schema_refers_to_what_exists(name: str) -> None:
    schema = SCHEMA[name]
    assert set(schema.key) <= set(schema.names)
    assert len(set(schema.names)) == len(schema.names)
    for column, target in schema.references.items():
        assert column in schema
        assert target in SCHEMA


def test_a_batch_is_a_mapping() -> None:
    batch = random_batch(1, n_events=3, tables=("events",))
    assert "tracks" not in batch
    assert "px" not in batch.events
    assert batch.get("tracks") is None
    with pytest.raises(KeyError):
        batch["tracks"]
    with pytest.raises(AttributeError, match="no table 'tracks'; it has events"):
        batch.tracks  # noqa: B018
    with pytest.raises(SchemaError, match="near misses: weight"):
        batch.events["weigth"]


def test_equality_is_of_bits() -> None:
    a = random_batch(1, n_events=2, tables=("events",))
    negative, nan = (a.with_columns("events", weight=[v, v]) for v in (-0.0, np.nan))
    assert nan == nan.with_columns("events", weight=nan.events.weight.copy())
    assert negative != a.with_columns("events", weight=[0.0, 0.0])
    assert a != EventBatch(dict(a), ("other",))
    assert a != 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"source": [0.5, 1.0]}, "must hold int32, but got float64"),
        ({"source": [2**40, 0]}, "must hold int32, but got int64 from 0 to 1099511627776"),
        ({"source": [[0], [1]]}, "must be one-dimensional"),
        ({"source": [0, 0, 0]}, "must have equal lengths"),
        ({"weigth": [0, 0]}, "near misses: weight"),
    ],
)
def test_bad_columns(columns: dict[str, list[object]], message: str) -> None:
    events = random_batch(1, n_events=2, tables=("events",)).events
    with pytest.raises(SchemaError, match=message):
        events.with_columns(**columns)


def test_bool_columns_hold_no_other_numbers() -> None:
    vertices = random_batch(1, n_events=9).vertices
    with pytest.raises(SchemaError, match="must hold false or true"):
        vertices.with_columns(is_primary=np.full(vertices.rows, 2))
    assert vertices.with_columns(is_primary=np.ones(vertices.rows, int)).is_primary.dtype == bool


def test_broken_order_is_named() -> None:
    batch = random_batch(2, n_events=9)
    for rows in ([1, 0], [0, 0]):
        with pytest.raises(SchemaError, match=r"'particles' must be ordered by \(event_id, particle_id\)"):
            check_keys(batch.with_tables(batch.particles.take(np.array(rows))))


def test_strangers_and_negative_keys_are_named() -> None:
    batch = random_batch(2, n_events=9)
    with pytest.raises(SchemaError, match=r"table 'collisions' has rows of event_id=\d+, which is not in"):
        check_keys(batch.with_tables(batch.events.take(slice(0, 1))))
    with pytest.raises(SchemaError, match=r"'collisions\.collision_id' must not be negative"):
        check_keys(batch.with_tables(batch.collisions.take(slice(0, 1)).with_columns(collision_id=[-1])))


def test_dangling_reference_is_named() -> None:
    batch = random_batch(2, n_events=9)
    bad = batch.with_columns("tracks", particle_id=np.full(batch.tracks.rows, 77))
    with pytest.raises(SchemaError, match=r"table 'particles' has no row \(event_id=\d+, particle_id=77\)"):
        check_references(bad)


def test_rows_of_needs_two_numbers() -> None:
    batch = random_batch(2, n_events=9)
    with pytest.raises(SchemaError, match=r"known by \(event_id, particle_id, location\)"):
        batch.rows_of("true_states", 0, 0)


def test_parts_that_cannot_be_joined() -> None:
    a, b = random_batch(1, n_events=2), random_batch(1, n_events=2, tables=("events",))
    for parts, message in [
        ([], "at least one batch"),
        ([a, b], "must have the same tables"),
        ([a, EventBatch(dict(a), ("x",))], "must have the same sources"),
        ([a, random_batch(1, n_events=2, optional="none")], "must have the same columns"),
    ]:
        with pytest.raises(SchemaError, match=message):
            EventBatch.concatenate(parts)

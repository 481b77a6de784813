"""What is written comes back, bit for bit, from every format and however it was batched."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import batches, random_batch

from lamarr.events import SCHEMA_VERSION, EventBatch, Table, describe, iterate, open_writer, read

FORMATS = {"root": "out.root", "rntuple": "out.root", "parquet": "out.parquet", "sqlite": "out.sqlite"}
fmt = pytest.mark.parametrize("kind", FORMATS)


def as_stored(batch: EventBatch, kind: str) -> EventBatch:
    """What a format can hold: SQLite knows no sign of zero and no payload of NaN."""
    if kind != "sqlite":
        return batch
    tables = {n: Table(n, {c: _plain(a) for c, a in table.items()}) for n, table in batch.items()}
    return EventBatch(tables, batch.sources)


def _plain(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "f":
        return values
    return np.where(np.isnan(values), values.dtype.type(np.nan), values + values.dtype.type(0))


def write(folder: str, kind: str, batch: EventBatch, size: int) -> Path:
    path = Path(folder) / FORMATS[kind]
    with open_writer(path, format=kind, sources=batch.sources, metadata={"seed": 7}) as writer:
        last = int(batch["events"]["event_id"][-1]) if batch.n_events else -1
        for first in range(0, last + 1, size):
            writer.write(batch.select_events(first, first + size))
        if batch.n_events == 0:
            writer.write(batch)
    return path


@fmt
@settings(max_examples=12, deadline=None)
@given(batch=batches(), size=st.integers(1, 8), step=st.integers(1, 8))
def test_round_trip(kind: str, batch: EventBatch, size: int, step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, kind, batch, size)
        expected = as_stored(batch, kind)
        assert read(path) == expected
        parts = list(iterate(path, step))
        assert [p.n_events for p in parts[:-1]] == [step] * (len(parts) - 1)
        assert (EventBatch.concatenate(parts) if parts else read(path)) == expected
        assert [p.name for p in Path(folder).iterdir()] == [path.name]


@fmt
def test_header(kind: str, tmp_path: Path) -> None:
    batch = example()
    path = write(str(tmp_path), kind, batch, 3)
    header = describe(path)
    assert header.metadata == {"seed": 7}
    assert header.sources == batch.sources
    assert header.schema_version == SCHEMA_VERSION
    assert header.tables == {name: tuple(table) for name, table in batch.items()}


@fmt
def test_tables_can_be_chosen(kind: str, tmp_path: Path) -> None:
    batch = example()
    path = write(str(tmp_path), kind, batch, 3)
    chosen = read(path, tables=["tracks"])
    assert [*chosen] == ["events", "tracks"]
    assert chosen.tracks == as_stored(batch, kind).tracks


@fmt
def test_no_batch_gives_no_events(kind: str, tmp_path: Path) -> None:
    path = tmp_path / FORMATS[kind]
    with open_writer(path, format=kind, sources=["a.mc2"]):
        pass
    found = read(path)
    assert (found.n_events, [*found], found.sources) == (0, ["events"], ("a.mc2",))
    assert list(iterate(path, 10)) == []


def test_parquet_bytes_do_not_depend_on_batches(tmp_path: Path) -> None:
    batch = example()
    files = []
    for size in (1, 7, 10_000):
        folder = tmp_path / str(size)
        folder.mkdir()
        path = write(str(folder), "parquet", batch, size)
        files.append({p.name: p.read_bytes() for p in path.iterdir()})
    assert files[0] == files[1] == files[2]


def test_sqlite_bytes_do_not_depend_on_batches(tmp_path: Path) -> None:
    import sqlite3

    batch = example()
    dumps = []
    for size in (1, 7, 10_000):
        folder = tmp_path / str(size)
        folder.mkdir()
        connection = sqlite3.connect(write(str(folder), "sqlite", batch, size))
        dumps.append(sorted(connection.iterdump()))
        connection.close()
    assert dumps[0] == dumps[1] == dumps[2]


@pytest.mark.parametrize("kind", ["root", "rntuple", "parquet"])
def test_many_rows_are_cut_in_pieces(kind: str, tmp_path: Path) -> None:
    """More rows than a basket or row group holds, in batches that do not fit them."""
    n, per_event = 30_000, 5
    event = np.arange(n)
    events = Table(
        "events",
        {
            "event_id": event,
            "event_number": event,
            "weight": np.ones(n),
            **dict.fromkeys(("source", "run_number", "n_collisions"), np.zeros(n, int)),
        },
    )
    number = np.tile(np.arange(per_event), n)
    columns = dict.fromkeys(
        ("t", "x", "y", "z", "weight"), np.random.default_rng(1).normal(size=n * per_event)
    )
    collisions = Table(
        "collisions",
        {"event_id": np.repeat(event, per_event), "collision_id": number, "process_id": number, **columns},
    )
    batch = EventBatch({"events": events, "collisions": collisions}, ("gun",))
    path = write(str(tmp_path), kind, batch, 1999)
    assert read(path) == batch
    assert EventBatch.concatenate(iterate(path, 4321)) == batch


def example() -> EventBatch:
    """A fixed batch with rows in every table."""
    return random_batch(3, n_events=40, gaps=True, special=True)

"""Files that are missing, damaged or not ours, and outputs that cannot be: a sentence each."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
import uproot
from pyarrow import parquet
from tests.strategies import random_batch

from lamarr.errors import ConfigurationError, InputFileError, OutputFileError, SchemaError
from lamarr.events import SCHEMA, SCHEMA_VERSION, EventBatch, Header, iterate, open_writer, read
from lamarr.events.header import Header as HeaderType

FORMATS = {"root": "out.root", "rntuple": "rn.root", "parquet": "out.parquet", "sqlite": "out.sqlite"}
# RNTuples share the code of TTrees and are slow to make; their own damage is tested where it may differ.
fmt = pytest.mark.parametrize("kind", ["root", "parquet", "sqlite"])
every_fmt = pytest.mark.parametrize("kind", FORMATS)
BATCH = random_batch(5, n_events=30)


def write(folder: Path, kind: str, batch: EventBatch = BATCH) -> Path:
    path = folder / FORMATS[kind]
    with open_writer(path, format=kind, force=True) as writer:
        writer.write(batch)
    return path


def body(path: Path) -> Path:
    """The file that holds the particles."""
    return path / "particles.parquet" if path.is_dir() else path


# --- reading ---------------------------------------------------------------------------------------------


def test_missing_file_names_near_misses(tmp_path: Path) -> None:
    write(tmp_path, "root")
    with pytest.raises(InputFileError, match=r"ou\.root' does not exist; near misses: out\.root"):
        read(tmp_path / "ou.root")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="does not exist"):
        read(tmp_path / "no" / "out.root")


@pytest.mark.parametrize(
    ("kind", "fraction"), [*((k, 0.999) for k in FORMATS), *((k, 0.3) for k in FORMATS if k != "rntuple")]
)
def test_truncated(kind: str, fraction: float, tmp_path: Path) -> None:
    path = write(tmp_path, kind)
    data = body(path).read_bytes()
    body(path).write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(InputFileError, match=r"truncated|damaged") as caught:
        read(path)
    assert str(path) in str(caught.value)


@every_fmt
def test_damaged_inside(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind)
    data = bytearray(body(path).read_bytes())
    for at in range(200, len(data) - 200, 97):
        data[at] ^= 0x5A
    body(path).write_bytes(bytes(data))
    with pytest.raises(InputFileError):
        list(iterate(path, 3))


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "out.root"
    path.touch()
    with pytest.raises(InputFileError, match=r"is empty \(0 bytes\)"):
        read(path)


def test_other_content(tmp_path: Path) -> None:
    path = tmp_path / "out.root"
    path.write_text("HepMC::Version 2.06.09\n")
    with pytest.raises(InputFileError, match="neither ROOT nor Parquet nor SQLite"):
        read(path)


def test_other_root_file(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "x.root") as file:
        file.mktree("DecayTree", {"B_M": "float64"})
    with pytest.raises(InputFileError, match=r"was not written by Lamarr.*DecayTree"):
        read(tmp_path / "x.root")


def test_other_sqlite_file(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("CREATE TABLE a (b)")
    connection.close()
    with pytest.raises(InputFileError, match=r"was not written by Lamarr.*Metadata"):
        read(tmp_path / "x.db")


def test_other_parquet_directory(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"has no 'events\.parquet'"):
        read(tmp_path)


def test_single_parquet_file_is_answered_with_its_directory(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="give the directory"):
        read(write(tmp_path, "parquet") / "tracks.parquet")


def test_lacking_table_in_parquet(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet")
    (path / "tracks.parquet").unlink()
    with pytest.raises(InputFileError, match="lacks the table 'tracks'"):
        read(path)


def test_lacking_column_in_parquet(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet")
    table = parquet.read_table(path / "tracks.parquet")
    parquet.write_table(table.drop_columns(["ghostProb"]), path / "tracks.parquet")
    with pytest.raises(InputFileError, match=r"table 'tracks' .* lacks the columns ghostProb"):
        read(path)


@pytest.mark.parametrize("branches", [None, {"event_id": "int64"}], ids=["table", "column"])
def test_lacking_table_or_column_in_root(branches: dict[str, str] | None, tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "x.root") as file:
        file["metadata"] = Header(tables={"events": ("event_id", "weight")}).to_text()
        if branches:
            file.mktree("events", branches)
    expected = "lacks the columns weight" if branches else "lacks the table 'events'"
    with pytest.raises(InputFileError, match=expected):
        read(tmp_path / "x.root")


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE LHCbTrackState", "ALTER TABLE Track DROP COLUMN ghostProb"],
    ids=["table", "column"],
)
def test_lacking_table_or_column_in_sqlite(statement: str, tmp_path: Path) -> None:
    path = write(tmp_path, "sqlite")
    execute(path, statement)
    with pytest.raises(InputFileError, match=r"what the table 'tracks' is read from: no such (table|column)"):
        read(path)


def execute(path: Path, statement: str, *values: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


@fmt
def test_newer_schema(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = HeaderType.of.__func__
    newer = lambda *a: HeaderType(**{**of(*a).__dict__, "schema_version": SCHEMA_VERSION + 1})  # noqa: E731
    monkeypatch.setattr(HeaderType, "of", classmethod(newer))
    with pytest.raises(InputFileError, match=rf"newer Lamarr \(schema version {SCHEMA_VERSION + 1}.*upgrade"):
        read(write(tmp_path, kind))


def test_damaged_header(tmp_path: Path) -> None:
    path = write(tmp_path, "sqlite")
    for value in (json.dumps({"trakcs": []}), json.dumps({"tracks": ["trackid"]}), "[]"):
        execute(path, "UPDATE Metadata SET value = ? WHERE key = 'tables'", value)
        with pytest.raises(InputFileError, match="damaged Lamarr header"):
            read(path)


@fmt
def test_table_that_is_not_there(kind: str, tmp_path: Path) -> None:
    few = EventBatch({"events": BATCH.events}, BATCH.sources)
    path = write(tmp_path, kind, few)
    with pytest.raises(InputFileError, match="has no table 'tracks'; it has events"):
        read(path, tables=["tracks"])
    with pytest.raises(SchemaError, match="near misses: tracks"):
        read(path, tables=["track"])


def test_events_out_of_order(tmp_path: Path) -> None:
    """As after merging files with other tools: two events of the same number."""
    with uproot.recreate(tmp_path / "x.root") as file:
        events = EventBatch({"events": BATCH.events})
        file["metadata"] = Header.of(events, (), {}).to_text()
        tree = file.mktree("events", {c: a.dtype for c, a in BATCH.events.items()})
        tree.extend(dict(BATCH.events))
        tree.extend(dict(BATCH.events))
    with pytest.raises(InputFileError, match="event_id=0 in table 'events' is out of order"):
        read(tmp_path / "x.root")


@pytest.mark.parametrize("stray", [5, 12, 99])
def test_rows_without_event(stray: int, tmp_path: Path) -> None:
    """As after cutting events away with other tools, in the middle or at the end."""
    path = write(tmp_path, "parquet")
    events, header = parquet.read_table(path / "events.parquet"), parquet.read_schema(path / "events.parquet")
    kept = events.filter([e not in (5, 12) and e < 20 for e in events["event_id"].to_pylist()])
    parquet.write_table(kept.replace_schema_metadata(header.metadata), path / "events.parquet")
    for name in [n for n in SCHEMA if n != "events"]:
        table = parquet.read_table(path / f"{name}.parquet")
        inside = [e in (stray, *kept["event_id"].to_pylist()) for e in table["event_id"].to_pylist()]
        parquet.write_table(table.filter(inside), path / f"{name}.parquet")
    if stray == 99:
        assert [b.n_events for b in iterate(path, 7)] == [7, 7, 4]
        return
    for reader in (read, lambda p: list(iterate(p, 3))):
        with pytest.raises(InputFileError, match=f"event_id={stray}, which is not in 'events'"):
            reader(path)


def test_rows_after_the_last_event(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet")
    metadata = parquet.read_schema(path / "events.parquet").metadata
    none = parquet.read_table(path / "events.parquet").slice(0, 20).replace_schema_metadata(metadata)
    parquet.write_table(none, path / "events.parquet")
    with pytest.raises(InputFileError, match=r"event_id=2\d, which is not in 'events'"):
        list(iterate(path, 20))


def test_size_of_batches_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"size >= 1 must hold, but got \(size=0\)"):
        next(iterate(tmp_path, 0))


# --- writing ---------------------------------------------------------------------------------------------


def test_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"must be one of \.root, \.parquet, \.sqlite, \.db"):
        open_writer(tmp_path / "out.csv")


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no format is called 'parquett'; near misses: parquet"):
        open_writer(tmp_path / "out", format="parquett")


@fmt
def test_existing_output(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind)
    with pytest.raises(OutputFileError, match="exists already"):
        open_writer(path, format=kind)
    few = BATCH.select_events(0, 3)
    write(tmp_path, kind, few)  # with force
    assert read(path).n_events == 3
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_directory_of_others_is_not_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, "parquet")
    (path / "thesis.tex").write_text("precious")
    with pytest.raises(OutputFileError, match="will not be replaced"):
        open_writer(path, force=True)
    with pytest.raises(OutputFileError, match="will not be replaced"):
        open_writer(path, force=True, format="root")
    assert (path / "thesis.tex").read_text() == "precious"


def test_parquet_replaces_a_file_when_forced(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").write_text("old")
    assert read(write(tmp_path, "parquet")) == EventBatch(dict(BATCH), BATCH.sources)


def test_missing_folder_for_output(tmp_path: Path) -> None:
    with pytest.raises(OutputFileError, match=r"the folder '.*no' does not exist"):
        open_writer(tmp_path / "no" / "out.root")


def test_refusing_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(OutputFileError, match=r"out\.root' cannot be written: Permission denied"):
        open_writer(tmp_path / "out.root")


def test_metadata_must_be_json(tmp_path: Path) -> None:
    for bad in ({"seed": {1, 2}}, {"x": float("nan")}):
        with pytest.raises(ConfigurationError, match="must be JSON-able"):
            open_writer(tmp_path / "out.root", metadata=bad)


@fmt
def test_exception_leaves_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / FORMATS[kind]

    def interrupted() -> None:
        with open_writer(path, format=kind) as writer:
            writer.write(BATCH)
            assert not path.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@fmt
def test_exception_keeps_what_was_there(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path, kind)

    def failing() -> None:
        with open_writer(path, format=kind, force=True) as writer:
            writer.write(BATCH.select_events(0, 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert read(path).n_events == BATCH.n_events
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@fmt
def test_swallowed_failure_is_not_published(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up half-way, and a caller that goes on."""

    def careless() -> None:
        with open_writer(tmp_path / FORMATS[kind], format=kind) as writer:
            writer.write(BATCH.select_events(0, 5))
            monkeypatch.setattr(type(writer._sink), "write", _no_space)
            with pytest.raises(OutputFileError, match="No space left"):
                writer.write(BATCH.select_events(5, 30))

    with pytest.raises(OutputFileError, match="one of its batches failed"):
        careless()
    assert list(tmp_path.iterdir()) == []


def _no_space(*args: object) -> None:
    raise OSError(28, "No space left on device")


@fmt
def test_output_that_appears_meanwhile_is_kept(kind: str, tmp_path: Path) -> None:
    path = tmp_path / FORMATS[kind]

    def second() -> None:
        with open_writer(path, format=kind) as writer:
            writer.write(BATCH)
            path.write_text("from another job")

    with pytest.raises(OutputFileError, match="all events are in") as caught:
        second()
    assert path.read_text() == "from another job"
    kept = Path(str(caught.value).split("'")[-2])
    assert read(kept).n_events == BATCH.n_events
    shutil.rmtree(kept) if kept.is_dir() else kept.unlink()


def test_batches_must_agree(tmp_path: Path) -> None:
    first, rest = BATCH.select_events(0, 10), BATCH.select_events(10, 30)
    less = EventBatch({n: t for n, t in rest.items() if n != "tracks"}, rest.sources)
    other = random_batch(5, n_events=30, optional="none").select_events(10, 30)
    with open_writer(tmp_path / "out.root") as writer:
        writer.write(first)
        with pytest.raises(SchemaError, match="must have the tables of the first"):
            writer.write(less)
        with pytest.raises(SchemaError, match="must have the same columns"):
            writer.write(other)
        with pytest.raises(SchemaError, match=r"event_id=0 came after 9"):
            writer.write(first)
        with pytest.raises(SchemaError, match="must have the same sources"):
            writer.write(EventBatch(dict(rest), ("x",)))
        writer.write(rest)
    assert read(tmp_path / "out.root") == BATCH


def test_sqlite_needs_what_is_referred_to(tmp_path: Path) -> None:
    batch = EventBatch({"events": BATCH.events, "tracks": BATCH.tracks}, BATCH.sources)
    with (
        pytest.raises(SchemaError, match="the table 'tracks' needs 'particles'"),
        open_writer(tmp_path / "out.db") as writer,
    ):
        writer.write(batch)
    assert list(tmp_path.iterdir()) == []

"""The reference page is the generated one, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.strategies import random_batch

from lamarr.events import SCHEMA, Fate, open_writer
from lamarr.events.reference import reference
from lamarr.events.sqlite_reader import QUERIES
from lamarr.events.sqlite_tables import SQL_TABLES

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"


def test_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m lamarr.events.reference > docs/schema.md"
    )


def test_every_table_column_and_code_is_on_it() -> None:
    page = reference()
    for schema in SCHEMA.values():
        section = page.split(f"### `{schema.name}`\n")[1].split("\n#")[0]
        assert [*re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)] == [*schema.names]
    for fate in Fate:
        assert f"| {fate.value} | `{fate.name}` | {fate.meaning} |" in page
    for table in SQL_TABLES:
        assert f"### `{table}` (" in page


@pytest.mark.parametrize("name", SCHEMA)
def test_sqlite_reads_every_column(name: str) -> None:
    assert set(QUERIES[name].columns) == set(SCHEMA[name].names)


@pytest.mark.parametrize("result", ["tracks", "matched", "momenta"])
def test_examples(result: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = random_batch(4, n_events=20)
    for name in ("out.root", "out.parquet", "out.sqlite"):
        with open_writer(tmp_path / name) as writer:
            writer.write(batch)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", reference(), re.DOTALL)
    example = next(block for block in blocks if f"\n{result} =" in block)
    names: dict[str, object] = {}
    exec(example, names)
    rows = list(names[result].itertuples() if hasattr(names[result], "itertuples") else names[result])
    seen = int((batch.tracks.particle_id >= 0).sum())
    assert len(rows) == (batch.tracks.rows if result == "tracks" else seen)

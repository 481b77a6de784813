"""What the model of the occupancy learns from: a row per event, in Parquet, and a YAML that declares it.

    python -m lamarr.training.occupancy minbias.parquet bbbar.parquet --gun bbbar.parquet -o occupancy.yaml
    lamarr train occupancy --data occupancy.yaml -o myset

Columns are ``event``, ``nKnownTracks`` (of generated particles that tracking models know), ``isSignalOnly``,
and ``nOtherTracks``, the rest of nTracks, as a continuous number that rounds to it. Events for guns know of a
few tracks only, chosen by chance, as if only those had been generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import yaml
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.errors import InputFileError
from lamarr.events import EventBatch, TrackType, describe, iterate
from lamarr.events.counting import rows_per_event
from lamarr.parametrizations.occupancy import CONDITIONS, OUTPUTS
from lamarr.parametrizations.pid import SPECIES
from lamarr.publishing import beside
from lamarr.random import Stream

__all__ = ["known_tracks", "main", "rows_of"]

Array = NDArray[Any]

SHOWN: Final = 9
"""Tracks of a gun's event: fewer than this."""

_TYPES: Final = (TrackType.LONG, TrackType.UPSTREAM, TrackType.DOWNSTREAM)


def known_tracks(batch: EventBatch) -> NDArray[np.int64]:
    """Return, by event (n,), how many tracks a flash simulation of the same events could make."""
    t = batch["tracks"]
    t = t.take((t["particle_id"] >= 0) & np.isin(t["type"], _TYPES))
    pid = batch["particles"]["pid"][batch.rows_of("particles", t["event_id"], t["particle_id"])]
    events = t["event_id"][np.isin(np.abs(pid), list(SPECIES.values()))]
    return rows_per_event(events, batch["events"]["event_id"])


def rows_of(batch: EventBatch, *, gun: bool) -> dict[str, Array]:
    """Rows of the events of `batch`: as they are, or as those of a gun (n,)."""
    events, known = batch["events"]["event_id"], known_tracks(batch)
    u = Stream(0, "training.occupancy").uniform(events, 0, 2)
    shown = np.minimum((u[:, 0] * SHOWN).astype(np.int64), known) if gun else known
    others = batch["events"]["nTracks"] - shown
    columns = (shown, np.full(len(events), gun), others + u[:, 1] - 0.5)
    return {"event": events} | dict(zip((*CONDITIONS, *OUTPUTS), columns, strict=True))


def _read(path: Path, *, gun: bool) -> list[dict[str, Array]]:
    if "tracks" not in describe(path).tables:
        raise InputFileError(f"'{path}' must hold reconstructed events, but has no table of tracks")
    return [rows_of(b, gun=gun) for b in iterate(path, 2000, ("events", "particles", "tracks"))]


def _names(files: Sequence[Path]) -> str:
    return ", ".join(f.name for f in files)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--gun",
    "guns",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Events in which those of guns are to look as if they were embedded.",
)
@click.option("--origin", help="Where the events come from, for the card. [default: the names of the files]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="YAML; the rows lie beside it."
)
def main(files: Sequence[Path], guns: Sequence[Path], output: Path, origin: str | None) -> None:
    """Write what the model of the occupancy learns from."""
    import pyarrow as pa
    from pyarrow import parquet

    parts = [part for path in files for part in _read(path, gun=False)]
    parts += [part for path in guns for part in _read(path, gun=True)]
    columns = {name: np.concatenate([p[name] for p in parts]).astype(np.float64) for name in parts[0]}
    rows = output.with_suffix(".parquet")
    with beside(rows) as part:
        parquet.write_table(pa.table(columns), part)
    said = {"files": [rows.name], "event": ["event"], "origin": origin or f"events of {_names(files)}"}
    output.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")
    click.echo(f"{output}: {len(columns['event'])} rows, {int(columns['isSignalOnly'].sum())} of guns")


if __name__ == "__main__":
    run(main)

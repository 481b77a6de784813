"""The table that ``lamarr train ecal_shape`` learns from: clusters, their owners, and what they look like.

    python -m lamarr.training.ecal.shapes balanced.parquet minbias.parquet -o runs/ecal/shapes.parquet
    lamarr train ecal_shape --data runs/ecal/shapes.yaml -o SET

Events that are kept for tests (:func:`lamarr.training.ecal.events.part_of`) are left out.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.events import EventBatch, iterate
from lamarr.parametrizations.ecal import Columns, source_objects
from lamarr.parametrizations.ecal.shapes import SHAPE_INPUTS, SHAPE_OUTPUTS, shape_conditions, shape_outputs
from lamarr.parametrizations.ecal.tokens import tokens
from lamarr.parametrizations.ecal.truth import shares_of
from lamarr.training.ecal.events import part_of
from lamarr.training.ecal.owners import owners_of

__all__ = ["main", "shape_table"]

ALL: Final = 0.995
"""Share that counts as the whole cluster."""


def shape_table(batch: EventBatch, name: str, detector: str, geometry: str) -> Columns:
    """Columns ``file`` and ``event`` (for the split), inputs and outputs, of the clusters of a batch."""
    parts = load_geometry(geometry)
    sources = source_objects(batch, load_detector(detector), parts).columns
    owner = owners_of(batch, sources, parts.calorimeter)
    table = batch["clusters"]
    clusters: dict[str, Any] = {c: np.asarray(table[c]) for c in table}
    keep = part_of(clusters["event_id"], name) != 2
    clusters = {c: v[keep] for c, v in clusters.items()}
    x = shape_conditions(
        clusters, sources, tokens(sources, parts.calorimeter), owner[keep], parts.calorimeter
    )
    crc = zlib.crc32(name.encode())
    y = {
        **shape_outputs(clusters, parts.calorimeter),
        "other_track": _other_track(batch)[keep].astype(np.float64),
        "share": _share_of_owner(batch, sources, owner)[keep],
    }
    rng = np.random.Generator(np.random.Philox(key=[crc, int(clusters["event_id"].min(initial=0))]))
    filled = _filled(y, owner[keep] >= 0, rng)
    return {
        "file": np.full(len(x), crc % 2**31),
        "event": clusters["event_id"],
        **{n: x[:, i].astype(np.float64) for i, n in enumerate(SHAPE_INPUTS)},
        **{n: filled[n] for n in SHAPE_OUTPUTS},
    }


def _other_track(batch: EventBatch) -> NDArray[np.bool_]:
    """Whether the closest track of each cluster is one that flash simulation does not make."""
    clusters, tracks = batch["clusters"], batch["tracks"]
    row = batch.rows_of("tracks", clusters["event_id"], clusters["track_id"])
    return (row >= 0) & (np.append(tracks["particle_id"], 0)[row] < 0)


def _share_of_owner(batch: EventBatch, sources: Columns, owner: NDArray[Any]) -> NDArray[np.float64]:
    """Share of each cluster that its owner gave; 1 where that is nearly all."""
    cluster, source, share = shares_of(batch, sources)
    own = owner[cluster] == source
    result = np.ones(len(owner))
    result[cluster[own]] = np.where(share[own] > ALL, 1.0, share[own])
    return result


def _filled(y: Columns, owned: NDArray[np.bool_], rng: np.random.Generator) -> Columns:
    """Give outputs of other clusters to a cluster that has none of its own.

    A cell has no widths, a line of cells none across, and what nobody owns no owner's share: whatever is
    given to these is not used, and costs nothing to learn if it does not depend on anything.
    """
    single, line = y["n_cells"] == 1, y["line"]
    without = {
        "E19": single,
        "width_x": single | (line == 1),
        "width_y": single | (line == 2),
        "correlation": single | (line > 0),
        "share": ~owned,
    }
    result = dict(y)
    for name, lacks in without.items():
        known = y[name][~lacks]
        if len(known):
            result[name] = y[name].copy()
            result[name][lacks] = rng.choice(known, int(lacks.sum()))
    return result


def _declaration(file: Path, origin: str) -> str:
    columns = "\n".join(f"  {n}: {n}" for n in (*SHAPE_INPUTS, *SHAPE_OUTPUTS))
    return f"files: [{file.name}]\nevent: [file, event]\ncolumns:\n{columns}\norigin: {origin}\n"


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A .parquet file.")
@click.option("--detector", default="lhcb2016-magup", show_default=True)
@click.option("--geometry", default="lhcb2016", show_default=True)
@click.option("--origin", default="events of the detailed simulation", help="What the card says of the data.")
def main(files: tuple[Path, ...], output: Path, detector: str, geometry: str, origin: str) -> None:
    """Write the table of clusters, and the YAML beside it that says where its columns are."""
    import pyarrow as pa
    from pyarrow import parquet

    parts = [shape_table(b, path.stem, detector, geometry) for path in files for b in iterate(path, 200)]
    columns = {c: np.concatenate([p[c] for p in parts]) for c in parts[0]}
    output.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), output)
    output.with_suffix(".yaml").write_text(_declaration(output, origin), encoding="utf-8")
    click.echo(f"{len(columns['event'])} clusters: {output}, {output.with_suffix('.yaml')}")


if __name__ == "__main__":
    run(main)

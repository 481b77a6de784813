"""Collect what arrives at the calorimeters of particles that are no source objects, event by event.

python -m lamarr.training.calorimeter.background SAMPLE... -n 200 -o background.npz
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.events import EventBatch, iterate
from lamarr.generation.charges import known_charges
from lamarr.parametrizations.ecal import Columns, LeftOut, kind_of, source_objects

__all__ = ["arriving", "main"]

LEAST: Final = 100.0
"""Least kinetic energy (MeV) of what is kept."""

_TABLES: Final = ("events", "particles", "vertices", "calo_particles")


def arriving(batch: EventBatch) -> list[dict[str, NDArray[Any]]]:
    """Return for each event what arrives without being, or being of, a source object, and ``n_sources``."""
    geometry = load_geometry()
    sources = source_objects(batch, load_detector("lhcb2016-magup"), geometry)
    faces = batch["calo_particles"]
    row = batch.rows_of("particles", faces["event_id"], faces["particle_id"])
    strange = (row < 0) | (np.append(sources.reason, LeftOut.BOOKKEEPING)[row] != LeftOut.KEPT)
    kind = kind_of(faces["pid"], known_charges(faces["pid"])[0])
    way = geometry.calorimeter.ecal.shower_max - faces["z"]
    columns: Columns = {
        "kind": kind,
        **{k: faces[k] + faces[f"t{k}"] * way for k in "xy"},
        **{k: faces[k] for k in ("tx", "ty", "energy")},
    }
    keep = strange & (kind >= 0) & (faces["energy"] > LEAST)
    keep &= (np.abs(faces["tx"]) < 1) & (np.abs(faces["ty"]) < 1)
    events = batch["events"]["event_id"]
    n_sources = np.bincount(np.searchsorted(events, sources.columns["event_id"]), minlength=len(events))
    of_event = np.searchsorted(events, faces["event_id"])
    return [
        {**{k: v[keep & (of_event == i)] for k, v in columns.items()}, "n_sources": n_sources[i : i + 1]}
        for i in range(len(events))
    ]


@click.command()
@click.argument("samples", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-n", "events", type=int, default=150, show_default=True, help="Events of each sample.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(samples: tuple[Path, ...], events: int, output: Path) -> None:
    """Write the pool of the first events of the SAMPLES."""
    found: list[dict[str, NDArray[Any]]] = []
    for path in samples:
        own: list[dict[str, NDArray[Any]]] = []
        for batch in iterate(path, 50, _TABLES):
            own += arriving(batch)
            if len(own) >= events:
                break
        found += own[:events]
    found.sort(key=lambda e: int(e["n_sources"][0]))
    joined = {k: np.concatenate([e[k] for e in found]) for k in found[0]}
    arrays: dict[str, Any] = {
        "n_sources": joined["n_sources"].astype(np.int32),
        "number": np.array([len(e["x"]) for e in found], np.int32),
        "kind": joined["kind"].astype(np.int8),
        "log_energy": np.log(joined["energy"]).astype(np.float16),
        **{k: np.rint(joined[k]).astype(np.int16) for k in "xy"},
        **{k: joined[k].astype(np.float16) for k in ("tx", "ty")},
    }
    np.savez_compressed(output, **arrays)


if __name__ == "__main__":
    run(main)

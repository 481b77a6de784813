"""Match photons and clusters of detailed events, and write what the engine ``signal`` learns from.

    python -m lamarr.training.calorimeter.signal SAMPLE... -o photons.parquet

Lamarr's condition: √(dx² + dy²) < R_M at the shower maximum and |E_γ − E_cl| < 2 σ_E, with the cluster's own
error σ_E; pairs count only where the photon has no other cluster, and the cluster no other photon. Beside the
file, ``photons.parquet.json`` holds how many photons each step removes. ``photons.yaml`` is what
``lamarr train ecal_efficiency --data`` takes; ``photons-found.yaml``, with the found ones alone, is for
``ecal_conversion`` and ``ecal_resolution``.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.cells import calo_cells
from lamarr.commands import run
from lamarr.detector import Detector, load_detector
from lamarr.detector.geometry import Geometry, load_geometry
from lamarr.events import EventBatch, TransportEnd, iterate
from lamarr.parametrizations.ecal import Columns, Kind, source_objects
from lamarr.parametrizations.ecal.pairs import pairs_between
from lamarr.parametrizations.ecal.signal import RESOLUTION, signal_conditions

__all__ = ["main", "match", "photon_rows"]

_TABLES: Final = ("events", "particles", "vertices", "transport", "clusters")
_FILES: Final = 10**9  # events of one file have numbers below


def match(photons: Columns, clusters: Any, geometry: Geometry) -> tuple[NDArray[Any], Counter[str]]:
    """Return the row of the only cluster of each photon (−1: none), and the account of the conditions."""
    ecal = geometry.calorimeter.ecal
    shrink = ecal.shower_max / ecal.plane
    photon, cluster = pairs_between(photons["event_id"], clusters["event_id"])
    dx, dy = (clusters[k][cluster] * shrink - photons[k][photon] for k in "xy")
    near = np.hypot(dx, dy) < ecal.moliere
    photon, cluster = photon[near], cluster[near]
    difference = np.abs(clusters["energy"][cluster] - photons["energy"][photon])
    alike = difference < 2 * np.sqrt(clusters["cov_ee"][cluster])
    counts = Counter(photons=len(photons["energy"]), photons_near=len(np.unique(photon)))
    photon, cluster = photon[alike], cluster[alike]
    alone = np.bincount(photon, minlength=1)[photon] == 1
    shared = np.bincount(cluster, minlength=1)[cluster] > 1
    counts["photons_near_and_alike"] = len(np.unique(photon))
    counts["photons_with_several_clusters"] = len(np.unique(photon[~alone]))
    counts["photons_whose_cluster_has_another"] = len(np.unique(photon[alone & shared]))
    good = alone & ~shared
    counts["photons_matched"] = int(good.sum())
    result = np.full(len(photons["energy"]), -1)
    result[photon[good]] = cluster[good]
    return result, counts


def photon_rows(batch: EventBatch, detector: Detector, geometry: Geometry) -> tuple[Columns, Counter[str]]:
    """Return conditions, labels and the cluster's quantities of every photon of a detailed batch."""
    sources = source_objects(batch, detector, geometry).columns
    rows = np.flatnonzero(sources["kind"] == Kind.PHOTON)
    photons = {k: v[rows] for k, v in sources.items()}
    clusters = batch["clusters"]
    own, counts = match(photons, clusters, geometry)
    found = own >= 0
    columns = signal_conditions(sources, calo_cells(geometry.calorimeter).ecal, rows)
    columns |= {"event_id": photons["event_id"], "found": found}
    columns["converted"] = _converted(batch, photons, geometry)
    columns |= _of_clusters(photons, clusters, np.maximum(own, 0), geometry)
    for name in RESOLUTION:
        columns[name] = np.where(found, columns[name], 0.0)
    return columns, counts


def _converted(batch: EventBatch, photons: Columns, geometry: Geometry) -> NDArray[np.bool_]:
    t = batch["transport"]
    key = t["event_id"] * 2**31 + t["particle_id"]
    wanted = photons["event_id"] * 2**31 + photons["particle_id"]
    row = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    ends = (t["end"][row] == TransportEnd.CONVERSION) & (t["z"][row] < geometry.calorimeter.front)
    return (key[row] == wanted) & ends


def _of_clusters(photons: Columns, clusters: Any, own: NDArray[Any], geometry: Geometry) -> Columns:
    ecal = geometry.calorimeter.ecal
    if not clusters.rows:
        return {name: np.zeros(len(own)) for name in RESOLUTION}
    c = {k: clusters[k][own] for k in clusters}
    side = {k: np.where(photons[k] < 0, -1.0, 1.0) for k in "xy"}
    shrink = ecal.shower_max / ecal.plane
    columns = {f"d{k}_side": (c[k] * shrink - photons[k]) * side[k] for k in "xy"}
    columns["log_ratio"] = np.log(np.maximum(c["energy"], 1e-3) / photons["energy"])
    for k in ("spread_xx", "spread_yy"):
        columns[f"log_{k}"] = np.log(np.maximum(c[k], 1.0))
    columns["spread_side"] = c["spread_xy"] * side["x"] * side["y"]
    kept = ("E19", "n_cells", "E_spd", "E_prs", "E_hcal")
    return columns | {k: c[k].astype(np.float64) for k in kept}


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype({"b": np.int8, "f": np.float32}.get(values.dtype.kind, values.dtype))


@click.command()
@click.argument("samples", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Parquet file.")
def main(samples: tuple[Path, ...], output: Path) -> None:
    """Write a row for every photon of the SAMPLES, and the account of the matching."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    detector, geometry = load_detector("lhcb2016-magup"), load_geometry()
    parts: list[Columns] = []
    account: Counter[str] = Counter()
    for i, path in enumerate(samples):
        for batch in iterate(path, 200, _TABLES):
            columns, counts = photon_rows(batch, detector, geometry)
            columns["event_id"] = columns["event_id"] + i * _FILES
            parts.append(columns)
            account += counts
            account["events"] += batch.n_events
            account["clusters"] += batch["clusters"].rows
    table = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    kinds = {"b": np.int8, "f": np.float32}
    arrays = {
        k: v if k == "event_id" else v.astype(kinds.get(v.dtype.kind, v.dtype)) for k, v in table.items()
    }
    pq.write_table(pa.table(arrays), output)
    content = {"samples": [s.name for s in samples], **account}
    output.with_name(f"{output.name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    origin = f"photons of {', '.join(s.stem for s in samples)}, detailed simulation"
    data = f"files: [{output.name}]\nevent: [event_id]\norigin: {origin}\n"
    output.with_suffix(".yaml").write_text(data, encoding="utf-8")
    found = output.with_name(f"{output.stem}-found.yaml")
    found.write_text(f'{data}cuts: ["found == 1"]\n', encoding="utf-8")
    click.echo(json.dumps(content, indent=1))


if __name__ == "__main__":
    run(main)

"""Collect what identification learns from: tracks and clusters of detailed simulation, with their truth.

    python -m lamarr.training.identification.collect balanced -n 1500 -o SAMPLE.npz --seed 1

What is named is a sample of ``lamarr sample``, a file of generated events, or a directory of transported
events (``lamarr sample --transported``), which only have to be reconstructed. The file that results holds
arrays by name: of tracks what every detector says (``t_``), of clusters their columns (``c_``). A broken run
goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import load_calibration
from lamarr.calorimetry.clusters import Clusters
from lamarr.commands import run
from lamarr.detailed.calorimeter.accounting import cluster_links
from lamarr.detailed.calorimeter.reconstruction import Views, look
from lamarr.detailed.context import Context
from lamarr.detailed.identification.probnn import track_kinematics
from lamarr.detailed.records import SimEvent, TrackingResult
from lamarr.detailed.samples.catalogue import sample_named
from lamarr.detailed.transport.store import load_event, stored_paths
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.events import EventBatch, iterate
from lamarr.generation.source import EventFailure
from lamarr.publishing import beside
from lamarr.training.identification.sample import GHOST, VIEW, Columns

__all__ = ["collect_event"]


def collect_event(event: SimEvent, tracking: TrackingResult, context: Context) -> Columns:
    """Return the rows of one event."""
    from lamarr.detailed import muon, rich

    views = look(event, tracking, context)
    light = rich.identify(event, tracking, context)
    muons = muon.identify(event, tracking, context)
    tracks = tracking.tracks
    rows = event.row_of_track(tracks["track"])
    found = (rows >= 0) & (tracks["track"] >= 0)
    pid = np.where(found, event.tracks["pid"][np.maximum(rows, 0)], GHOST) if len(event.tracks) else rows * 0
    columns: Columns = {f"t_{k}": getattr(views.tracks, k) for k in VIEW}
    columns |= {f"t_kin_{k}": v for k, v in track_kinematics(tracks).items()}
    columns |= {
        "t_pid": pid,
        "t_event": np.full(len(tracks), event.event_id),
        "t_rich": np.asarray(light.dll).reshape(len(tracks), 5),
        "t_is_muon": muons.is_muon,
        "t_is_muon_loose": muons.is_muon_loose,
        "t_mu_ll": muons.mu_ll,
        "t_bkg_ll": muons.bkg_ll,
    }
    return columns | _clusters(event, views)


def _clusters(event: SimEvent, views: Views) -> Columns:
    clusters = views.clusters
    columns: Columns = {f"c_{k}": v for k, v in clusters.columns.items()}
    columns["c_track_id"] = views.tracks.best_track
    columns["c_event"] = np.full(len(clusters), event.event_id)
    columns["c_kind"] = _kinds(event, views, clusters)
    return columns


def _kinds(event: SimEvent, views: Views, clusters: Clusters) -> NDArray[np.int64]:
    """0 photon, 1 electron, 2 hadron or muon: what more than half of a cluster is of; −1 if nothing is."""
    links = cluster_links(views.deposits, clusters.members, load_calibration())
    pid = np.abs(event.calo_faces["pid"][links["calo_particle_id"]])
    kind = np.where(pid == 22, 0, np.where(pid == 11, 1, 2))
    shares = np.zeros((len(clusters), 3))
    np.add.at(shares, (links["cluster_id"], kind), links["fraction_of_cluster"])
    best = np.argmax(shares, axis=1)
    return np.where(shares.max(axis=1, initial=0.0) > 0.5, best, -1)


Chunk = EventBatch | tuple[Path, ...]
"""Generated events, or files of transported ones."""


def _events(chunk: Chunk, context: Context) -> Iterator[Columns]:
    from lamarr.detailed import tracking

    for event in _transported(chunk, context):
        yield collect_event(event, tracking.reconstruct(event, context), context)


def _transported(chunk: Chunk, context: Context) -> Iterator[SimEvent]:
    if isinstance(chunk, EventBatch):
        from lamarr.detailed.transport import Transport

        yield from Transport(context)(chunk)
    else:
        yield from map(load_event, chunk)


def _join(parts: list[Columns]) -> Columns:
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def _chunks(names: tuple[str, ...], n: int, seed: int, chunk: int) -> Iterator[tuple[str, Chunk]]:
    """Chunks of stores, of files and of samples by name, and what to call them."""
    for i, name in enumerate(names):
        if Path(name).is_dir() and (stored := stored_paths(Path(name))):
            for j in range(0, min(n, len(stored)), chunk):
                yield f"{i}-{j // chunk}", tuple(stored[j : min(j + chunk, n)])
            continue
        if Path(name).exists():
            batches: Iterator[EventBatch | EventFailure] = iterate(name, chunk)
        else:
            batches = sample_named(name).open(n, seed).source.batches(chunk)
        for j, batch in enumerate(batches):
            if isinstance(batch, EventBatch):
                yield f"{i}-{j}", batch


def _work(task: tuple[Path, Chunk, str, int]) -> Path:
    """Transport, if need be, and reconstruct a chunk; in a process of its own, as Geant4 has one manager."""
    path, chunk, detector, seed = task
    context = Context(geometry=load_geometry(), detector=load_detector(detector), seed=seed)
    _save(path, _join([*_events(chunk, context)]))
    return path


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option(
    "-n",
    "n",
    type=click.IntRange(min=1),
    default=1500,
    show_default=True,
    help="Events of samples and stores.",
)
@click.option("--detector", default="lhcb2016-magup", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--chunk", default=50, show_default=True, help="Events between two checkpoints.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
def main(
    names: tuple[str, ...], output: Path, n: int, detector: str, seed: int, chunk: int, workers: int
) -> None:
    """Run the detailed simulation on samples, files or stores of events; keep what is learned from."""
    parts = output.with_name(f"{output.name}.parts")
    parts.mkdir(parents=True, exist_ok=True)
    kept: list[Path] = []

    def tasks() -> Iterator[tuple[Path, Chunk, str, int]]:
        for label, batch in _chunks(names, n, seed, chunk):
            kept.append(parts / f"{label}.npz")
            if not kept[-1].exists():
                yield kept[-1], batch, detector, seed

    with get_context("spawn").Pool(workers) as pool:
        for path in pool.imap(_work, tasks()):
            click.echo(f"{path.stem} done")
    loaded = []
    for path in kept:
        with np.load(path) as content:
            loaded.append({k: content[k] for k in content.files})
    columns = _join(loaded)
    named = " ".join(Path(name).name for name in names)
    command = (
        f"python -m lamarr.training.identification.collect {named} -n {n} --detector {detector} "
        f"--seed {seed} -o SAMPLE"
    )
    _save(output, {**columns, "command": np.array(command)})
    for path in kept:
        path.unlink()
    click.echo(f"{output}: {len(columns['t_pid'])} tracks, {len(columns['c_kind'])} clusters")


def _save(path: Path, columns: Columns) -> None:
    with beside(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **columns)  # type: ignore[arg-type]


if __name__ == "__main__":
    run(main)

"""The sample of the tracking models from simulated events, instead of from the teacher.

    python -m lamarr.training.tracking.from_events events.parquet -o runs/samples/detailed
    python -m lamarr.training.tracking.train resolution --sample runs/samples/detailed -o myset

Any file of events with fates, true states and tracks will do; those of a detailed simulation are what it
is for. Arrays are those that :mod:`lamarr.training.tracking.recipes` read:

production    conditions of every particle whose fate tells whether it was accepted
probability   what became of it: accepted, and the four categories, each 0 or 1
beam          conditions of every track that has a true state closest to the beam
resolution    reconstructed minus true state, and the quality of the fit
covariance    log variances and correlations
physical      |dp| < p, and a covariance that is positive definite
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.errors import InputFileError
from lamarr.events import COVARIANCE_PAIRS, EventBatch, Fate, describe, iterate, sample_digests
from lamarr.parametrizations.tracking import (
    COVARIANCE,
    RESOLUTION,
    beam_conditions,
    production_conditions,
)
from lamarr.random import Stream
from lamarr.training.tracking.teacher import MIN_EIGENVALUE, correlation_matrix

__all__ = [
    "TABLES",
    "arrays_of",
    "decided_particles",
    "learned_tracks",
    "main",
    "particle_arrays",
    "track_arrays",
]

Array = NDArray[Any]

TABLES = ("events", "vertices", "particles", "true_states", "tracks")
_CATEGORIES = (Fate.NOT_RECONSTRUCTED, Fate.LONG, Fate.UPSTREAM, Fate.DOWNSTREAM)
_SPECIES = (11, 13, 211, 321, 2212)
_EVENTS_AT_ONCE = 2000
_STRIDE = np.int64(2**31)


def decided_particles(batch: EventBatch) -> NDArray[np.int64]:
    """Rows (n,) of particles whose fate tracking decided."""
    t = batch["particles"]
    decided = (t["fate"] == Fate.OUT_OF_ACCEPTANCE) | np.isin(t["fate"], _CATEGORIES)
    return np.flatnonzero(decided & np.isin(np.abs(t["pid"]), _SPECIES) & (t["production_vertex"] >= 0))


def particle_arrays(batch: EventBatch) -> dict[str, Array]:
    """``production`` (n, 12) and ``probability`` (n, 5) of :func:`decided_particles`."""
    t = batch["particles"].take(decided_particles(batch))
    at = batch.rows_of("vertices", t["event_id"], t["production_vertex"])
    position = {c: batch["vertices"][c][at] for c in "xyz"}
    conditions = production_conditions(
        pid=t["pid"], charge=t["charge"], px=t["px"], py=t["py"], pz=t["pz"], **position
    )
    outcome = [t["fate"] != Fate.OUT_OF_ACCEPTANCE, *(t["fate"] == category for category in _CATEGORIES)]
    return {"production": conditions, "probability": np.stack(outcome, axis=1).astype(np.float32)}


def _true_states(batch: EventBatch, event: Array, particle: Array) -> NDArray[np.int64]:
    """Rows of the true states closest to the beam, −1 where there is none."""
    states = batch["true_states"]
    rows = np.flatnonzero(states["location"] == 1)
    if not len(rows):
        return np.full(len(event), -1, np.int64)
    keys = states["event_id"][rows] * _STRIDE + states["particle_id"][rows]
    wanted = event * _STRIDE + particle
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((keys[at] == wanted) & (particle >= 0), rows[at], -1)


def _covariance(tracks: Mapping[str, Array]) -> NDArray[np.float64]:
    """Log variances and correlations (n, 15), NaN where a variance is not positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = [tracks[f"cov{i}{i}"] for i in range(5)]
        columns = {f"log_var_{i}": np.log(v) for i, v in enumerate(variance)}
        for i, j in COVARIANCE_PAIRS:
            if i != j:
                columns[f"corr_{i}{j}"] = tracks[f"cov{i}{j}"] / np.sqrt(variance[i] * variance[j])
    return np.stack([columns[name] for name in COVARIANCE], axis=1)


def learned_tracks(batch: EventBatch) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows (n,) of tracks of particles that have a true state, of these particles and of these states."""
    tracks = batch["tracks"]
    at = _true_states(batch, tracks["event_id"], tracks["particle_id"])
    particle = batch.rows_of("particles", tracks["event_id"], tracks["particle_id"])
    pid = batch["particles"]["pid"][particle]
    rows = np.flatnonzero((at >= 0) & np.isin(np.abs(pid), _SPECIES) & np.isin(tracks["type"], (3, 4, 5)))
    return rows, particle[rows], at[rows]


def track_arrays(batch: EventBatch) -> dict[str, Array]:
    """``beam``, ``resolution``, ``covariance`` and ``physical`` of :func:`learned_tracks`."""
    rows, particle, at = learned_tracks(batch)
    pid, t = batch["particles"]["pid"][particle], batch["tracks"].take(rows)
    true = {c: batch["true_states"][c][at] for c in ("x", "y", "z", "tx", "ty", "p")}
    fraction = Stream(0, "training.nDoF").uniform(t["event_id"], t["track_id"])[:, 0]
    residual = {f"d{c}": t[c] - true[c] for c in true}
    residual |= {n: t[n] for n in ("chi2PerDoF", "ghostProb")} | {"nDoF_f": t["nDoF"] + fraction}
    covariance = _covariance(t)
    finite = np.isfinite(covariance).all(axis=1)
    smallest = np.full(len(rows), -1.0)
    smallest[finite] = np.linalg.eigvalsh(correlation_matrix(covariance[finite]))[:, 0]
    return {
        "beam": beam_conditions(pid=pid, track_type=t["type"], **true),
        "resolution": np.stack([residual[n] for n in RESOLUTION], axis=1),
        "covariance": covariance,
        "physical": (np.abs(residual["dp"]) < true["p"]) & (smallest > MIN_EIGENVALUE),
    }


def arrays_of(path: Path) -> Iterator[dict[str, Array]]:
    """All arrays, some events at a time.

    Raises
    ------
    InputFileError
        If the file lacks a table, or the fates of its particles.
    """
    header = describe(path)
    lacking = [t for t in TABLES if t not in header.tables]
    lacking += [] if lacking or "fate" in header.tables["particles"] else ["particles.fate"]
    lacking += [] if lacking or "cov00" in header.tables["tracks"] else ["tracks.cov00"]
    if lacking:
        raise InputFileError(
            f"'{path}' must hold simulated events with tracks, but lacks {', '.join(lacking)}"
        )
    for batch in iterate(path, _EVENTS_AT_ONCE, TABLES):
        yield {**particle_arrays(batch), **track_arrays(batch)}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the sample.")
@click.option("--origin", help="Where the events come from, for the cards. [default: the names of the files]")
def main(files: tuple[Path, ...], output: Path, origin: str | None) -> None:
    """Write the sample of the tracking models from files of simulated events."""
    output.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[Array]] = {}
    for path in files:
        for arrays in arrays_of(path):
            for name, array in arrays.items():
                kept = array if name == "physical" else array.astype(np.float32)
                parts.setdefault(name, []).append(kept)
    digest = hashlib.sha256()
    for name in sorted(parts):
        whole = np.concatenate(parts[name])
        np.save(output / f"{name}.npy", whole)
        digest.update(whole.tobytes())
        click.echo(f"{name}: {len(whole)} rows")
    names = [f.name for f in files]
    said = {
        "origin": origin or f"Trained on simulated events: {', '.join(names)}.",
        "command": f"python -m lamarr.training.tracking.from_events {' '.join(names)} -o SAMPLE",
        "content": digest.hexdigest(),
        "files": [d for f in files for d in sample_digests(f)],
    }
    (output / "sample.json").write_text(json.dumps(said, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    run(main)

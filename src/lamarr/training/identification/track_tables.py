"""Make the tables of EcalPIDe, EcalPIDmu, HcalPIDe, HcalPIDmu, PrsPIDe and BremPIDe.

    python -m lamarr.training.identification.track_tables SAMPLE.npz... -o MODELS

In each interval of momentum, tracks of a species have equal weight in all; pions, kaons and protons make the
hadrons as they come. Histograms are smoothed by a Gaussian of one interval; each gets `PRIOR` entries more in
the mean shape of both, so that what is rare in both says nothing.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr._version import __version__
from lamarr.commands import run
from lamarr.detailed.calorimeter.track_likelihoods import P_EDGES, TABLES, TableForm, log_p
from lamarr.detailed.calorimeter.tracks import TrackView
from lamarr.training.identification.sample import Columns, load_sample, sample_commands, view_of

__all__ = ["make_tables"]

Floats = NDArray[np.float64]

HADRONS: Final = (211, 321, 2212)
PRIOR: Final = 2.0
"""Entries in each interval of momentum that know nothing."""

LIMIT: Final = 8.0
"""Likelihood differences are not larger than this: histograms do not know more."""


def make_tables(tracks: Columns) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Return the tables by name, and by name the mean likelihood differences of leptons and hadrons."""
    view, pid = view_of(tracks), np.abs(tracks["pid"])
    tables = {name: _table(form, view, pid) for name, form in TABLES.items()}
    from lamarr.detailed.calorimeter.track_likelihoods import track_likelihoods

    values = track_likelihoods(view, tables)
    means = {}
    for name, form in TABLES.items():
        good = form.accepted(view)
        lepton, hadron = good & (pid == form.lepton), good & np.isin(pid, HADRONS)
        means[name] = {
            "lepton": round(float(values[name][lepton].mean()), 3),
            "hadron": round(float(values[name][hadron].mean()), 3),
            "leptons": int(lepton.sum()),
            "hadrons": int(hadron.sum()),
        }
    return tables, means


def _table(form: TableForm, view: TrackView, pid: NDArray[Any]) -> Floats:
    good = form.accepted(view)
    counts = [_histogram(form, view, good & chosen) for chosen in (pid == form.lepton, np.isin(pid, HADRONS))]
    pooled = sum(_normalised(c) for c in counts) / 2
    lepton, hadron = (_normalised(c + PRIOR * pooled) for c in counts)
    return np.clip(np.log(lepton / hadron), -LIMIT, LIMIT)


def _normalised(counts: Floats) -> Floats:
    """Return densities: each interval of momentum adds up to 1."""
    sums = counts.reshape(len(counts), -1).sum(axis=1)
    return np.asarray(counts / sums.reshape(-1, *[1] * (counts.ndim - 1)))


def _histogram(form: TableForm, view: TrackView, use: NDArray[np.bool_]) -> Floats:
    """Return smoothed entries, (p, quantity[, quantity]), none of them 0."""
    from scipy.ndimage import gaussian_filter

    points = [np.clip(log_p(view)[use], P_EDGES[0] + 1e-9, P_EDGES[-1] - 1e-9)]
    edges = [np.array(P_EDGES)]
    for axis in form.axes:
        edges.append(axis.edges)
        inside = (axis.low + 1e-9, axis.high - 1e-9)
        points.append(np.clip(axis.quantity(view)[use], *inside))
    counts = np.histogramdd(np.stack(points, 1), bins=edges)[0]
    return np.asarray(gaussian_filter(counts, 1.0, mode="nearest") + 1e-3)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the tables.")
def main(files: tuple[Path, ...], output: Path) -> None:
    """Make the tables from collected samples FILES."""
    parts = [load_sample(f)[0] for f in files]
    tracks = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    tables, means = make_tables(tracks)
    output.mkdir(parents=True, exist_ok=True)
    path = output / "track_tables.npz"
    np.savez_compressed(path, **{k: v.astype(np.float32) for k, v in tables.items()})  # type: ignore[arg-type]
    card = {
        "title": "Likelihood differences of tracks from calorimeter quantities",
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "command": "python -m lamarr.training.identification.track_tables SAMPLE -o MODELS",
        "sample_commands": sample_commands(*files),
        "origin": "Tracks of the detailed simulation of this package.",
        "means": means,
        "licence": "BSD-3-Clause",
        "lamarr": __version__,
    }
    (output / "track_tables.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(means, indent=1))


if __name__ == "__main__":
    run(main)

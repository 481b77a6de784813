"""How close the identification of a set is to that of simulated events: the same tracks, drawn again.

    python -m lamarr.validation.pid_closure --set myset --data events.parquet

The set's models draw table ``pid`` anew for the tracks of a file, with the file's own tracks, species and
occupancy as conditions; then the two tables are compared, species by species. Only events of the test part
of trainings with the same seed are used (``--part all`` for a file that no model has seen). Prints a
Markdown table of what was measured, what must hold, and the floor that samples of this size have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.events import EventBatch, iterate
from lamarr.flash.stages import Identification
from lamarr.parametrizations.pid import GLOBAL, KINEMATICS, MODELS, MUON, RICH, SPECIES, species_of
from lamarr.parametrizations.sets import load_set
from lamarr.training.data import PARTS, part_of_event
from lamarr.training.data.sources import track_columns
from lamarr.transpile import Model, RunningModel, compiled
from lamarr.validation.metrics import (
    classifier_auc,
    efficiency_difference,
    in_bins,
    kolmogorov,
    kolmogorov_noise,
    tail_ratio,
    wasserstein,
)
from lamarr.validation.model_zoo import microseconds

__all__ = ["CUTS", "Line", "compare_species", "draw_again", "main", "speed"]

Columns = dict[str, NDArray[Any]]

CUTS: Final[dict[str, Callable[[Columns], NDArray[Any]]]] = {
    "DLLK > 0": lambda t: t["PIDK"] > 0,
    "DLLK > 5": lambda t: t["PIDK"] > 5,
    "DLLp > 5": lambda t: t["PIDp"] > 5,
    "DLLp − DLLK > 0": lambda t: t["PIDp"] - t["PIDK"] > 0,
    "DLLmu > 0": lambda t: t["PIDmu"] > 0,
    "ProbNNk > 0.2": lambda t: t["ProbNNk"] > 0.2,
    "ProbNNp > 0.5": lambda t: t["ProbNNp"] > 0.5,
    "ProbNNmu > 0.2": lambda t: t["ProbNNmu"] > 0.2,
    "isMuon": lambda t: t["isMuon"] != 0,
}
"""Cuts that people make, as masks of the columns of tracks."""

_OUTPUTS = (*RICH, *MUON, *GLOBAL)
_LIKELIHOODS = (*RICH, "PIDe", "PIDmu", "PIDK", "PIDp")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A measured number: for which species, what, its value, the largest that is allowed, and its floor."""

    species: str
    what: str
    value: float
    target: float
    floor: float | None = None

    def __str__(self) -> str:
        floor = "" if self.floor is None else f"{self.floor:.4f}"
        met = "yes" if self.value <= self.target else "no"
        return f"| {self.species} | {self.what} | {self.value:.4f} | {self.target:g} | {floor} | {met} |"


def draw_again(batch: EventBatch, stage: Identification, seed: int) -> tuple[Columns, Columns]:
    """Columns of the identified tracks of a batch, as they are and as the models draw them; same rows."""
    if "out_of_domain" not in batch["particles"]:
        flags = np.zeros(batch["particles"].rows, bool)
        batch = batch.with_columns("particles", out_of_domain=flags)
    ours = stage(batch, seed)
    left, right = (dict(track_columns(b)) for b in (batch, ours))
    stride = np.int64(2**31)
    key, other = (t["event_id"] * stride + t["track_id"] for t in (left, right))
    _, a, b = np.intersect1d(key, other, assume_unique=True, return_indices=True)
    return {n: v[a] for n, v in left.items()}, {n: v[b] for n, v in right.items()}


def compare_species(name: str, true: Columns, drawn: Columns) -> Iterator[Line]:
    """Everything that is measured of one species."""
    n = len(true["p"])
    for column in _OUTPUTS:
        # what is absent without isMuon is compared where it is there in both
        a, b = (
            t[column][t["isMuon"] != 0] if column in (*MUON, "ProbNNmu") else t[column] for t in (drawn, true)
        )
        if min(len(a), len(b)) < 100 or np.ptp(b) == 0:
            continue
        yield Line(
            species=name,
            what=f"{column}, KS",
            value=kolmogorov(a, b),
            target=0.01,
            floor=kolmogorov_noise(len(a), len(b)),
        )
        spread = float(np.std(b))
        yield Line(
            species=name, what=f"{column}, distance / spread", value=wasserstein(a, b) / spread, target=0.02
        )
    yield from _tails(name, true, drawn)
    yield from _binned(name, true, drawn)
    yield from _cuts(name, true, drawn)
    away = _correlations(drawn) - _correlations(true)
    yield Line(
        species=name, what="largest difference of correlations", value=float(np.abs(away).max()), target=0.02
    )
    names = [*KINEMATICS, *RICH, "isMuon", *MUON, *GLOBAL]
    # two halves at random: tracks of an event share its occupancy, which must not tell the tables apart
    order = np.random.default_rng(0).permutation(n)
    tables = [
        np.stack([t[c][rows] for c in names], axis=1).astype(float)
        for t, rows in ((drawn, order[: n // 2]), (true, order[n // 2 :]))
    ]
    auc, error = classifier_auc(*tables)
    yield Line(species=name, what="classifier's AUC", value=auc, target=0.55, floor=0.5 + 2 * error)


def speed(name: str, models: Mapping[str, Model], runs: Mapping[str, RunningModel]) -> Iterator[Line]:
    """CPU time of all models that a track of the species needs, one core, in µs."""
    time = {m: microseconds(models[f"{m}_{name}"], runs[f"{m}_{name}"]) for m in MODELS}
    for given, what in ((True, "with isMuon"), (False, "without isMuon")):
        total = sum(t for m, t in time.items() if MODELS[m].given in (None, given))
        yield Line(species=name, what=f"µs per track {what}", value=total, target=3.0)


def _tails(name: str, true: Columns, drawn: Columns) -> Iterator[Line]:
    for level, target in ((1e-2, 0.10), (1e-3, 0.25)):
        for column in _LIKELIHOODS:
            ratios = [tail_ratio(drawn[column], true[column], side * level) for side in (1, -1)]
            worst = max(abs(r - 1) for r in ratios)
            floor = 2 / np.sqrt(level * len(true[column]))
            yield Line(
                species=name, what=f"{column}, tails of {level:g}", value=worst, target=target, floor=floor
            )


def _edges(true: Columns, n_p: int, n_eta: int, n_tracks: int) -> dict[str, NDArray[Any]]:
    """Quantiles as edges of bins; the last one includes the largest value."""
    found = {}
    for column, n in (("p", n_p), ("eta", n_eta), ("nTracks", n_tracks)):
        if n > 1:
            edges = np.quantile(true[column].astype(float), np.linspace(0, 1, n + 1))
            edges[-1] = np.nextafter(edges[-1], np.inf)
            found[column] = np.unique(edges)
    return found


def _binned(name: str, true: Columns, drawn: Columns, least: int = 2000) -> Iterator[Line]:
    cell, labels = in_bins({c: true[c].astype(float) for c in ("p", "eta", "nTracks")}, _edges(true, 5, 4, 3))
    for column in (*RICH, "PIDK", "PIDp", "ProbNNk", "ProbNNp", "ProbNNpi"):
        found = [
            (kolmogorov(drawn[column][rows], true[column][rows]), len(rows))
            for rows in (np.flatnonzero(cell == k) for k in range(len(labels)))
            if len(rows) >= least
        ]
        if found:
            worst, rows_ = max(found)
            yield Line(
                species=name,
                what=f"{column}, largest KS of {len(found)} bins",
                value=worst,
                target=0.02,
                floor=kolmogorov_noise(rows_, rows_),
            )


def _cuts(name: str, true: Columns, drawn: Columns) -> Iterator[Line]:
    for cut, passes in CUTS.items():
        for variable in ("p", "eta", "nTracks"):
            sizes = {"p": 1, "eta": 1, "nTracks": 1} | {variable: 12}
            edges = _edges(true, *sizes.values())
            cell, labels = in_bins({variable: true[variable].astype(float)}, edges)
            d = efficiency_difference(cell, passes(drawn), cell, passes(true), len(labels))
            if np.isfinite(d.mean):
                floor = float(np.nanmean(d.error))
                what = f"{cut} vs {variable}"
                yield Line(species=name, what=f"{what}, mean |Δε|", value=d.mean, target=0.005, floor=floor)
                yield Line(species=name, what=f"{what}, largest |Δε|", value=d.largest, target=0.02)


def _correlations(t: Columns) -> NDArray[np.float64]:
    """Rank correlations of what every track has."""
    columns = [c for c in (*RICH, *GLOBAL) if c != "ProbNNmu"]
    ranks = []
    for c in columns:
        _, at, count = np.unique(t[c], return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(count) - 0.5 * (count - 1))[at])
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant column has no correlations
        return np.asarray(np.nan_to_num(np.corrcoef(np.array(ranks))))


def _pairs(data: Path, stage: Identification, part: str, seed: int) -> tuple[Columns, Columns]:
    found: list[tuple[Columns, Columns]] = []
    for batch in iterate(data, 2000, ("events", "particles", "tracks", "pid")):
        left, right = draw_again(batch, stage, seed)
        keep = np.ones(len(left["p"]), bool)
        if part != "all":
            keep = part_of_event([left["event_id"]], 1) == PARTS.index(part)
        found.append(({n: v[keep] for n, v in left.items()}, {n: v[keep] for n, v in right.items()}))
    true, drawn = ({n: np.concatenate([pair[k][n] for pair in found]) for n in found[0][k]} for k in (0, 1))
    if not len(true["p"]):
        raise ConfigurationError(f"'{data}' holds no identified long tracks in the part '{part}'")
    return true, drawn


@click.command()
@click.option(
    "--set", "set_", required=True, metavar="NAME|FOLDER", help="Set with models of identification."
)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Events with table pid.")
@click.option("--part", type=click.Choice([*PARTS, "all"]), default="test", show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of the draws.")
def main(set_: str, data: Path, part: str, seed: int) -> None:
    """Compare the identification that a set draws with that of simulated events."""
    models = load_set(set_)
    own = {n: m for n, m in models.models.items() if Identification.wanted({n: m})}
    runs = compiled(tuple(own.values()))
    stage = Identification(own, runs=runs, reverse_charge=models.reverse_charge)
    true, drawn = _pairs(data, stage, part, seed)
    click.echo("| species | measured | value | target | floor | met |\n|---|---|---|---|---|---|")
    lines = []
    species = species_of(true["true_pid"])
    for name in SPECIES:
        rows = np.flatnonzero(species == name)
        if len(rows) >= 1000:
            own_rows = ({n: v[rows] for n, v in t.items()} for t in (true, drawn))
            for line in (*compare_species(name, *own_rows), *speed(name, own, runs)):
                lines.append(line)
                click.echo(str(line))
        else:
            click.echo(f"{name}: {len(rows)} tracks are too few to compare", err=True)
    met = sum(line.value <= line.target for line in lines)
    click.echo(f"\n{met} of {len(lines)} lines are met, with {len(species)} tracks of {data.name}.")


if __name__ == "__main__":
    main()

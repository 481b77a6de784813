"""Closure of the shipped tracking models against their teacher.

    python -m lamarr.validation.closure            # everything, for 'make closure'

On an independent sample (Pythia8 minimum bias and bb events with other seeds than the training's) the
conditions are given to both; tracks are drawn several times by each. The teacher's physical draws are
compared with ours, beside a second, independent set of draws of the teacher: the noise floor.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.sets import load_set
from lamarr.parametrizations.tracking import BEAM_CONDITIONS, COVARIANCE, PRODUCTION_CONDITIONS, RESOLUTION
from lamarr.training.tracking.teacher import load_teacher, physical
from lamarr.transpile import Model
from lamarr.validation.metrics import classifier_auc, half_width, kolmogorov

__all__ = ["Row", "chances", "main", "responses"]

Array = NDArray[Any]

_SPECIES = {"e": "is_e", "mu": "is_mu", "h": "is_h"}
_TYPES = ("long", "upstream", "downstream")
MIN_TRACKS = 1000
"""Least number of different tracks of a species and type for them to be drawn repeatedly."""

MIN_ENTRIES = 20_000
"""Least number of draws per species and type for which a distance is quoted."""


@dataclass
class Row:
    """A line of the closure table: a quantity, its value, the floor (teacher against itself), the target."""

    quantity: str
    value: float
    floor: float
    target: float
    entries: int
    detail: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the value meets the target."""
        return self.value <= self.target

    def __str__(self) -> str:
        mark = "ok  " if self.passed else "MISS"
        return (
            f"{mark} {self.quantity:<44} {self.value:8.4f}  floor {self.floor:7.4f}  "
            f"target {self.target:6.3f}  "
            f"n {self.entries}"
        )


def _binned(x: Array) -> Array:
    """Numbers of the 20 log p × 8 eta bins on 2-200 GeV, 1.8-5.2."""
    log_p = x[:, PRODUCTION_CONDITIONS.index("log10_p")]
    eta = x[:, PRODUCTION_CONDITIONS.index("eta")]
    p_bin = np.digitize(log_p, np.linspace(np.log10(2e3), np.log10(2e5), 21)[1:-1])
    bins: Array = p_bin * 8 + np.digitize(eta, np.linspace(1.8, 5.2, 9)[1:-1])
    return bins


def chances(models: dict[str, Model], production: Array, probability: Array) -> list[Row]:
    """Compare acceptance, and the categories weighted with acceptance: mean and largest |Δε| over bins."""
    ours = np.column_stack([models["acceptance"](production), models["efficiency"](production)])
    bins, rows = _binned(production), []
    for species, flag in _SPECIES.items():
        of = production[:, PRODUCTION_CONDITIONS.index(flag)] > 0
        count = np.bincount(bins[of], minlength=160)
        for j, name in enumerate(("acceptance", *models["efficiency"].outputs)):

            def average(p: Array, j: int = j, of: Array = of) -> Array:
                weight = np.ones(of.sum()) if j == 0 else p[of, 0]
                total = np.bincount(bins[of], weights=weight, minlength=160)
                return np.bincount(bins[of], weights=weight * p[of, j], minlength=160) / np.maximum(
                    total, 1e-9
                )

            difference = np.abs(average(ours) - average(probability))[count >= 500]
            n, quantity = int(of.sum()), f"{species} {name}"
            rows.append(Row(f"{quantity}: mean |Δε|", float(difference.mean()), 0.0, 0.003, n))
            rows.append(Row(f"{quantity}: largest |Δε|", float(difference.max()), 0.0, 0.015, n))
    return rows


def _deciles(log_p: Array) -> Array:
    return np.digitize(log_p, np.quantile(log_p, np.linspace(0, 1, 11)[1:-1]))


def _belongs(beam: Array, flag: str, kind: str) -> NDArray[np.bool_]:
    of: NDArray[np.bool_] = (beam[:, BEAM_CONDITIONS.index(flag)] > 0) & (
        beam[:, BEAM_CONDITIONS.index(kind)] > 0
    )
    return of


def _compare(model: str, names: tuple[str, ...], conditions: Array, samples: dict[str, Array]) -> list[Row]:
    """KS and width per species, type and output; `samples`: 'ours', 'teacher', 'again' (rows, outputs)."""
    rows = []
    for species, flag in _SPECIES.items():
        for kind in _TYPES:
            of = _belongs(conditions, flag, kind)
            if of.sum() < MIN_ENTRIES:
                continue
            decile = _deciles(conditions[of, BEAM_CONDITIONS.index("log10_p")])
            for j, name in enumerate(names):
                part = {k: v[of, j] for k, v in samples.items()}
                rows += _distances(f"{model} {species} {kind} {name}", part, decile)
    return rows


def _distances(quantity: str, part: dict[str, Array], decile: Array) -> list[Row]:
    n = len(decile)
    width = {
        k: np.array([half_width(part[k][decile == d]) for d in range(10)])
        for k in ("ours", "teacher", "again")
    }
    ratio = {k: float(np.abs(width[k] / width["teacher"] - 1).max()) for k in ("ours", "again")}
    distance = {k: kolmogorov(part[k], part["teacher"]) for k in ("ours", "again")}
    return [
        Row(f"{quantity}: KS", distance["ours"], distance["again"], 0.01, n),
        Row(f"{quantity}: width", ratio["ours"], ratio["again"], 0.02, n // 10),
    ]


def physical_draws(
    teacher: Any, beam: Array, rng: np.random.Generator, attempts: int = 40
) -> tuple[Array, Array]:
    """One physical draw of the teacher per row (rows, 24), repeated until it is; and where that succeeded."""
    out, lacking = np.empty((len(beam), 24), np.float32), np.arange(len(beam))
    for _ in range(attempts):
        if not len(lacking):
            break
        some = beam[lacking]
        residuals = teacher.resolution(some, rng.standard_normal((len(some), 128), np.float32))
        noise = rng.standard_normal((len(some), 128), np.float32)
        covariance = teacher.covariance(_with_quality(some, residuals), noise)
        good = physical(teacher, 10.0 ** some[:, 5].astype(float), residuals, covariance)
        out[lacking[good]] = np.hstack([residuals, covariance])[good]
        lacking = lacking[~good]
    done = np.ones(len(beam), bool)
    done[lacking] = False
    return out, done


def _rows_to_draw(beam: Array, least: int) -> Array:
    """Row numbers of `beam`: each once, then again until every species and type has `least` draws."""
    rows = [np.arange(len(beam))]
    for flag in _SPECIES.values():
        for kind in _TYPES:
            of = np.flatnonzero(_belongs(beam, flag, kind))
            if MIN_TRACKS <= len(of) < least:
                rows.append(np.resize(of, least - len(of)))
    return np.concatenate(rows)


def responses(
    models: dict[str, Model], teacher: Any, beam: Array, *, least: int, seed: int, say: Callable[[str], None]
) -> list[Row]:
    """KS, core widths and classifiers for resolution and covariance on `beam` conditions (tracks, 12).

    Every species and type of track is drawn at least `least` times; the classifiers see each track once.
    """
    rng = np.random.default_rng(seed)
    parts: dict[str, list[Array]] = {"conditions": [], "teacher": [], "again": [], "ours": []}
    order, natural = _rows_to_draw(beam, least), 0
    for first in range(0, len(order), 50_000):
        some = beam[order[first : first + 50_000]]
        (one, ok1), (two, ok2) = (physical_draws(teacher, some, rng) for _ in range(2))
        ok = ok1 & ok2
        natural += int(ok[: max(0, len(beam) - first)].sum())
        parts["conditions"].append(some[ok])
        parts["teacher"].append(one[ok])
        parts["again"].append(two[ok])
        parts["ours"].append(_ours(models, some[ok], rng))
        say(f"drawn {sum(map(len, parts['ours']))} of about {len(order)} tracks")
    samples = {k: np.concatenate(v) for k, v in parts.items()}
    conditions = samples.pop("conditions")
    rows = _compare("resolution", RESOLUTION, conditions, {k: v[:, :9] for k, v in samples.items()})
    # the covariance is compared given the teacher's fit quality, so that resolution is not judged twice
    quality = samples["teacher"][:, 6:9]
    part = {
        "ours": _covariance(models, conditions, quality, rng),
        "teacher": samples["teacher"][:, 9:],
        "again": _teacher_covariance(teacher, conditions, samples["teacher"], rng),
    }
    rows += _compare("covariance", COVARIANCE, conditions, part)
    tests = {
        "resolution": (conditions, {k: v[:, :9] for k, v in samples.items()}),
        "covariance": (np.hstack([conditions, quality]), part),
        "chain": (conditions, samples),
    }
    for name, (columns, sample) in tests.items():
        once = {k: v[:natural] for k, v in sample.items()}
        auc, error = _auc(columns[:natural], once["ours"], once["teacher"], rng)
        floor, _ = _auc(columns[:natural], once["again"], once["teacher"], rng)
        rows.append(Row(f"{name}: AUC", auc, floor, 0.55, natural, {"error": error}))
        say(str(rows[-1]))
    return rows


def _teacher_covariance(teacher: Any, beam: Array, first: Array, rng: np.random.Generator) -> Array:
    """Draw a second physical covariance for given residuals; where none is in 40 attempts, keep the first."""
    out, lacking = first[:, 9:].copy(), np.arange(len(beam))
    p = 10.0 ** beam[:, 5].astype(float)
    for _ in range(40):
        if not len(lacking):
            break
        some, r = beam[lacking], first[lacking, :9]
        c = teacher.covariance(_with_quality(some, r), rng.standard_normal((len(some), 128), np.float32))
        good = physical(teacher, p[lacking], r, c)
        out[lacking[good]] = c[good]
        lacking = lacking[~good]
    return out


def _with_quality(beam: Array, residuals: Array) -> Array:
    return np.hstack([beam[:, :6], residuals[:, 6:9], beam[:, 6:]])


def _covariance(models: dict[str, Model], beam: Array, quality: Array, rng: np.random.Generator) -> Array:
    noise = rng.standard_normal((len(beam), models["covariance"].n_noise), np.float32)
    return models["covariance"](np.hstack([beam[:, :6], quality, beam[:, 6:]]), noise)


def _ours(models: dict[str, Model], beam: Array, rng: np.random.Generator) -> Array:
    noise = rng.standard_normal((len(beam), models["resolution"].n_noise), np.float32)
    residuals = models["resolution"](beam, noise)
    return np.hstack([residuals, _covariance(models, beam, residuals[:, 6:9], rng)])


def _auc(
    conditions: Array, a: Array, b: Array, rng: np.random.Generator, rows: int = 300_000
) -> tuple[float, float]:
    """Classifier between two samples, on different tracks of each."""
    order = rng.permutation(len(conditions))[: 2 * rows]
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    return classifier_auc(
        np.hstack([conditions[first], a[first]]), np.hstack([conditions[second], b[second]])
    )


def in_range(beam: Array) -> NDArray[np.bool_]:
    """Tracks with 2 < p < 200 GeV."""
    log_p = beam[:, BEAM_CONDITIONS.index("log10_p")]
    inside: NDArray[np.bool_] = (log_p > np.log10(2e3)) & (log_p < np.log10(2e5))
    return inside


@click.command()
@click.option(
    "--set", "set_name", default="lhcb2016-magup", show_default=True, help="Set of models, name or folder."
)
@click.option(
    "--sample", type=click.Path(path_type=Path), required=True, help="Folder of the closure sample."
)
@click.option("--teacher", type=click.Path(path_type=Path), help="Folder of tracking_response.py.")
@click.option("--least", default=200_000, show_default=True, help="Draws of every species and type of track.")
@click.option("--seed", default=7, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file of the table.")
def main(
    set_name: str, sample: Path, teacher: Path | None, least: int, seed: int, output: Path | None
) -> None:
    """Print the closure table; exit 1 if a target is missed."""
    response, models = load_teacher(teacher), dict(load_set(set_name).models)
    production, probability, beam = (
        np.load(sample / f"{n}.npy") for n in ("production", "probability", "beam")
    )
    rows = chances(models, production, probability)
    beam = beam[in_range(beam)]
    rows += responses(models, response, beam, least=least, seed=seed, say=lambda t: click.echo(t, err=True))
    for row in rows:
        click.echo(str(row))
    missed = [r for r in rows if not r.passed]
    click.echo(f"{len(rows) - len(missed)} of {len(rows)} targets met")
    if output:
        output.write_text(json.dumps([{**r.__dict__, "passed": r.passed} for r in rows], indent=1))
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()

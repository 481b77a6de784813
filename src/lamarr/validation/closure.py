"""Closure of the shipped tracking models against their teacher.

    python -m lamarr.validation.closure            # everything, for 'make closure'

On an independent sample (Pythia8 minimum bias and bb events with other seeds than the training's) the
conditions are given to both. The teacher's physical draws are compared with ours, beside a second,
independent set of draws of the teacher: the noise floor. Probabilities are compared here, tracks in
:mod:`lamarr.validation.responses`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.parametrizations.sets import load_set
from lamarr.parametrizations.tracking import BEAM_CONDITIONS, PRODUCTION_CONDITIONS
from lamarr.training.tracking.teacher import load_teacher
from lamarr.transpile import Model
from lamarr.validation.responses import responses
from lamarr.validation.rows import Row

__all__ = ["chances", "main"]

Array = NDArray[Any]

_SPECIES = {"e": "is_e", "mu": "is_mu", "h": "is_h"}


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
@click.option(
    "--least", default=1_000_000, show_default=True, help="Draws of every species and type of track."
)
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
    run(main)

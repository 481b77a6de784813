"""Calibrate what a trained tracking model draws, against the teacher's draws for other tracks.

    python -m lamarr.training.tracking.sample calibration -o DIR --particles 1500000 --seed 2001
    python -m lamarr.training.tracking.calibrate resolution --sample DIR --set SETDIR

See :mod:`lamarr.training.tracking.calibration`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr._version import __version__
from lamarr.errors import ConfigurationError
from lamarr.parametrizations.tracking import BEAM_CONDITIONS
from lamarr.training.tracking.calibration import (
    BINS,
    KNOTS,
    SMALLEST,
    Calibration,
    calibrated,
    drawing,
    target_tables,
)
from lamarr.training.tracking.recipes import ORDER, RECIPES, Response
from lamarr.training.tracking.train import sample_digest
from lamarr.transpile import Model, load_model

__all__ = ["calibrate", "main"]

Array = NDArray[Any]

P_RANGE: Final = (2e3, 2e5)
"""Momenta in MeV that are calibrated; tracks beyond are treated as those at the ends."""

PASSES: Final = 2
"""Draws of the model for each track; the teacher has one."""

SEED: Final = 1


def calibrate(model: Model, sample: Path) -> tuple[Model, int]:
    """Return the calibrated model, and the number of tracks that it was calibrated with.

    Raises
    ------
    ConfigurationError
        If the model is calibrated already, or of a class that is not.
    """
    if "calibration" in model.card:
        raise ConfigurationError(
            f"'{model.name}' is calibrated already ({model.card['calibration']['date']}): train it anew"
        )
    recipe = RECIPES[model.name]
    if not isinstance(recipe, Response):
        raise ConfigurationError(f"only resolution and covariance are calibrated, not '{model.name}'")
    conditions, targets = recipe.arrays(sample)
    log_p = conditions[:, BEAM_CONDITIONS.index("log10_p")]
    inside = (log_p > np.log10(P_RANGE[0])) & (log_p < np.log10(P_RANGE[1]))
    conditions, targets = conditions[inside], targets[inside]
    if model.name == "resolution":
        targets = targets[:, np.argsort(ORDER)]
    true = _scores(targets, *target_tables(model))
    run, row = drawing(model).compiled(), np.arange(len(conditions))
    drawn = np.stack(
        [
            run.seeded(conditions, seed=SEED, stage=f"calibration {k}", event=row, particle=row)
            for k in range(PASSES)
        ]
    )
    return calibrated(model, Calibration.fit(model.inputs, conditions, drawn, true)), len(conditions)


def _scores(targets: Array, scores: Array, values: Array) -> NDArray[np.float32]:
    """Scores (n, outputs) of targets by tables (outputs, knots)."""
    found = np.empty(targets.shape, np.float32)
    for j, (z, v) in enumerate(zip(scores, values, strict=True)):
        rising = np.r_[True, np.diff(v) > 0]  # tables of different length are filled up at their end
        found[:, j] = np.interp(targets[:, j], v[rising], z[rising])
    return found


@click.command()
@click.argument("name", type=click.Choice(["resolution", "covariance"]))
@click.option("--sample", type=click.Path(path_type=Path), required=True, help="Folder of the sample.")
@click.option("--set", "folder", type=click.Path(path_type=Path), required=True, help="Folder of the set.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Another folder for the result.")
def main(name: str, sample: Path, folder: Path, output: Path | None) -> None:
    """Calibrate model NAME of a set and save it."""
    before = load_model(folder, name)
    model, tracks = calibrate(before, sample)
    model.card["calibration"] = {
        "bins": BINS,
        "knots": list(KNOTS),
        "smallest_bin": SMALLEST,
        "tracks": tracks,
        "sample": {
            "sha256": sample_digest(sample),
            "command": "python -m lamarr.training.tracking.sample calibration -o SAMPLE "
            "--particles 1500000 --seed 2001",
        },
        "command": f"python -m lamarr.training.tracking.calibrate {name} --sample SAMPLE --set SET",
        "date": date.today().isoformat(),
        "lamarr": __version__,
    }
    click.echo(f"wrote {model.save(output or folder)}")


if __name__ == "__main__":
    main()

"""Train a tracking model from a sample.

    python -m lamarr.training.tracking.train resolution --sample DIR --runs runs/tracking -o SETDIR

A run can be killed and started again: it goes on from its last checkpoint with the same bits.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import click
import torch

from lamarr._version import __version__
from lamarr.commands import run
from lamarr.training.tracking.recipes import RECIPES, by_track_type

__all__ = ["main", "sample_digest"]

ORIGIN = (
    "Trained on draws from the tracking response that LHCb published for its flash simulation (2016, magnet "
    "up; github.com/LamarrSim/SQLamarr, lhcb.trk.2016MU.20230128, GPL-3). That teacher is LHCb's own "
    "surrogate of its detailed simulation: neither data nor the detailed simulation itself. Only sampled "
    "output was used. Draws with the teacher's known defects (p <= 0, |dp| >= p, straight-line tails, "
    "covariances that are not positive definite) were left out."
)


def sample_digest(folder: Path) -> str:
    """SHA-256 over names and contents of the arrays of a sample."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.npy")):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def _said(folder: Path) -> dict[str, Any]:
    """Return origin, command and digests of files: what a sample says, or those of the teacher's."""
    path = folder / "sample.json"
    if path.exists():
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return said
    return {
        "origin": ORIGIN,
        "command": "python -m lamarr.training.tracking.sample train -o SAMPLE --seed 1",
        "files": [],
    }


@click.command()
@click.argument("name", type=click.Choice(list(RECIPES)))
@click.option("--sample", type=click.Path(path_type=Path), required=True, help="Folder of the sample.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the set.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs/tracking"), help="Checkpoints.")
@click.option("--steps", type=int, help="Instead of the recipe's number of steps.")
@click.option(
    "--hold-out", type=int, help="Instead of the recipe's number of rows that are never trained on."
)
@click.option("--by-type", is_flag=True, help="Scores of the targets for each type of track, recalibrated.")
def main(
    name: str,
    sample: Path,
    output: Path,
    runs: Path,
    steps: int | None,
    hold_out: int | None,
    by_type: bool,
) -> None:
    """Train model NAME and save card and weights."""
    torch.set_num_threads(1)  # sums in one order: the same weights on every run
    recipe = RECIPES[name]
    if by_type:
        recipe = by_track_type(recipe)
    if steps:
        recipe = replace(recipe, schedule=replace(recipe.schedule, steps=steps))
    if hold_out:
        recipe = replace(recipe, schedule=replace(recipe.schedule, hold_out=hold_out))
    runs.mkdir(parents=True, exist_ok=True)
    model = recipe.train(sample, checkpoint=runs / f"{name}.checkpoint")
    said = _said(sample)
    digests = {"sha256": sample_digest(sample), "files": said.get("files", [])}
    model.card["sample"] |= {**digests, "command": said["command"]}
    model.card.update(
        command=(
            f"python -m lamarr.training.tracking.train {name} --sample SAMPLE -o SET "
            f"--steps {recipe.schedule.steps} --hold-out {recipe.schedule.hold_out}{' --by-type' * by_type}"
        ),
        data={"origin": said["origin"], "date": date.today().isoformat()},
        licence="BSD-3-Clause",
        lamarr=__version__,
    )
    click.echo(f"wrote {model.save(output)}")


if __name__ == "__main__":
    run(main)

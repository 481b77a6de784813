"""Compare all classes of models for one parametrization: same data, same CPU time, similar size.

    python -m lamarr.validation.model_zoo rich_pion --data events.parquet --seconds 60
    python -m lamarr.validation.model_zoo resolution --data runs/samples/detailed --seconds 60

Prints a Markdown table, measured on test events that no training and no choice of a checkpoint has seen.
Scores are not recalibrated: that would make the distributions of all classes alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from lamarr.commands import run
from lamarr.errors import ConfigurationError, ModelError
from lamarr.training.build import read_sample, train_model
from lamarr.training.data import Sample
from lamarr.training.families import make_learner
from lamarr.training.names import CLASSES
from lamarr.training.preparation import Prepared, prepare_targets
from lamarr.training.recipe import Recipe, resolve_recipes
from lamarr.transpile import Model, RunningModel, compiled
from lamarr.transpile.bench import best
from lamarr.validation.zoo_tracks import TASKS, track_task

__all__ = ["compare", "main", "microseconds", "row", "steps_within"]

_TRIAL_STEPS = 24
_REFEREE_ROWS = 5000


def steps_within(recipe: Recipe, prepared: Prepared, sample: Sample, seconds: float) -> int:
    """Return how many updates fit into `seconds` of CPU time, measured on a few of them."""
    torch.manual_seed(recipe.training.seed)
    settings = {k: v for k, v in recipe.model.items() if k != "class"}
    learner = make_learner(
        str(recipe.model["class"]), settings, conditions=prepared.inputs.width, outputs=recipe.outputs
    )
    if learner.whole:
        return 1
    rows = torch.from_numpy(sample.rows("train"))[: recipe.training.batch]
    arrays = (prepared.features, prepared.targets, prepared.weights)
    c, t, w = (torch.from_numpy(np.asarray(a))[rows] for a in arrays)
    generator = torch.Generator().manual_seed(1)
    times = []
    for k in range(_TRIAL_STEPS):
        start = time.thread_time()
        learner.step(c, t, w, (k + 0.5) / _TRIAL_STEPS, generator)
        times.append(time.thread_time() - start)
    return max(20, int(seconds / float(np.mean(times[2:]))))


def compare(
    recipe: Recipe, data: Path, runs: Path, seconds: float, names: Sequence[str]
) -> Iterator[tuple[str, Model]]:
    """Train every class of `names` and give its model; a class that diverges is left out, with a word."""
    folder = runs / "sample"
    sample = read_sample(recipe, data, folder)
    prepared = prepare_targets(recipe, sample, folder)
    for name in names:
        own = recipe if recipe.model["class"] == name else replace(recipe, model={"class": name})
        own = replace(own, preprocessing=replace(own.preprocessing, recalibrate=False))
        steps = steps_within(own, prepared, sample, seconds)
        few = min(own.training.referee_rows, _REFEREE_ROWS)
        own = replace(own, training=replace(own.training, steps=steps, looks=4, referee_rows=few))
        try:
            yield name, train_model(own, data, run=runs / name, command=f"model_zoo {recipe.name} {name}")
        except ModelError as error:
            click.echo(f"{name}: {error}", err=True)


def microseconds(model: Model, run: RunningModel | None = None, rows: int = 20_000) -> float:
    """CPU time per row of the compiled model (or of what `run` is) with its noise, in µs."""
    run = run or compiled([model], "c")[model.name]
    rng = np.random.default_rng(1)
    low, high = np.array([model.ranges.get(n, (0.0, 1.0)) for n in model.inputs]).T
    x = rng.uniform(low, high, (rows, len(low))).astype(np.float32)
    number = np.arange(rows)

    def call() -> Any:
        if not model.n_noise:
            return run(x)
        return run.seeded(x, seed=1, stage="zoo", event=number, particle=number)

    return best({"model": call}, 1.0)["model"] / rows * 1e6


def row(name: str, model: Model) -> str:
    """One line of the table."""
    held, training = model.card["held_out"], model.card["training"]
    if model.card["recipe"]["kind"] == "classifier":
        measured = f"{held['held_out_loss']:.4f} | {held[model.outputs[0]]['auc']:.4f}"
    else:
        ks = list(held["ks"].values())
        correlation = held.get("largest_difference_of_rank_correlations", 0.0)
        auc = f"{held['auc']:.3f} ± {held['auc_error']:.3f}"
        measured = f"{np.mean(ks):.4f} | {max(ks):.4f} | {correlation:.3f} | {auc}"
    spent = f"{training['steps']} | {training['seconds']:.0f}"
    return f"| {name} | {model.card['parameters']} | {spent} | {measured} | {microseconds(model):.2f} |"


@click.command()
@click.argument("name")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="As that of lamarr train; for resolution and covariance the folder of a tracking sample.",
)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs/zoo"), show_default=True)
@click.option("--seconds", default=60.0, show_default=True, help="CPU time of the updates of each training.")
@click.option("--only", multiple=True, help="Only these classes; may be repeated.")
def main(name: str, data: Path, runs: Path, seconds: float, only: tuple[str, ...]) -> None:
    """Train every class of models for the parametrization NAME and print the table."""
    torch.set_num_threads(1)
    if name in TASKS:
        recipe, data = track_task(name, data, runs / "table")
    else:
        recipes = resolve_recipes(name)
        if len(recipes) != 1:
            raise ConfigurationError(f"one model is compared at a time: {', '.join(r.name for r in recipes)}")
        recipe = recipes[0]
    names = only or tuple(n for n, kind in CLASSES.items() if kind == recipe.kind)
    measured = (
        "held-out loss | AUC"
        if recipe.kind == "classifier"
        else ("mean KS | largest KS | rank correlations | referee's AUC")
    )
    click.echo(f"| class | weights | steps | wall time [s] | {measured} | C [µs] |")
    click.echo("|---" * (7 if recipe.kind == "classifier" else 9) + "|")
    for found, model in compare(recipe, data, runs, seconds, names):
        click.echo(row(found, model))


if __name__ == "__main__":
    run(main)

"""One call from a recipe and data to a trained model in a set's folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from lamarr.errors import ConfigurationError, InputFileError, raise_unknown
from lamarr.training.data import EmptySampleError, Sample, load_data, prepare
from lamarr.training.data.expressions import Expression
from lamarr.training.data.sources import columns_of, is_events
from lamarr.training.families import make_learner
from lamarr.training.finish import finish
from lamarr.training.plots import draw_plots
from lamarr.training.preparation import prepare_targets
from lamarr.training.recipe import Recipe
from lamarr.training.run import RunFolder
from lamarr.training.trainer import Progress, Trainer
from lamarr.transpile import Model

__all__ = ["read_sample", "train_model"]


def read_sample(
    recipe: Recipe, data: Path, folder: Path, say: Callable[[str], None] = lambda _: None
) -> Sample:
    """Read the rows that a recipe learns from.

    The cut of the recipe is asked of all data. Files that somebody else wrote may lack the columns that only
    event files have (true species, type of track): what the cut demands of those is left out, which `say` is
    told; such files hold one species, chosen by the cuts of their own YAML. Where the cut leaves too few
    rows, the recipe may have a wider one.
    """
    specification, files = load_data(data)
    own = bool(files) and all(is_events(f) for f in files)
    derived = dict(recipe.derived) if own else {}
    if not specification.origin:
        specification = replace(specification, origin=", ".join(f.name for f in files))

    def read(select: str | None) -> Sample:
        return prepare(
            specification,
            files,
            inputs=recipe.inputs,
            outputs=recipe.outputs,
            folder=folder,
            select=select,
            derived=derived,
            seed=recipe.training.seed,
        )

    if not own:
        known = [*specification.columns, *columns_of(files[0], specification.tree)]
        return read(_cut_without_truth(recipe, known, say))
    if recipe.fallback is None:
        return read(recipe.select)
    try:
        sample = read(recipe.select)
    except EmptySampleError:
        return read(recipe.fallback)
    return sample if len(sample.part) >= recipe.smallest else read(recipe.fallback)


def _cut_without_truth(recipe: Recipe, known: Sequence[str], say: Callable[[str], None]) -> str | None:
    """Return the cut of a recipe without what it demands of columns that only event files have.

    Raises
    ------
    InputFileError
        If it names another column that is not there.
    """
    if recipe.select is None:
        return None
    kept = []
    for part in Expression(recipe.select).parts():
        missing = sorted(part.names - set(known))
        if not missing:
            kept.append(part.text)
        elif all(n == "type" or n.startswith("true_") for n in missing):
            say(f"{recipe.name}: '{part.text}' is not asked of data without {', '.join(missing)}")
        else:
            raise_unknown(f"column (in '{part.text}')", missing[0], known, InputFileError)
    return " and ".join(f"({text})" for text in kept) or None


def train_model(
    recipe: Recipe,
    data: Path,
    *,
    run: Path,
    output: Path | None = None,
    command: str = "",
    progress: Progress | None = None,
    every: float = 30.0,
    say: Callable[[str], None] = lambda _: None,
) -> Model:
    """Train the model of a recipe (of one species), or go on with a training that was interrupted.

    Parameters
    ----------
    data : path
        YAML or event file; see :func:`lamarr.training.data.load_data`.
    run : path
        Folder of checkpoints, log, plots; the model is written there too.
    output : path, optional
        Folder of a set, for card and weights.
    command : str
        What was typed, for the card.

    Raises
    ------
    LamarrError
        If data or recipe are wrong, or the training diverges.
    """
    if recipe.species:
        raise ConfigurationError(f"the recipe '{recipe.name}' is one for each species: choose one with of()")
    sample = read_sample(recipe, data, run / "sample", say)
    wider = " of a wider selection" if recipe.fallback and sample.selection == recipe.fallback else ""
    say(f"{recipe.name}: {len(sample.part)} rows{wider}, SHA-256 {sample.digest[:12]}…")
    folder = RunFolder(run, {"data": sample.digest, "recipe": recipe.digest()})
    folder.restore()  # refuses another sample before anything is changed
    prepared = prepare_targets(recipe, sample, run / "sample")
    torch.manual_seed(recipe.training.seed)
    settings = {k: v for k, v in recipe.model.items() if k != "class"}
    learner = make_learner(
        str(recipe.model["class"]),
        settings,
        conditions=prepared.inputs.width,
        outputs=recipe.outputs,
        origin=f"{recipe.name}: model",
    )
    folder.write("recipe.yaml", yaml.safe_dump(recipe.settings(), sort_keys=False).encode())
    folder.write(
        "data.json", _json({"sha256": sample.digest, "origin": sample.origin, "seed": recipe.training.seed})
    )
    transforms = {"inputs": prepared.inputs.to_json(), "outputs": prepared.outputs.to_json()}
    folder.write("preprocessing.json", _json(transforms))
    trainer = Trainer(learner, prepared, sample, recipe.training, folder, every=every, progress=progress)
    history = trainer.train()
    model, tested = finish(recipe, sample, prepared, trainer, command=command)
    model.save(run)
    draw_plots(run / "plots", history, tested, model.card)
    if output is not None:
        model.save(output)
    return model


def _json(content: Any) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode()

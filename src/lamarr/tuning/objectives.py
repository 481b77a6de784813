"""Objectives of ``lamarr tune run`` for recipes of trainings: train, report each look, stop early.

A recipe (``lamarr train rich_pion --show > mine.yaml``) becomes tunable with the keys ``data`` and ``tune``;
see docs/training.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamarr.declaration import validate
from lamarr.errors import ConfigurationError
from lamarr.tuning.study import Pruned, Trial

__all__ = ["objective"]


def objective(settings: Mapping[str, Any], trial: Trial) -> float:
    """Train a recipe with the values of a trial; return the best score on validation events.

    The score is the held-out loss, or for classes of models without one the referee's |AUC − ½|.

    Raises
    ------
    ConfigurationError
        If the recipe names no data, or several species.
    """
    from lamarr.training.build import train_model
    from lamarr.training.recipe import Recipe

    recipe = validate(Recipe, dict(settings), "the recipe of the trial")
    if recipe.data is None:
        raise ConfigurationError(f"the recipe '{recipe.name}' needs the key 'data' to be tuned")
    models = recipe.models()
    if len(models) != 1:
        names = ", ".join(m.name for m in models)
        raise ConfigurationError(
            f"one model is tuned at a time, but the recipe makes {names}: name one species"
        )
    shown = 0.0

    def progress(step: int, total: int, values: dict[str, float]) -> None:
        nonlocal shown
        del step, total
        looked = values.get("step", 0.0)
        if looked > shown:
            shown = looked
            loss = values.get("held_out_loss")
            trial.report(int(looked), abs(values["auc"] - 0.5) if loss is None else loss)
            if trial.should_prune():
                raise Pruned

    with tempfile.TemporaryDirectory(prefix="lamarr-tune-") as folder:
        model = train_model(models[0], Path(recipe.data), run=Path(folder), progress=progress)
    return float(model.card["training"]["best_score"])

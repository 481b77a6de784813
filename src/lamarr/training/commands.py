"""What ``lamarr train`` does: choose recipes, train one after the other, keep the set's declaration."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from lamarr.errors import ConfigurationError, LamarrError, MissingExtraError, ModelError
from lamarr.flash import DEFAULT_SET
from lamarr.parametrizations.sets import update_declaration
from lamarr.training.names import CLASSES
from lamarr.training.recipe import Recipe, load_recipe, resolve_recipes, shipped_recipes
from lamarr.transpile import Model

__all__ = ["declare_set", "list_recipes", "show_recipes", "train_all"]


def _chosen(names: Sequence[str], changes: Mapping[str, Any], everything: bool) -> list[Recipe]:
    of_species = (n for n, path in shipped_recipes().items() if load_recipe(path).species)
    wanted = [*names, *(of_species if everything else ())]
    recipes = [recipe for name in wanted for recipe in resolve_recipes(name, _fitting(name, changes))]
    known = [r.name for r in recipes]
    for name in known:
        if known.count(name) > 1:
            raise ConfigurationError(f"the model '{name}' is asked for twice; name it once")
    return recipes


def _fitting(name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out a class of models that makes another kind of model than the recipe."""
    wanted = changes.get("model.class")
    kind = CLASSES.get(str(wanted))
    path = shipped_recipes().get(name)
    if wanted is None or kind is None or path is None or load_recipe(path).kind == kind:
        return changes
    return {k: v for k, v in changes.items() if not k.startswith("model.")}


def list_recipes() -> str:
    """Recipes with their titles, and classes of models."""
    lines = ["recipes"]
    for name, path in shipped_recipes().items():
        recipe = load_recipe(path)
        lines.append(f"  {name:<16}{recipe.title.replace('{species}s', 'a species')}")
        lines.append(f"  {'':<16}{', '.join(m.name for m in recipe.models())}")
    for kind in ("generator", "classifier"):
        lines += [f"classes of models ({kind})", "  " + ", ".join(n for n, k in CLASSES.items() if k == kind)]
    return "\n".join(lines)


def show_recipes(names: Sequence[str], changes: Mapping[str, Any], *, everything: bool = False) -> str:
    """Return recipes as YAML."""
    parts = [r.settings() for r in _chosen(names, changes, everything)]
    return "---\n".join(yaml.safe_dump(p, sort_keys=False, allow_unicode=True) for p in parts)


def train_all(
    names: Sequence[str],
    changes: Mapping[str, Any],
    *,
    everything: bool,
    data: Path | None,
    output: Path | None,
    runs: Path,
    threads: int = 1,
    quiet: bool = False,
) -> list[Model]:
    """Train the models of all recipes named; each has its own folder in `runs`.

    One of several that cannot be trained does not keep the others from it; it is an error in the end.

    Raises
    ------
    MissingExtraError
        If torch or scikit-learn are not installed.
    ConfigurationError
        If nothing says what to learn from.
    ModelError
        If some of several models could not be trained.
    LamarrError
        If data or a recipe are wrong, or a training diverges.
    """
    recipes = _chosen(names, changes, everything)
    _need_extra()
    import torch

    from lamarr.training.build import train_model
    from lamarr.training.console import told

    torch.set_num_threads(threads)
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    models: list[Model] = []
    failed: dict[str, str] = {}
    for recipe in recipes:
        source = data or (Path(recipe.data) if recipe.data else None)
        if source is None:
            raise ConfigurationError(
                f"'{recipe.name}' needs data to learn from: give --data, or the key 'data' in its recipe"
            )
        command = f"lamarr train {recipe.name} --data {source.name}"
        command += "".join(f" --set {k}={v}" for k, v in changes.items())
        try:
            with told(recipe.name, console, quiet=quiet) as progress:
                model = train_model(
                    recipe,
                    source,
                    run=runs / recipe.name,
                    output=output,
                    command=command,
                    progress=progress,
                    say=(lambda _: None) if quiet else console.print,
                )
        except LamarrError as error:
            if len(recipes) == 1:
                raise
            failed[recipe.name] = str(error)
            console.print(f"{recipe.name}: {error}")
            continue
        models.append(model)
        if output is not None:
            declare_set(output, [model.name])
        if not quiet:
            console.print(_summary(model, runs / recipe.name))
    if failed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise ModelError(f"{len(failed)} of {len(recipes)} models could not be trained: {reasons}")
    return models


def _need_extra() -> None:
    for module in ("torch", "sklearn"):
        try:
            __import__(module)
        except ImportError:
            raise MissingExtraError(
                f"training needs {module}: install lamarr with its extra, pip install 'lamarr[train]'"
            ) from None


def _summary(model: Model, run: Path) -> str:
    held = model.card["held_out"]
    if "ks" in held:
        worst = max(held["ks"], key=held["ks"].get)
        said = f"AUC {held['auc']:.3f} ± {held['auc_error']:.3f}, KS up to {held['ks'][worst]:.4f} ({worst})"
    else:
        said = f"held-out loss {held['held_out_loss']:.4f}"
    training = model.card["training"]
    return f"{model.name}: {said}; best of step {training['best_step']}, {training['seconds']:.0f} s; {run}"


def declare_set(folder: Path, names: Sequence[str]) -> None:
    """Add models to the set in `folder`; a new set takes everything else from the default set."""
    path = folder / "set.json"
    declared: dict[str, Any] = {
        "name": folder.name,
        "title": f"trained into {folder.name}",
        "detector": "lhcb2016-magup",
        "derived_from": DEFAULT_SET,
        "models": [],
    }
    if path.exists():
        declared = json.loads(path.read_text())
    models = declared.setdefault("models", [])
    models += [n for n in names if n not in models]
    update_declaration(folder, declared)

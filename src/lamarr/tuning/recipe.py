"""Recipes with ranges: a training's YAML becomes tunable by adding a block ``tune``.

The block names the function to call and the ranges; everything else in the file are the recipe's own
settings. A range's name is a dotted path to the setting that it replaces::

    optimiser:
      lr: 1.0e-3
      batch: 4096
    width: 128
    tune:
      objective: mypackage.mymodule:objective
      study: rich-pion
      directions: minimize
      pruner: median
      max_trials: 100
      space:
        optimiser.lr: {type: float, low: 1.0e-5, high: 1.0e-2, log: true}
        width: {type: int, low: 32, high: 256, step: 32}

``objective(settings, trial)`` gets the settings with the trial's values in place and the
:class:`~lamarr.tuning.study.Trial`, which it may use to report and to stop early; it returns the value(s).
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lamarr.errors import ConfigurationError, InputFileError, raise_unknown
from lamarr.tuning.campaign import canonical
from lamarr.tuning.client import Client
from lamarr.tuning.problems import TuningError
from lamarr.tuning.space import parse_space
from lamarr.tuning.study import Study, Trial

__all__ = [
    "Recipe",
    "TuneBlock",
    "load_objective",
    "open_recipe_study",
    "read_recipe",
    "resolve",
    "run_recipe",
]

_log = logging.getLogger("lamarr.tuning")
_FAILURES_IN_A_ROW = 5


class TuneBlock(BaseModel):
    """The block `tune` of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: str = Field(pattern=r"^[\w.]+:[\w.]+$", description="module:function")
    study: str = Field(min_length=1, max_length=200)
    space: dict[str, dict[str, Any]] = Field(min_length=1)
    properties: dict[str, Any] = Field(default_factory=dict)
    directions: list[Literal["minimize", "maximize"]] | Literal["minimize", "maximize"] = "minimize"
    sampler: str | dict[str, Any] = "tpe"
    pruner: str | dict[str, Any] = "none"
    max_trials: int | None = Field(default=None, ge=1)
    heartbeat: float | None = Field(default=None, ge=1)
    attempts: int = Field(default=3, ge=1)


class Recipe:
    """A recipe with its file, its settings and its block `tune`."""

    def __init__(self, path: Path, settings: Mapping[str, Any], tune: TuneBlock) -> None:
        self.path, self.settings, self.tune = path, settings, tune

    def fixed_digest(self) -> str:
        """Digest of the settings that are not tuned: another value is another study."""
        fixed = resolve(self, dict.fromkeys(self.tune.space))
        return hashlib.sha256(canonical("the settings", fixed).encode()).hexdigest()[:16]


def read_recipe(path: Path | str) -> Recipe:
    """Read and check a recipe; raises InputFileError or ConfigurationError with the file and the key."""
    path = Path(path)
    try:
        found = yaml.safe_load(path.read_text())
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict) or not isinstance(found.get("tune"), dict):
        raise ConfigurationError(
            f"{path} has no block `tune`; add objective, study and space (docs/tuning.md)"
        )
    tune = found.pop("tune")
    try:
        block = TuneBlock(**{**tune, "space": _with_numbers(tune.get("space"))})
        parse_space(block.space)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("tune", *first["loc"])))
        raise ConfigurationError(f"{path}: {where}: {first['msg']}") from None
    except TuningError as error:
        raise ConfigurationError(f"{path}: tune.space: {error}") from None
    recipe = Recipe(path, found, block)
    for name in block.space:
        _holder(recipe.settings, name, path)
    return recipe


def _with_numbers(space: Any) -> Any:
    """YAML 1.1 reads 1e-5 (without a point) as text; a range means the number."""
    if not isinstance(space, dict):
        return space
    return {name: _numbers(range_) for name, range_ in space.items()}


def _numbers(range_: Any) -> Any:
    if not isinstance(range_, dict):
        return range_
    changed = dict(range_)
    for key in ("low", "high", "step"):
        if isinstance(changed.get(key), str):
            with contextlib.suppress(ValueError):  # the check of the range says what is wrong
                changed[key] = float(changed[key])
    return changed


def _holder(settings: Mapping[str, Any], name: str, path: Path) -> tuple[dict[str, Any], str]:
    """Find the mapping that holds the setting with a dotted name, and the last part of the name."""
    *parents, last = name.split(".")
    place: Any = settings
    for part in parents:
        place = place.get(part) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place:
        raise_unknown(f"setting of {path}", name, _names(settings), ConfigurationError)
    return place, last


def _names(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    names = []
    for key, value in settings.items():
        names.append(f"{prefix}{key}")
        if isinstance(value, dict):
            names += _names(value, f"{prefix}{key}.")
    return names


def resolve(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the settings with the values of a trial in place."""
    settings = copy.deepcopy(dict(recipe.settings))
    for name, value in values.items():
        place, last = _holder(settings, name, recipe.path)
        place[last] = value
    return settings


def load_objective(name: str) -> Callable[[Mapping[str, Any], Trial], Any]:
    """Import the function ``module:function``; raises ConfigurationError with near misses."""
    module_name, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"the objective {name!r} cannot be imported: {error}") from None
    for part in path.split("."):
        if not hasattr(found, part):
            raise_unknown(f"objective in {module_name}", path, dir(found), ConfigurationError)
        found = getattr(found, part)
    if not callable(found):
        raise ConfigurationError(f"the objective {name!r} is no function")
    return found  # type: ignore[no-any-return]


def open_recipe_study(recipe: Recipe, client: Client) -> Study:
    """Open the study of a recipe, made if new: known by its name, properties and all settings not tuned."""
    t = recipe.tune
    return client.study(
        t.study,
        t.space,
        properties={**t.properties, "recipe": recipe.fixed_digest()},
        directions=t.directions,
        sampler=t.sampler,
        pruner=t.pruner,
        heartbeat=t.heartbeat,
        attempts=t.attempts,
        max_trials=t.max_trials,
    )


def run_recipe(
    path: Path | str,
    client: Client,
    *,
    n_trials: int | None = None,
    done: Callable[[Trial], None] | None = None,
) -> int:
    """Work on the trials of a recipe until none is left, or on `n_trials`; returns how many.

    A trial whose objective raises is told as failed; after five in a row the error is raised, since the
    recipe and not its parameters must be wrong.
    """
    recipe = read_recipe(path)
    objective = load_objective(recipe.tune.objective)
    study = open_recipe_study(recipe, client)
    failures = 0

    def guarded(trial: Trial) -> Any:
        nonlocal failures
        try:
            result = objective(resolve(recipe, trial.params), trial)
            failures = 0
        except Exception:
            failures += 1
            raise
        if done is not None:
            done(trial)
        return result

    finished = 0
    while n_trials is None or finished < n_trials:
        try:
            if not study.optimize(guarded, 1):
                break
        except TuningError as error:
            if error.kind != "not_a_number":
                raise
        except Exception as error:
            if failures == 0 or failures >= _FAILURES_IN_A_ROW:
                raise
            _log.warning("a trial failed: %s", error)
        finished += 1
    return finished

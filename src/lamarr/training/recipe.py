"""Recipes: what a model is conditioned on and gives, which rows, network, preprocessing and schedule.

One YAML per parametrization, shipped in ``training/recipes``; ``docs/training.md`` explains the keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from lamarr.declaration import STRICT, read_yaml, validate
from lamarr.errors import ConfigurationError, InputFileError, raise_unknown
from lamarr.parametrizations.pid import SPECIES
from lamarr.training.data.expressions import Expression

__all__ = [
    "Preprocessing",
    "Recipe",
    "Steps",
    "load_recipe",
    "recipe_names",
    "resolve_recipes",
    "shipped_recipes",
]


_SMALLEST_BATCH: Final = 128
_BATCHES_IN_A_PASS: Final = 64


@dataclass(frozen=True, kw_only=True)
class Steps:
    """How long to train, and how often to look.

    Attributes
    ----------
    steps, batch : int
        Updates, and rows in each, at most.
    epochs : float
        Updates are no more than so many passes over the training rows: small samples are soon learned by
        heart.
    looks : int
        Evaluations on held-out rows, evenly spread; the best one gives the model.
    referee_rows : int
        Held-out rows that the referee sees.
    seed : int
        Of weights, batches and splits.
    device : str
        ``cpu``, ``cuda`` or ``auto``.
    precision : str
        ``float32``, or ``bfloat16`` (mixed) where the device is faster with it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    steps: int = 10_000
    batch: int = 1024
    epochs: float = 40.0
    looks: int = 20
    referee_rows: int = 10_000
    seed: int = 1
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        """Check that the numbers are positive."""
        if not (self.steps >= 1 and self.batch >= 1 and self.looks >= 1 and self.epochs > 0):
            raise ConfigurationError(
                f"steps, batch, looks >= 1 and epochs > 0 must hold, but got ({self.steps}, {self.batch}, "
                f"{self.looks}, {self.epochs})"
            )
        if self.referee_rows < 100:
            raise ConfigurationError(f"referee_rows >= 100 must hold, but got {self.referee_rows}")

    def rows_at_once(self, rows: int) -> int:
        """Rows in each update: of small samples fewer, or there would be too few updates in a pass."""
        return min(self.batch, max(_SMALLEST_BATCH, rows // _BATCHES_IN_A_PASS))

    def updates(self, rows: int) -> int:
        """Return the number of updates for a training part of `rows` rows."""
        return max(1, min(self.steps, round(self.epochs * rows / self.rows_at_once(rows))))


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Transforms by column: names of :data:`lamarr.training.transforms.build.PREPROCESSING`.

    `differences` maps outputs to outputs from which they are to be learned as a difference. After the
    training normal scores of outputs are recalibrated, unless `recalibrate` is false.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[str, str] = field(default_factory=dict)
    decorrelate: bool = False
    recalibrate: bool = True


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One parametrization, or one for each of several species.

    Attributes
    ----------
    name, title : str
    references : tuple of str
    kind : str
        ``generator`` or ``classifier``.
    species : tuple of str
        One model for each; ``{species}`` in `title` stands for its name, ``{pid}`` in `select` for its
        PDG id.
    inputs, outputs : tuple of str
        Columns; see the data specification.
    gives : tuple of str
        Names of the model's outputs, if others than `outputs` (a classifier gives probabilities).
    copies : mapping of str to str
        Further outputs that are equal to an input.
    derived : mapping of str to str
        Expressions of columns that files do not hold as such.
    select : str, optional
        Rows that the model is for.
    fallback : str, optional
        Rows to learn from instead where `select` leaves fewer than `smallest`: those of all species, say.
    smallest : int
    model : mapping
        ``class`` (a name of :data:`lamarr.training.families.FAMILIES`; by default ``mixture`` or
        ``residual-perceptron``) and its settings.
    preprocessing, training
    data : str, optional
        What to learn from, if the command line does not say.
    tune : mapping, optional
        Ranges for ``lamarr tune run``.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: str
    title: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    kind: Literal["generator", "classifier"] = "generator"
    species: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    select: str | None = None
    fallback: str | None = None
    smallest: int = 500
    model: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    training: Steps = field(default_factory=Steps)
    references: tuple[str, ...] = ()
    data: str | None = None
    tune: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check names, expressions and the class of the model."""
        if not self.name.isidentifier():
            raise ConfigurationError(f"a name must be an identifier of C, but got '{self.name}'")
        for source in self.copies.values():
            if source not in self.inputs:
                raise_unknown("input to copy", source, self.inputs, ConfigurationError)
        if not self.inputs or not self.outputs or (self.gives and len(self.gives) != len(self.outputs)):
            raise ConfigurationError(
                f"inputs and outputs must be given, and as many names in gives as outputs, but got "
                f"{self.inputs}, {self.outputs}, {self.gives}"
            )
        for name in self.species:
            if name not in SPECIES:
                raise_unknown("species", name, SPECIES, ConfigurationError)
        for text in (*self.derived.values(), *filter(None, (self.select, self.fallback))):
            Expression(text.replace("{pid}", "211"))
        if "class" not in self.model:
            usual = "mixture" if self.kind == "generator" else "residual-perceptron"
            object.__setattr__(self, "model", {"class": usual, **self.model})
        self._check_class()

    def _check_class(self) -> None:
        from lamarr.training.names import CLASSES

        known = [n for n, kind in CLASSES.items() if kind == self.kind]
        if self.model["class"] not in known:
            raise_unknown(
                f"class of models for a {self.kind}", str(self.model["class"]), known, ConfigurationError
            )

    def models(self) -> list[Recipe]:
        """Recipes of single models: one per species, called NAME_SPECIES, or this one."""
        if not self.species:
            return [self]
        return [self.of(s) for s in self.species]

    def of(self, species: str) -> Recipe:
        """Recipe of the model of one species."""
        return replace(
            self,
            name=f"{self.name}_{species}",
            title=self.title.replace("{species}", species),
            species=(),
            select=None if self.select is None else self.select.replace("{pid}", str(SPECIES[species])),
        )

    def settings(self) -> dict[str, Any]:
        """Everything that the result depends on, as JSON data."""
        found = {k: v for k, v in asdict(self).items() if k not in ("tune", "data")}
        return json.loads(json.dumps(found))

    def digest(self) -> str:
        """SHA-256 of :meth:`settings`."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()


_FOLDER: Final = "recipes"


def shipped_recipes() -> dict[str, Path]:
    """Files of the shipped recipes by name."""
    folder = Path(str(resources.files("lamarr.training"))) / _FOLDER
    return {p.stem: p for p in sorted(folder.glob("*.yaml"))}


def recipe_names() -> tuple[str, ...]:
    """Names of the models that shipped recipes make."""
    recipes = [load_recipe(path) for path in shipped_recipes().values()]
    return tuple(m.name for r in recipes for m in r.models())


def load_recipe(path: Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe; `changes` replaces settings by dotted names.

    Raises
    ------
    ConfigurationError
        If the YAML, a key or a value is wrong; near misses are named.
    """
    try:
        data = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path}: cannot be read as YAML: {error}") from None
    if isinstance(data, dict):
        for name, value in (changes or {}).items():
            _set(data, name.split("."), value, str(path))
    return validate(Recipe, data, str(path))


def _set(data: dict[str, Any], name: list[str], value: Any, origin: str) -> None:
    *parents, last = name
    for part in parents:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise ConfigurationError(f"{origin}: '{'.'.join(name)}' cannot be set: '{part}' holds a value")
    if last == "class":  # settings of another class do not fit
        data.clear()
    data[last] = value


def resolve_recipes(name: str, changes: Mapping[str, Any] | None = None) -> list[Recipe]:
    """Recipes of single models that a name stands for: a model, a parametrization of all species, a file.

    Raises
    ------
    UnknownNameError
        If there is no such recipe; near misses are named.
    """
    if name.endswith((".yaml", ".yml")):
        return load_recipe(Path(name), changes).models()
    shipped = shipped_recipes()
    if name in shipped:
        return load_recipe(shipped[name], changes).models()
    known = dict(shipped)
    for path in shipped.values():
        for model in load_recipe(path).models():
            known[model.name] = path
    if name not in known:
        raise_unknown("recipe", name, known)
    return [m for m in load_recipe(known[name], changes).models() if m.name == name]

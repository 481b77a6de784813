"""Sets: directories of trained models that belong together, shipped or the user's own.

A set is a folder with ``set.json`` and a card and weights per model. ``set.json`` holds:

    name             of the set
    title            one line
    detector         name of the detector (lamarr.detector) that it describes
    models           names of the models in the folder
    derived_from     the set whose models it uses where it has none of its own
    reverse_charge   true if these are fed the opposite charge (a set of the other polarity)
    primary_vertex   smearing of primary vertices, in place of the detector's
    notes            sentences that users of the set must know
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lamarr.declaration import validate
from lamarr.detector import PrimaryVertexSmearing
from lamarr.errors import ModelError, raise_unknown
from lamarr.publishing import write_text
from lamarr.transpile import Model, load_model

__all__ = ["ModelSet", "load_set", "set_names", "update_declaration"]


@dataclass(frozen=True, kw_only=True)
class ModelSet:
    """A trained set.

    Attributes
    ----------
    name, title : str
    detector : str
        Name of its detector.
    models : mapping of str to Model
    reverse_charge : bool
        Whether the models are fed the opposite charge.
    notes : tuple of str
    primary_vertex : PrimaryVertexSmearing, optional
        Takes the place of that of the detector.
    """

    name: str
    title: str
    detector: str
    models: Mapping[str, Model]
    reverse_charge: bool = False
    notes: tuple[str, ...] = ()
    primary_vertex: PrimaryVertexSmearing | None = None

    def __getitem__(self, name: str) -> Model:
        """Return a model; a wrong name is answered with near misses."""
        if name not in self.models:
            raise_unknown(f"model of set '{self.name}'", name, self.models)
        return self.models[name]


def _shipped() -> Path:
    return Path(str(resources.files("lamarr.parametrizations"))) / "sets"


def set_names() -> tuple[str, ...]:
    """Names of the shipped sets."""
    return tuple(sorted(p.parent.name for p in _shipped().glob("*/set.json")))


def load_set(name: str | Path) -> ModelSet:
    """Load a shipped set by name, or the set in a folder (a path that exists or holds a slash).

    Raises
    ------
    UnknownNameError
        If no set has this name; near misses are named.
    ModelError
        If ``set.json``, a card or weights are damaged.
    """
    folder = _folder(name)
    declared = _read(folder / "set.json")
    notes = tuple(declared.get("notes", ()))
    models = {m: load_model(folder, m) for m in declared.get("models", ())}
    reverse, smearing = False, None
    if "derived_from" in declared:
        origin = load_set(declared["derived_from"])
        models, reverse = {**origin.models, **models}, origin.reverse_charge
        smearing = origin.primary_vertex
    if "primary_vertex" in declared:
        smearing = validate(PrimaryVertexSmearing, declared["primary_vertex"], str(folder / "set.json"))
    return ModelSet(
        name=declared["name"],
        title=declared["title"],
        detector=declared["detector"],
        models=MappingProxyType(models),
        reverse_charge=reverse != bool(declared.get("reverse_charge", False)),
        notes=notes,
        primary_vertex=smearing,
    )


def update_declaration(folder: Path, declared: Mapping[str, Any]) -> None:
    """Put keys into the ``set.json`` of `folder`, whole or not at all; the others stay.

    Raises
    ------
    ModelError
        If there is a ``set.json`` that cannot be read.
    """
    path = folder / "set.json"
    content = {**(_read(path) if path.exists() else {}), **declared}
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _folder(name: str | Path) -> Path:
    if (Path(name) / "set.json").is_file():
        return Path(name)
    if "/" in str(name):
        raise ModelError(f"'{name}' is no set of models: it holds no set.json")
    if str(name) not in set_names():
        raise_unknown("set of models", str(name), set_names())
    return _shipped() / str(name)


def _read(path: Path) -> dict[str, Any]:
    try:
        declared: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lacking = [k for k in ("name", "title", "detector") if k not in declared]
        if "models" not in declared and "derived_from" not in declared:
            lacking.append("models")
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} cannot be read as the declaration of a set: {error}") from None
    if lacking:
        raise ModelError(f"{path} lacks the keys {', '.join(lacking)}")
    return declared

"""YAML at the boundary: text to frozen dataclasses, strictly, with near misses for wrong keys.

A configuration is declared once, as a frozen dataclass that carries ``__pydantic_config__``
(:data:`STRICT`); this module validates what a user wrote against it and turns every complaint of
pydantic into one sentence that names the file, the key, what was expected and what was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_type_hints

from lamarr.errors import ConfigurationError, near_misses

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["STRICT", "parse", "read_yaml", "validate"]

T = TypeVar("T")

STRICT: Final = {"extra": "forbid", "allow_inf_nan": False}
"""Configuration of pydantic for declared dataclasses: no unknown key, no NaN, no infinity."""


def read_yaml(text: str, origin: str) -> Any:
    """Parse YAML that must not repeat a key; `origin` names the file in messages.

    ``off``, ``on``, ``yes`` and ``no`` are words, as in YAML 1.2: an engine may be called off.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Knows repeated keys for what they are."""

        yaml_implicit_resolvers = {  # noqa: RUF012
            first: [r for r in resolvers if first in "tTfF" or not r[0].endswith(":bool")]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [loader.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise ConfigurationError(
                    f"{origin}: the key {key!r} is given twice near line {line}; keep one"
                )
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{origin}: not valid YAML: {reason}") from None


def validate(cls: type[T], data: Any, origin: str) -> T:
    """Make a `cls` (a declared dataclass) of `data`, or say in one sentence what is wrong with it.

    Raises
    ------
    ConfigurationError
        If a key is unknown, missing or holds a value of the wrong kind.
    """
    import pydantic

    if not isinstance(data, dict):
        raise ConfigurationError(f"{origin}: a mapping of keys to values must be given, but got {data!r}")
    try:
        return pydantic.TypeAdapter(cls).validate_python(data)
    except pydantic.ValidationError as error:
        complaints = "; ".join(_sentence(cls, e) for e in error.errors(include_url=False))
        raise ConfigurationError(f"{origin}: {complaints}") from None


def parse(cls: type[T], path: Path) -> T:
    """Read a YAML file into a `cls`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as YAML: {error}") from None
    return validate(cls, read_yaml(text, str(path)), str(path))


def _sentence(cls: type, error: ErrorDetails) -> str:
    location = error["loc"]
    key = ".".join(str(part) for part in location)
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _keys_at(cls, location[:-1])
        found = near_misses(str(location[-1]), known)
        hint = f"near misses: {', '.join(found)}" if found else f"known: {', '.join(known)}"
        return f"no key is called '{key}'; {hint}"
    if error["type"] in ("missing", "missing_argument"):
        return f"the key '{key}' is missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error" and not isinstance(error["input"], str | int | float | list | tuple):
        return f"'{key}': {message}" if key else message  # of a whole mapping, which says what is wrong
    return f"'{key}': {message[0].lower()}{message[1:]}, but got {error['input']!r}"


def _keys_at(cls: Any, location: Iterable[Any]) -> list[str]:
    for part in location:
        if is_dataclass(cls):
            cls = get_type_hints(cls).get(str(part), cls)
        else:
            cls = next((a for a in get_args(cls) if is_dataclass(a)), cls)
        cls = next((a for a in get_args(cls) if is_dataclass(a)), cls)
    return [f.name for f in fields(cls)] if is_dataclass(cls) else []

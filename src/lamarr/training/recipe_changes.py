"""Settings from a command line: KEY=VALUE, the value as in YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamarr.declaration import read_yaml
from lamarr.errors import ConfigurationError

__all__ = ["parse_changes"]


def parse_changes(settings: Sequence[str], shortcuts: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted name, a class of models first: it clears the settings of another.

    Raises
    ------
    ConfigurationError
        If a setting is not KEY=VALUE.
    """
    found = dict(shortcuts)
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigurationError(f"a setting is KEY=VALUE, for instance model.trunk=96, but got '{text}'")
        found[key] = read_yaml(value, f"--set {text}")
    return dict(sorted(found.items(), key=lambda item: item[0] != "model.class"))

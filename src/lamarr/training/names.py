"""Names of the classes of models and what kind of model each makes; known without torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["CLASSES"]

_GENERATORS = (
    *("mixture", "spline", "maf", "iaf", "coupling"),
    *("gan", "bce-gan", "ls-gan", "wgan", "wgan-gp", "cramer-gan", "wgan-alp", "bce-gan-gp", "bce-gan-alp"),
    *("flow-matching", "flow-matching-one-step", "consistency"),
)
_CLASSIFIERS = ("perceptron", "residual-perceptron", "trees")

CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {**dict.fromkeys(_GENERATORS, "generator"), **dict.fromkeys(_CLASSIFIERS, "classifier")}
)
"""``generator`` or ``classifier`` by name."""

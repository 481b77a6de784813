"""Classes of models that can be trained: one name, its settings, its learner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from lamarr.declaration import validate
from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.training.families.adversarial import Adversarial
from lamarr.training.families.classifiers import Perceptron, Trees
from lamarr.training.families.games import GAMES
from lamarr.training.families.learner import Learner
from lamarr.training.families.likelihood import Coupling, Flow, Mixture, Spline
from lamarr.training.families.transport import Transport

__all__ = ["CLASSIFIERS", "FAMILIES", "GENERATORS", "Family", "Learner", "make_learner"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A class of models: its settings (a declared dataclass) with those that the name fixes."""

    settings: type[Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def configure(self, given: Mapping[str, Any], origin: str) -> Any:
        """Make the settings of what a recipe gives; a wrong key is answered with near misses."""
        doubled = sorted(set(given) & set(self.fixed))
        if doubled:
            raise ConfigurationError(f"{origin}: '{doubled[0]}' is given by the name of the model; remove it")
        return validate(self.settings, {**self.defaults, **given, **self.fixed}, origin)


_generators: dict[str, Family] = {
    "mixture": Family(settings=Mixture),
    "spline": Family(settings=Spline),
    "maf": Family(settings=Flow),
    "iaf": Family(settings=Flow, fixed={"inverse": True}),
    "coupling": Family(settings=Coupling),
    **{name: Family(settings=Adversarial, fixed={"game": name}) for name in GAMES},
    # a logit that separates has slopes above one: a strong penalty on them leaves the judge without a say
    "bce-gan-gp": Family(settings=Adversarial, fixed={"game": "bce-gan-gp"}, defaults={"penalty": 0.5}),
    "flow-matching": Family(settings=Transport, fixed={"distil": "none"}, defaults={"steps": 4}),
    "flow-matching-one-step": Family(settings=Transport, fixed={"distil": "trajectory"}),
    "consistency": Family(settings=Transport, fixed={"distil": "consistency"}),
}
GENERATORS: Final[Mapping[str, Family]] = MappingProxyType(_generators)
"""Conditional generators by name."""

CLASSIFIERS: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "perceptron": Family(settings=Perceptron, fixed={"residual": False}),
        "residual-perceptron": Family(settings=Perceptron, fixed={"residual": True}),
        "trees": Family(settings=Trees),
    }
)
"""Classifiers by name."""

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType({**GENERATORS, **CLASSIFIERS})


def make_learner(
    name: str,
    given: Mapping[str, Any],
    *,
    conditions: int,
    outputs: Sequence[str],
    origin: str = "model",
) -> Learner:
    """Make a learner of `outputs` from `conditions` features, with new weights.

    Weights come from torch's global generator: seed it before.

    Raises
    ------
    ConfigurationError
        If there is no such class of models, or a setting is wrong; near misses are named.
    """
    if name not in FAMILIES:
        raise_unknown("class of models", name, FAMILIES, ConfigurationError)
    settings = FAMILIES[name].configure(given, origin)
    build: Callable[..., Learner] = settings.build
    if isinstance(settings, Adversarial):
        build = partial(settings.build, outputs=outputs)
    return build(conditions, len(outputs))

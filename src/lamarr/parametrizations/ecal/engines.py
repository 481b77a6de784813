"""Engines by name, and which a set of models has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from lamarr.detector import Detector
from lamarr.detector.geometry import Geometry
from lamarr.errors import PipelineError, raise_unknown
from lamarr.parametrizations.ecal.queries import needed_models
from lamarr.parametrizations.ecal.response import Engine

__all__ = ["ENGINES", "PREFERRED", "available_engines", "best_engine", "idle_models", "make_engine"]

Models: TypeAlias = Mapping[str, Any]


def _parametric(detector: Detector, geometry: Geometry, models: Models, runs: Models) -> Engine:  # noqa: ARG001
    from lamarr.parametrizations.ecal.parametric import Parametric

    return Parametric(detector, geometry)


def _signal(detector: Detector, geometry: Geometry, models: Models, runs: Models) -> Engine:  # noqa: ARG001
    from lamarr.parametrizations.ecal.signal import Signal

    return Signal(geometry, models, runs)


def _learned(name: str, detector: Detector, geometry: Geometry, models: Models, runs: Models) -> Engine:  # noqa: ARG001
    from lamarr.parametrizations.ecal.learned import Learned

    return Learned(name, geometry, {m: runs.get(m, models[m]) for m in needed_models(name)})


ENGINES: Final[Mapping[str, tuple[tuple[str, ...], Callable[..., Engine]]]] = MappingProxyType(
    {
        "signal": (("ecal_efficiency", "ecal_conversion", "ecal_resolution"), _signal),
        "parametric": ((), _parametric),
        "translation": (needed_models("translation"), partial(_learned, "translation")),
        "graph": (needed_models("graph"), partial(_learned, "graph")),
    }
)
"""Name → models that a set must have, and what makes the engine of detector, geometry, models and runs."""

PREFERRED: Final = ("translation", "parametric", "signal")
"""Engines in order of preference where a pipeline does not name one: docs/ecal-engines.md compares them."""


def available_engines(models: Models) -> tuple[str, ...]:
    """Names of the engines that a set has all models for."""
    return tuple(name for name, (needed, _) in ENGINES.items() if all(m in models for m in needed))


def best_engine(models: Models) -> str:
    """Name of the engine that is preferred among those that a set has all models for."""
    available = available_engines(models)
    return next(name for name in PREFERRED if name in available)


def idle_models(models: Models, name: str | None) -> frozenset[str]:
    """Models of a set that belong to engines other than `name` (None: no engine runs)."""
    used = set(ENGINES[name][0]) if name is not None and name in ENGINES else set()
    every = {m for needed, _ in ENGINES.values() for m in needed}
    return frozenset((every - used) & set(models))


def make_engine(
    name: str, detector: Detector, geometry: Geometry, models: Models, runs: Models | None = None
) -> Engine:
    """Return an engine.

    Parameters
    ----------
    name : str
        A name of :data:`ENGINES`.
    detector, geometry
    models : mapping of str to Model
        Of the set.
    runs : mapping of str to callable, optional
        What evaluates them, for instance their compiled forms.

    Raises
    ------
    UnknownNameError
        If there is no such engine; near misses are named.
    PipelineError
        If the set lacks its models.
    """
    if name not in ENGINES:
        raise_unknown("engine of the ECAL", name, ENGINES)
    needed, make = ENGINES[name]
    lacking = [m for m in needed if m not in models]
    if lacking:
        raise PipelineError(
            f"the engine '{name}' of the ECAL needs the models {', '.join(lacking)}, which the set does not "
            f"have; it can run {', '.join(available_engines(models))}"
        )
    return make(detector, geometry, models, runs or {})

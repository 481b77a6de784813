"""Preprocessing: invertible maps of columns, fitted with weights, stored as JSON, lowered to the graph."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from lamarr.errors import ModelError, raise_unknown
from lamarr.training.transforms.base import Transform
from lamarr.training.transforms.build import fit_columns
from lamarr.training.transforms.compose import Chain, Parallel
from lamarr.training.transforms.differences import Differences
from lamarr.training.transforms.levels import Levels
from lamarr.training.transforms.linear import Decorrelation, Keep, Standard
from lamarr.training.transforms.logit import Logit
from lamarr.training.transforms.recalibration import Recalibration, recalibrated
from lamarr.training.transforms.scores import Column, Scores, find_masses

__all__ = [
    "TRANSFORMS",
    "Chain",
    "Column",
    "Decorrelation",
    "Differences",
    "Keep",
    "Levels",
    "Logit",
    "Parallel",
    "Recalibration",
    "Scores",
    "Standard",
    "Transform",
    "find_masses",
    "fit_columns",
    "load",
    "recalibrated",
]

TRANSFORMS: Final[Mapping[str, type[Transform]]] = MappingProxyType(
    {
        t.kind: t
        for t in (
            Scores,
            Levels,
            Standard,
            Decorrelation,
            Differences,
            Logit,
            Keep,
            Chain,
            Parallel,
            Recalibration,
        )
    }
)
"""Kinds of transforms by the name that files use."""


def load(settings: Mapping[str, Any]) -> Transform:
    """Rebuild a transform from what :meth:`Transform.to_json` gave.

    Raises
    ------
    ModelError
        If the kind is not known (near misses are named) or a setting is missing.
    """
    content = dict(settings)
    kind = str(content.pop("kind", ""))
    if kind not in TRANSFORMS:
        raise_unknown("transform", kind, TRANSFORMS, ModelError)
    try:
        return TRANSFORMS[kind].from_settings(content)
    except (KeyError, TypeError, IndexError) as error:
        raise ModelError(f"the settings of the transform '{kind}' are malformed: {error!r}") from error

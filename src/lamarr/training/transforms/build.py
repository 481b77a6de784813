"""From a declaration ("score", "logit", …) per column to one fitted transform of all columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.training.transforms.base import Array, Transform
from lamarr.training.transforms.compose import Chain, Parallel
from lamarr.training.transforms.differences import Differences
from lamarr.training.transforms.levels import Levels
from lamarr.training.transforms.linear import Decorrelation, Keep, Standard
from lamarr.training.transforms.logit import Logit
from lamarr.training.transforms.scores import Scores

__all__ = ["PREPROCESSING", "fit_columns"]


def _logit_score(sample: Array, weights: Array | None) -> Transform:
    logit = Logit.fit(sample)
    return Chain([logit, Scores.fit(logit.forward(sample), weights)])


def _logit_standard(sample: Array, weights: Array | None) -> Transform:
    logit = Logit.fit(sample)
    return Chain([logit, Standard.fit(logit.forward(sample), weights)])


PREPROCESSING: Final[Mapping[str, Callable[[Array, Array | None], Transform]]] = {
    "score": Scores.fit,
    "levels": Levels.fit,
    "standard": Standard.fit,
    "logit": _logit_standard,
    "logit-score": _logit_score,
    "keep": Keep.fit,
}
"""What a recipe may ask for, by name."""


def _usual(values: Array) -> str:
    """Keep flags and charges as they are; make normal scores of everything else."""
    return "keep" if len(np.unique(values[:100_000])) <= 3 else "score"


def fit_columns(
    sample: Array,
    names: Sequence[str],
    declared: Mapping[str, str] | None = None,
    weights: Array | None = None,
    *,
    differences: Mapping[str, str] | None = None,
    decorrelate: bool = False,
    flags: bool = True,
) -> Transform:
    """Fit one transform to a sample (n, columns).

    Parameters
    ----------
    names : sequence of str
        Names of the columns, for messages.
    declared : mapping of str to str
        Name of a column to a name in :data:`PREPROCESSING`; other columns become normal scores.
    weights : array (n,), optional
    differences : mapping of str to str, optional
        Columns that become their difference to another, before everything else.
    decorrelate : bool
        Rotate the transformed columns to uncorrelated ones.
    flags : bool
        Keep columns of at most three values as they are where nothing is declared.

    Raises
    ------
    UnknownNameError
        If a declared column or transform does not exist.
    ConfigurationError
        If a column is constant, holds NaN, or does not fit its transform; it is named.
    """
    if differences:
        first = Differences(len(names), _pairs(names, differences))
        rest = fit_columns(
            first.forward(sample), names, declared, weights, decorrelate=decorrelate, flags=flags
        )
        return Chain([first, rest])
    declared = dict(declared or {})
    for name, what in declared.items():
        if name not in names:
            raise_unknown("column to be preprocessed", name, names)
        if what not in PREPROCESSING:
            raise_unknown(f"preprocessing (of '{name}')", what, PREPROCESSING)
    kinds: dict[str, list[int]] = {}
    for j, name in enumerate(names):
        if not np.isfinite(sample[:, j]).all():
            raise ConfigurationError(f"column '{name}' must be finite, but holds NaN or infinity")
        usual = _usual(sample[:, j]) if flags else "score"
        kinds.setdefault(declared.get(name, usual), []).append(j)
    parts = []
    for kind, columns in kinds.items():
        try:
            parts.append((columns, PREPROCESSING[kind](sample[:, columns], weights)))
        except ConfigurationError as error:
            guilty = _guilty(kind, sample, columns, weights)
            raise ConfigurationError(f"column '{names[guilty]}' ({kind}): {error}") from None
    whole: Transform = Parallel(parts)
    if decorrelate:
        whole = Chain([whole, Decorrelation.fit(whole.forward(sample), weights)])
    return whole


def _pairs(names: Sequence[str], differences: Mapping[str, str]) -> list[tuple[int, int]]:
    for name in (*differences, *differences.values()):
        if name not in names:
            raise_unknown("column of a difference", name, names)
    return [(names.index(a), names.index(b)) for a, b in differences.items()]


def _guilty(kind: str, sample: Array, columns: list[int], weights: Any) -> int:
    for j in columns:
        try:
            PREPROCESSING[kind](sample[:, [j]], weights)
        except ConfigurationError:
            return j
    return columns[0]

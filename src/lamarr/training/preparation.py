"""From a sample to what the network sees: fitted transforms, features and targets of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.random import Stream
from lamarr.training.data import Sample
from lamarr.training.recipe import Recipe
from lamarr.training.transforms import Keep, Transform, fit_columns
from lamarr.transpile import GraphBuilder, evaluate

__all__ = ["Prepared", "prepare_targets"]

_FIT_ROWS: Final = 500_000
_CHUNK: Final = 100_000

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Arrays on disk for the network, and the transforms that made them.

    Attributes
    ----------
    features, targets : array (n, …) of float32
    weights : array (n,) of float32
        Of mean one over the training part.
    inputs, outputs : Transform
    """

    features: Array
    targets: Array
    weights: Array
    inputs: Transform
    outputs: Transform


def _check_columns(rows: Array, columns: Array, names: Sequence[str], what: str) -> None:
    for j, name in enumerate(names):
        values = columns[rows[:_FIT_ROWS], j]
        if (values == values[0]).all():
            raise ConfigurationError(
                f"{what} '{name}' must vary, but is {values[0]:g} in all {len(rows)} training rows: "
                "leave it out"
            )


def _check_classes(targets: Array, names: Sequence[str], rows: Array) -> None:
    found = np.unique(targets[rows])
    if not np.isin(found, (0, 1)).all():
        raise ConfigurationError(
            f"the outputs {', '.join(names)} of a classifier must be 0 or 1, but hold {found[:5].tolist()}"
        )
    for j, name in enumerate(names):
        present = np.unique(targets[rows, j])
        if len(present) < 2:
            raise ConfigurationError(
                f"'{name}' must hold both classes, but all {len(rows)} training rows are of class "
                f"{int(present[0])}"
            )


def _graph_of(transform: Transform) -> Any:
    b = GraphBuilder(x=transform.width)
    x = b.input("x")
    y = transform.lower(b, x)
    one = np.ones(transform.width)
    return b.finish(b.add("affine", y, scale=one, shift=0 * one) if y == x else y)


def prepare_targets(recipe: Recipe, sample: Sample, folder: Path) -> Prepared:
    """Fit transforms to training rows, and transform all rows into arrays in `folder`.

    Features are what the graph gives, to the bit; point masses of targets are spread with random numbers
    keyed by the row.

    Raises
    ------
    ConfigurationError
        If a column is constant, a classifier has one class, or no row is left for a part.
    """
    rows = sample.rows("train")
    for part in ("train", "validation", "test"):
        if len(sample.rows(part)) < 20:
            raise ConfigurationError(
                f"the {part} part must have at least 20 rows, but has {len(sample.rows(part))} of "
                f"{len(sample.part)}: take more data"
            )
    _check_columns(rows, sample.conditions, sample.inputs, "condition")
    fit = rows[:: max(1, len(rows) // _FIT_ROWS)]
    x, y, w = sample.conditions[fit], sample.outputs[fit], sample.weights[fit]
    weights = None if (w == w[0]).all() else w
    inputs = fit_columns(x, sample.inputs, recipe.preprocessing.inputs, weights)
    if recipe.kind == "classifier":
        _check_classes(sample.outputs, sample.targets, rows)
        outputs: Transform = Keep(y.shape[1])
    else:
        _check_columns(rows, sample.outputs, sample.targets, "output")
        outputs = fit_columns(
            y,
            sample.targets,
            recipe.preprocessing.outputs,
            weights,
            differences=recipe.preprocessing.differences,
            decorrelate=recipe.preprocessing.decorrelate,
            flags=False,
        )
    n = len(sample.part)
    features = np.memmap(folder / "features.raw", np.float32, "w+", shape=(n, inputs.width))
    targets = np.memmap(folder / "targets.raw", np.float32, "w+", shape=(n, outputs.width))
    graph, spread = _graph_of(inputs), Stream(recipe.training.seed, "training.spread")
    for a in range(0, n, _CHUNK):
        at = slice(a, min(n, a + _CHUNK))
        row = np.arange(at.start, at.stop)
        features[at] = evaluate(graph, x=sample.conditions[at])
        uniform = spread.uniform(row // 2**31, row % 2**31, outputs.width)
        targets[at] = outputs.forward(sample.outputs[at], uniform)
    mean = float(sample.weights[rows].mean(dtype=np.float64))
    if not mean > 0:
        raise ConfigurationError(
            f"weights of the training part must sum to a positive number, but average {mean:g}"
        )
    return Prepared(
        features=features,
        targets=targets,
        weights=np.asarray(sample.weights / np.float32(mean)),
        inputs=inputs,
        outputs=outputs,
    )

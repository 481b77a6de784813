"""Runs a graph in numpy, node by node: the definition of what a model means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ModelError
from lamarr.transpile.graph import Graph
from lamarr.transpile.operators import operator

__all__ = ["BLOCK", "evaluate"]

BLOCK = 768
"""Rows at a time, always exactly as many: matrix libraries round differently for different shapes, and the
bits of a row must not depend on the batch it is in. The last block is filled up with copies of its last row.
A multiple of the row counts of the usual matrix kernels (8, 12, 16, 24, 32, 48)."""

SET_BLOCK = 48
"""Rows at a time where rows have objects."""


def _run(graph: Graph, inputs: dict[str, NDArray[Any]], constants: dict[str, NDArray[Any]]) -> NDArray[Any]:
    values = dict(inputs)
    last_use = {v: i for i, node in enumerate(graph.nodes) for v in node.inputs}
    for i, node in enumerate(graph.nodes):
        arguments = [values[v] for v in node.inputs]
        local = {k: constants[c] for k, c in node.constants.items()}
        values[node.output] = operator(node.op).apply(arguments, local, node.attributes)
        for v in node.inputs:
            if last_use[v] == i and v != graph.output:
                values.pop(v, None)
    return values[graph.output]


def evaluate(
    graph: Graph, *, dtype: type[np.floating[Any]] = np.float32, **inputs: ArrayLike
) -> NDArray[np.floating[Any]]:
    """Evaluate a graph on arrays (n, width), one for each of its inputs.

    float64 shows how far float32 is from exact arithmetic. NaN stays in its row.

    Raises
    ------
    ModelError
        If an input is missing, unknown, or of another width.
    """
    if set(inputs) != set(graph.inputs):
        raise ModelError(f"the graph takes the inputs {list(graph.inputs)}, but got {list(inputs)}")
    arrays = {name: np.ascontiguousarray(a, dtype=dtype) for name, a in inputs.items()}
    for name, array in arrays.items():
        if array.ndim != 2 or array.shape[1] != graph.inputs[name]:
            raise ModelError(
                f"input '{name}' must have {graph.inputs[name]} columns, but got shape {array.shape}"
            )
    rows = {name: len(a) for name, a in arrays.items()}
    if len(set(rows.values())) > 1:
        raise ModelError(f"inputs must have equal numbers of rows, but got {rows}")
    n = next(iter(rows.values()))
    size = SET_BLOCK if any(graph.extents.values()) else BLOCK
    constants = {k: np.asarray(c, dtype) for k, c in graph.constants.items()}
    out = np.empty((n, graph.width), dtype)
    with np.errstate(all="ignore"):
        for first in range(0, n, size):
            part = {name: _block(a[first : first + size], size) for name, a in arrays.items()}
            out[first : first + size] = _run(graph, part, constants)[: n - first]
    return out


def _block(rows: NDArray[Any], size: int) -> NDArray[Any]:
    lacking = size - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], lacking, axis=0)]) if lacking else rows

"""Tree ensembles of ONNX as one ``trees`` node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamarr.errors import ModelError
from lamarr.transpile.graph import GraphBuilder, Value
from lamarr.transpile.imports.trees import Forest, shifted

__all__ = ["add_onnx_trees"]


def add_onnx_trees(
    b: GraphBuilder, attributes: Mapping[str, Any], x: Value, error: Callable[[str], ModelError]
) -> Value:
    """Append a ``TreeEnsembleRegressor`` that adds up its trees.

    Raises
    ------
    ModelError
        If it averages, transforms its sums, or compares otherwise than by <= or <; `error` makes it.
    """
    a = attributes
    modes = {m.decode() for m in a["nodes_modes"]}
    if a.get("aggregate_function", b"SUM") != b"SUM" or a.get("post_transform", b"NONE") != b"NONE":
        raise error("its trees must be summed up, without a transformation")
    if modes - {"LEAF", "BRANCH_LEQ", "BRANCH_LT"}:
        raise error(f"its branches must be BRANCH_LEQ or BRANCH_LT, but are {sorted(modes)}")
    outputs = int(a["n_targets"])
    weights: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
    fields = (a["target_treeids"], a["target_nodeids"], a["target_ids"], a["target_weights"])
    for tree, node, target, weight in zip(*fields, strict=True):
        weights.setdefault((tree, node), np.zeros(outputs))[target] += weight
    forest = Forest(outputs=outputs)
    for tree in dict.fromkeys(a["nodes_treeids"]):
        _add_tree(forest, a, tree, weights)
    y = forest.add_to(b, x)
    return shifted(b, y, a["base_values"]) if a.get("base_values") else y


def _add_tree(forest: Forest, a: Mapping[str, Any], tree: int, weights: Mapping[Any, Any]) -> None:
    rows = [i for i, t in enumerate(a["nodes_treeids"]) if t == tree]
    at = {a["nodes_nodeids"][i]: k for k, i in enumerate(rows)}
    leaf = np.array([a["nodes_modes"][i] == b"LEAF" for i in rows])
    below = np.array([a["nodes_modes"][i] == b"BRANCH_LT" for i in rows])
    threshold = np.array([a["nodes_values"][i] for i in rows], np.float32)
    threshold = np.where(below, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    column = np.where(leaf, -1, [a["nodes_featureids"][i] for i in rows])
    sides = [
        [0 if is_leaf else at[a[f"nodes_{side}nodeids"][i]] for i, is_leaf in zip(rows, leaf, strict=True)]
        for side in ("true", "false")
    ]
    none = np.zeros(forest.outputs)
    values = np.array([weights.get((tree, a["nodes_nodeids"][i]), none) for i in rows])
    forest.add_arrays(column, threshold, sides[0], sides[1], values)

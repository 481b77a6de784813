"""Operators that imported models need: further activations, normalisation, one-hot, tree ensembles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamarr.errors import ModelError
from lamarr.transpile.operators import Array, Attributes, Constants, register, same_width
from lamarr.transpile.special import normal_cdf, normal_quantile

__all__ = ["SELU_ALPHA", "SELU_SCALE"]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _elu(x: Array, alpha: float, scale: float = 1.0) -> Array:
    dtype = x.dtype.type
    result: Array = np.where(x > 0, dtype(scale) * x, dtype(scale * alpha) * np.expm1(np.minimum(x, 0)))
    return result


register("elu", same_width("elu"), lambda v, _, a: _elu(v[0], float(a.get("alpha", 1.0))))
register("selu", same_width("selu"), lambda v, _, __: _elu(v[0], SELU_ALPHA, SELU_SCALE))
register("gelu", same_width("gelu"), lambda v, _, __: v[0] * normal_cdf(v[0]))
register("normal_cdf", same_width("normal_cdf"), lambda v, _, __: normal_cdf(v[0]))
register("normal_quantile", same_width("normal_quantile"), lambda v, _, __: normal_quantile(v[0]))

# x where it is positive, else slope x; one slope, or one for each column
register(
    "prelu", same_width("prelu"), lambda v, c, _: np.where(v[0] > 0, v[0], v[0] * c["slope"]), ("slope",)
)


def _layer_norm(values: Sequence[Array], constants: Constants, attributes: Attributes) -> Array:
    """Normalise each row to mean 0 and variance 1 (plus `epsilon`), then scale and shift by column."""
    x = values[0]
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    spread = np.sqrt(variance + x.dtype.type(attributes.get("epsilon", 1e-5)))
    result: Array = centred / spread * constants["scale"] + constants["shift"]
    return result


register("layer_norm", same_width("layer_norm"), _layer_norm, ("scale", "shift"))


def _one_hot_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    if list(widths) != [1] or int(attributes["classes"]) < 1:
        raise ModelError(f"'one_hot' takes one number and classes >= 1, but got widths {list(widths)}")
    return int(attributes["classes"])


def _one_hot(values: Sequence[Array], _: Constants, attributes: Attributes) -> Array:
    """Return 1 in the column that the number names, else 0; NaN gives NaN."""
    x = values[0]
    hot = (x == np.arange(int(attributes["classes"]), dtype=x.dtype)).astype(x.dtype)
    result: Array = np.where(np.isnan(x), x, hot)
    return result


register("one_hot", _one_hot_width, _one_hot)


def _trees_width(widths: Sequence[int], constants: Constants, attributes: Attributes) -> int:
    nodes, value = constants["nodes"], constants["value"]
    roots = constants["roots"]
    if nodes.ndim != 2 or nodes.shape[1] != 4 or value.ndim != 2 or len(value) != len(nodes):
        raise ModelError(
            f"'trees' takes nodes (n, 4) and value (n, outputs), but got {nodes.shape}, {value.shape}"
        )
    feature, children = nodes[:, 0], nodes[:, 2:]
    inside = (children >= 0).all() and (children < len(nodes)).all() and (roots < len(nodes)).all()
    if len(widths) != 1 or not (inside and (feature >= 0).all() and (feature < widths[0]).all()):
        raise ModelError(f"a node of 'trees' names a child or a column of {list(widths)} that does not exist")
    if int(attributes["depth"]) < 0 or len(nodes) >= 2**24:
        raise ModelError("'trees' needs depth >= 0 and fewer than 2**24 nodes")
    return int(value.shape[1])


def _trees(values: Sequence[Array], constants: Constants, attributes: Attributes) -> Array:
    """Sum the values of the leaves that a row reaches.

    A node is (column, threshold, left, right): left where the column is <= threshold. A leaf names itself
    as both children. A row with a NaN gives NaN.
    """
    x, nodes = values[0], constants["nodes"]
    feature, children = nodes[:, 0].astype(np.intp), nodes[:, 2:].astype(np.intp)
    rows = np.arange(len(x))
    total: Any = np.zeros((len(x), constants["value"].shape[1]), x.dtype)
    for root in constants["roots"].astype(np.intp):
        at = np.full(len(x), root)
        for _ in range(int(attributes["depth"])):
            right = ~(x[rows, feature[at]] <= nodes[at, 1])
            at = children[at, right.astype(np.intp)]
        total = total + constants["value"][at]
    result: Array = np.where(np.isnan(x).any(axis=1, keepdims=True), x.dtype.type(np.nan), total)
    return result


register("trees", _trees_width, _trees, ("nodes", "value", "roots"))

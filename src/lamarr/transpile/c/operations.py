"""What each operator of the graph becomes in C: one call of a kernel, and constants for the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lamarr.errors import ModelError
from lamarr.transpile.c.call import Call, number
from lamarr.transpile.c.fuse import FUSED
from lamarr.transpile.c.pack import forest, interpolation, panels
from lamarr.transpile.c.set_operations import SET_OPERATIONS
from lamarr.transpile.more_operators import SELU_ALPHA, SELU_SCALE

__all__ = ["IN_PLACE", "OPERATIONS", "operation"]


def _unary(kernel: str) -> Callable[[Call], list[str]]:
    return lambda c: [f"{kernel}(t, {c.inputs[0]}, {c.output}, {c.node.width});"]


def _binary(kernel: str) -> Callable[[Call], list[str]]:
    def lines(c: Call) -> list[str]:
        (a, b), (wa, wb) = c.inputs, c.widths
        return [f"{kernel}(t, {a}, {wa}, {b}, {wb}, {c.output});"]

    return lines


def _fused(kernel: str) -> Callable[[Call], list[str]]:
    return lambda c: [f"{kernel}(t, {c.inputs[0]}, {c.inputs[1]}, {c.output}, {c.node.width});"]


def _columns(kernel: str, first: str, second: str) -> Callable[[Call], list[str]]:
    def lines(c: Call) -> list[str]:
        at = c.table(np.concatenate([c.column(first), c.column(second)]))
        return [f"{kernel}(t, {c.inputs[0]}, {c.output}, {c.node.width}, {at});"]

    return lines


def _dense(c: Call) -> list[str]:
    at = c.table(panels(c.constants["weight"], c.constants["bias"]))
    return [f"dense(t, {c.inputs[0]}, {c.widths[0]}, {c.output}, {c.node.width}, {at});"]


def _leaky_relu(c: Call) -> list[str]:
    slope = number(c.attributes.get("slope", 0.01))
    return [f"leaky_relu(t, {c.inputs[0]}, {c.output}, {c.node.width}, {slope});"]


def _runs(columns: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring columns as (first, how many)."""
    runs: list[tuple[int, int]] = []
    for column in columns:
        if runs and sum(runs[-1]) == column:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((column, 1))
    return runs


def _copies(parts: Sequence[tuple[int, int]], output: int) -> list[str]:
    """Copy the (place, width) side by side."""
    lines = []
    for place, width in parts:
        lines.append(f"copy(t, {place}, {output}, {width});")
        output += width
    return lines


def _select(c: Call) -> list[str]:
    return _copies([(c.inputs[0] + first, n) for first, n in _runs(c.attributes["columns"])], c.output)


def _concat(c: Call) -> list[str]:
    return _copies(list(zip(c.inputs, c.widths, strict=True)), c.output)


def _interpolate(c: Call) -> list[str]:
    if c.constants["x"].shape[1] > 2**16:
        raise ModelError(f"'interpolate' has up to {2**16} points in C, but got {c.constants['x'].shape[1]}")
    tables = interpolation(c.constants["x"], c.constants["y"])
    bits = tables.view(np.uint32)
    shared = bool((bits == bits[0]).all())  # one table for all columns
    at, size = (c.table(tables[0]), 0) if shared else (c.table(tables), tables.shape[1])
    return [f"interpolate(t, {c.inputs[0]}, {c.output}, {c.node.width}, {at}, {size});"]


def _spline(c: Call) -> list[str]:
    bins, bound = int(c.attributes["bins"]), float(c.attributes["bound"])
    if not 1 <= bins <= 64:
        raise ModelError(f"'spline' has 1 to 64 bins in C, but got {bins}: use the numpy back end")
    numbers = f"{bins}, {number(bound)}, {number(bins / (2 * bound))}"
    return [f"spline(t, {c.inputs[0]}, {c.inputs[1]}, {c.output}, {c.node.width}, {numbers});"]


def _elu(c: Call) -> list[str]:
    alpha, scale = float(c.attributes.get("alpha", 1.0)), 1.0
    if c.node.op == "selu":
        alpha, scale = SELU_ALPHA, SELU_SCALE
    numbers = f"{number(scale)}, {number(scale * alpha)}"
    return [f"elu(t, {c.inputs[0]}, {c.output}, {c.node.width}, {numbers});"]


def _prelu(c: Call) -> list[str]:
    at = c.table(np.concatenate([c.column("slope"), np.zeros(c.node.width)]))
    return [f"prelu(t, {c.inputs[0]}, {c.output}, {c.node.width}, {at});"]


def _layer_norm(c: Call) -> list[str]:
    at = c.table(np.concatenate([c.column("scale"), c.column("shift")]))
    epsilon = number(c.attributes.get("epsilon", 1e-5))
    return [f"layer_norm(t, {c.inputs[0]}, {c.output}, {c.node.width}, {epsilon}, {at});"]


def _one_hot(c: Call) -> list[str]:
    return [f"one_hot(t, {c.inputs[0]}, {c.output}, {c.node.width});"]


def _trees(c: Call) -> list[str]:
    at, roots = c.table(forest(c.constants)), c.constants["roots"].size
    sizes = f"{roots}, {int(c.attributes['depth'])}, {len(c.constants['nodes'])}"
    return [f"trees(t, {c.inputs[0]}, {c.widths[0]}, {c.output}, {c.node.width}, {sizes}, {at});"]


def _pick(c: Call) -> list[str]:
    probability, u, values = c.inputs
    return [f"pick(t, {probability}, {c.widths[0]}, {u}, {values}, {c.output}, {c.node.width});"]


def _vine(c: Call) -> list[str]:
    d = int(c.attributes["dimension"])
    if d > 16:
        raise ModelError(f"'vine' has a dimension up to 16 in C, but got {d}: use the numpy back end")
    return [f"vine(t, {c.inputs[0]}, {c.output}, {d});"]


OPERATIONS: dict[str, Callable[[Call], list[str]]] = {
    **{name: _unary(name) for name in ("relu", "sigmoid", "silu", "softplus", "softmax", "absolute")},
    **{name: _unary(f"{name}_all") for name in ("tanh", "exp", "log", "sqrt", "sinh", "asinh")},
    **{name: _binary(name) for name in ("add", "subtract", "multiply", "divide")},
    "affine": _columns("affine", "scale", "shift"),
    "clip": _columns("clip", "low", "high"),
    "dense": _dense,
    "leaky_relu": _leaky_relu,
    "select": _select,
    "concat": _concat,
    "interpolate": _interpolate,
    "spline": _spline,
    "vine": _vine,
    "pick": _pick,
    "elu": _elu,
    "selu": _elu,
    "prelu": _prelu,
    **{name: _unary(name) for name in ("gelu", "normal_cdf", "normal_quantile")},
    "layer_norm": _layer_norm,
    "one_hot": _one_hot,
    "trees": _trees,
    **SET_OPERATIONS,
}

IN_PLACE = frozenset({*OPERATIONS, *FUSED.values()}) - {
    "dense",
    "select",
    "concat",
    "spline",
    "vine",
    "pick",
    "one_hot",
    "trees",
    *SET_OPERATIONS,
}
"""Operators whose kernels may write over an argument of the same width."""


def operation(name: str) -> Callable[[Call], list[str]]:
    """Return what makes the C of an operator.

    Raises
    ------
    ModelError
        If the C back end does not know the operator.
    """
    if name in FUSED.values():
        return _fused(name)
    if name not in OPERATIONS:
        raise ModelError(f"the C back end has no operator '{name}': use the numpy back end for this model")
    return OPERATIONS[name]

"""What each operator of the graph is in ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamarr.transpile.graph import Node
from lamarr.transpile.more_operators import SELU_ALPHA, SELU_SCALE
from lamarr.transpile.onnx_sets import EXPORT_SETS
from lamarr.transpile.operators import SPLINE_MIN_HEIGHT, SPLINE_MIN_SLOPE, SPLINE_UNIT
from lamarr.transpile.special import MIDDLE, TAIL

if TYPE_CHECKING:
    from lamarr.transpile.onnx_export import Writer

__all__ = ["EXPORT"]

_NODE_FIELDS = (
    *("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes"),
    *("nodes_truenodeids", "nodes_falsenodeids"),
)
_TARGET_FIELDS = ("target_treeids", "target_nodeids", "target_ids", "target_weights")


def _plain(kind: str) -> Callable[[Writer, Node], str]:
    return lambda w, n: w.op(kind, *n.inputs)


def _silu(w: Writer, n: Node) -> str:
    return w.op("Mul", n.inputs[0], w.op("Sigmoid", n.inputs[0]))


def _dense(w: Writer, n: Node) -> str:
    weight, bias = (w.const(w.constant_of(n, k)) for k in ("weight", "bias"))
    return w.op("Gemm", n.inputs[0], weight, bias)


def _affine(w: Writer, n: Node) -> str:
    scaled = w.op("Mul", n.inputs[0], w.const(w.constant_of(n, "scale")))
    return w.op("Add", scaled, w.const(w.constant_of(n, "shift")))


def _clip(w: Writer, n: Node) -> str:
    raised = w.op("Max", n.inputs[0], w.const(w.constant_of(n, "low")))
    return w.op("Min", raised, w.const(w.constant_of(n, "high")))


def _select(w: Writer, n: Node) -> str:
    return w.op("Gather", n.inputs[0], w.const(n.attributes["columns"], np.int64), axis=1)


def _interpolate(w: Writer, n: Node) -> str:
    """Sum up the rise over each piece: y_0 + sum_k slope_k min(max(v − x_k, 0), x_{k+1} − x_k)."""
    x, y = w.constant_of(n, "x"), w.constant_of(n, "y")
    width = x[:, 1:] - x[:, :-1]
    v = w.op("Unsqueeze", n.inputs[0], w.const([2], np.int64))
    within = w.op("Max", w.op("Sub", v, w.const(x[None, :, :-1])), w.const(0.0))
    within = w.op("Min", within, w.const(width[None]))
    rise = w.op("Mul", within, w.const(((y[:, 1:] - y[:, :-1]) / width)[None]))
    return w.op("Add", w.op("ReduceSum", rise, w.const([2], np.int64), keepdims=0), w.const(y[None, :, 0]))


def _spline(w: Writer, n: Node) -> str:
    u, raw = n.inputs
    bins, bound = int(n.attributes["bins"]), float(n.attributes["bound"])
    raw = w.op("Reshape", raw, w.const([-1, n.width, 2 * bins - 1], np.int64))

    def part(first: int, last: int) -> str:
        bounds = (w.const([i], np.int64) for i in (first, last, 2))
        return w.op("Slice", raw, *bounds)

    def number(value: float) -> str:
        return w.const(np.float32(value))

    share = w.op("Mul", w.op("Softmax", part(0, bins), axis=2), number(1 - SPLINE_MIN_HEIGHT * bins))
    share = w.op("Add", share, number(SPLINE_MIN_HEIGHT))
    inner = w.op("Softplus", w.op("Add", part(bins, 2 * bins - 1), number(SPLINE_UNIT)))
    inner = w.op("Add", inner, number(SPLINE_MIN_SLOPE))
    pads = [w.const([0, 0, a, 0, 0, b], np.int64) for a, b in ((1, 0), (0, 1))]
    one = number(1.0)
    slopes = [w.op("Pad", inner, p, one) for p in pads]  # at the left and right ends of the cells
    inside = w.op("Min", w.op("Max", u, number(-bound)), number(bound))
    cell = w.op("Mul", w.op("Add", inside, number(bound)), number(bins / (2 * bound)))
    k = w.op("Min", w.op("Floor", cell), number(bins - 1))
    t = w.op("Sub", cell, k)
    k3 = w.op("Unsqueeze", k, w.const([2], np.int64))
    index = w.const(np.arange(bins, dtype=np.float32)[None, None])
    here = w.op("Cast", w.op("Equal", k3, index), to=1)
    before = w.op("Cast", w.op("Less", index, k3), to=1)

    def total(mask: str, values: str) -> str:
        return w.op("ReduceSum", w.op("Mul", mask, values), w.const([2], np.int64), keepdims=0)

    scale = number(2 * bound)
    y0 = w.op("Sub", w.op("Mul", total(before, share), scale), number(bound))
    rise = w.op("Mul", total(here, share), scale)
    d0, d1 = (total(here, s) for s in slopes)
    s = w.op("Mul", rise, number(bins / (2 * bound)))
    rest = w.op("Sub", number(1.0), t)
    top = w.op("Mul", w.op("Mul", rise, t), w.op("Add", w.op("Mul", s, t), w.op("Mul", d0, rest)))
    curve = w.op("Sub", w.op("Add", d0, d1), w.op("Mul", s, number(2.0)))
    below = w.op("Add", s, w.op("Mul", curve, w.op("Mul", t, rest)))
    value = w.op("Add", y0, w.op("Div", top, below))
    return w.op("Where", w.op("Less", w.op("Abs", u), number(bound)), value, u)


def _vine(w: Writer, n: Node) -> str:
    d = int(n.attributes["dimension"])
    one = w.const([[1.0]])
    factor: dict[tuple[int, int], str] = {(0, 0): one}
    for j in range(1, d):
        rest = one
        for i in range(j):
            r = w.columns(n.inputs[0], j * (j - 1) // 2 + i, j * (j - 1) // 2 + i + 1)
            factor[j, i] = w.op("Mul", r, rest)
            left = w.op("Mul", w.op("Sub", one, r), w.op("Add", one, r))
            rest = w.op("Mul", rest, w.op("Sqrt", w.op("Max", left, w.const([[0.0]]))))
        factor[j, j] = rest
    columns = []
    for j in range(1, d):
        for i in range(j):
            terms = [w.op("Mul", factor[j, k], factor[i, k]) for k in range(i + 1)]
            columns.append(terms[0] if len(terms) == 1 else w.op("Sum", *terms))
    return w.op("Concat", *columns, axis=1)


def _pick(w: Writer, n: Node) -> str:
    probability, u, values = n.inputs
    categories = w.width(probability)
    if categories == 1:
        return w.op("Identity", values)
    first = w.columns(probability, 0, categories - 1)
    beyond = w.op("LessOrEqual", w.op("CumSum", first, w.const(1, np.int64)), u)
    k = w.op("ReduceSum", w.op("Cast", beyond, to=7), w.const([1], np.int64), keepdims=1)
    here = w.op("Cast", w.op("Equal", k, w.const(np.arange(categories)[None], np.int64)), to=1)
    here = w.op("Unsqueeze", here, w.const([2], np.int64))
    blocks = w.op("Reshape", values, w.const([-1, categories, n.width], np.int64))
    return w.op("ReduceSum", w.op("Mul", here, blocks), w.const([1], np.int64), keepdims=0)


def _cdf(w: Writer, n: Node) -> str:
    half = w.const(0.5)
    erf = w.op("Erf", w.op("Mul", n.inputs[0], w.const(np.sqrt(0.5))))
    return w.op("Add", w.op("Mul", erf, half), half)


def _polynomial(w: Writer, x: str, coefficients: Sequence[float]) -> str:
    result = w.const(coefficients[-1])
    for c in coefficients[-2::-1]:
        result = w.op("Add", w.op("Mul", result, x), w.const(c))
    return result


def _quantile(w: Writer, n: Node) -> str:
    """Repeat lamarr.transpile.special.normal_quantile."""
    p, one = n.inputs[0], w.const(1.0)
    side, v = w.op("Min", p, w.op("Sub", one, p)), w.op("Sub", p, w.const(0.5))
    product = w.op("Mul", w.op("Mul", side, w.op("Sub", one, side)), w.const(4.0))
    square = w.op("Neg", w.op("Log", product))
    middle = w.op("Mul", v, _polynomial(w, w.op("Sub", square, w.const(2.5)), MIDDLE))
    r = w.op("Sqrt", w.op("Max", square, w.const(1.0)))
    tail = w.op("Mul", w.op("Mul", w.op("Sign", v), r), _polynomial(w, w.op("Div", one, r), TAIL))
    return w.op("Where", w.op("Less", square, w.const(5.0)), middle, tail)


def _layer_norm(w: Writer, n: Node) -> str:
    constants = [w.const(np.broadcast_to(w.constant_of(n, k), (n.width,))) for k in ("scale", "shift")]
    epsilon = n.attributes.get("epsilon", 1e-5)
    return w.op("LayerNormalization", n.inputs[0], *constants, axis=1, epsilon=epsilon)


def _one_hot(w: Writer, n: Node) -> str:
    return w.op("Cast", w.op("Equal", n.inputs[0], w.const(np.arange(n.width)[None])), to=1)


def _trees(w: Writer, n: Node) -> str:
    nodes, value, roots = (w.constant_of(n, k) for k in ("nodes", "value", "roots"))
    left, right = nodes[:, 2].astype(int), nodes[:, 3].astype(int)
    table: dict[str, Any] = {k: [] for k in (*_NODE_FIELDS, *_TARGET_FIELDS)}
    for tree, root in enumerate(roots.astype(int).tolist()):
        waiting = [root]
        while waiting:
            k = waiting.pop()
            leaf = left[k] == k and right[k] == k
            waiting += [] if leaf else [int(left[k]), int(right[k])]
            children = [0, 0] if leaf else [int(left[k]), int(right[k])]
            row = [tree, k, int(nodes[k, 0]), float(nodes[k, 1]), "LEAF" if leaf else "BRANCH_LEQ", *children]
            for field, entry in zip(_NODE_FIELDS, row, strict=True):
                table[field].append(entry)
            for o in range(n.width if leaf else 0):
                for field, entry in zip(_TARGET_FIELDS, (tree, k, o, float(value[k, o])), strict=True):
                    table[field].append(entry)
    return w.op(
        "TreeEnsembleRegressor",
        n.inputs[0],
        domain="ai.onnx.ml",
        n_targets=n.width,
        post_transform="NONE",
        aggregate_function="SUM",
        **table,
    )


EXPORT: dict[str, Callable[[Writer, Node], str]] = {
    **{
        op: _plain(kind)
        for op, kind in {
            "relu": "Relu",
            "tanh": "Tanh",
            "sigmoid": "Sigmoid",
            "softplus": "Softplus",
            "exp": "Exp",
            "log": "Log",
            "sqrt": "Sqrt",
            "asinh": "Asinh",
            "absolute": "Abs",
            "sinh": "Sinh",
            "add": "Add",
            "subtract": "Sub",
            "multiply": "Mul",
            "divide": "Div",
        }.items()
    },
    "silu": _silu,
    "softmax": lambda w, n: w.op("Softmax", n.inputs[0], axis=1),
    "leaky_relu": lambda w, n: w.op("LeakyRelu", n.inputs[0], alpha=n.attributes.get("slope", 0.01)),
    "concat": lambda w, n: w.op("Concat", *n.inputs, axis=1),
    "dense": _dense,
    "affine": _affine,
    "clip": _clip,
    "select": _select,
    "interpolate": _interpolate,
    "spline": _spline,
    "vine": _vine,
    "pick": _pick,
    "elu": lambda w, n: w.op("Elu", n.inputs[0], alpha=n.attributes.get("alpha", 1.0)),
    "selu": lambda w, n: w.op("Selu", n.inputs[0], alpha=SELU_ALPHA, gamma=SELU_SCALE),
    "prelu": lambda w, n: w.op("PRelu", n.inputs[0], w.const(w.constant_of(n, "slope"))),
    "gelu": lambda w, n: w.op("Mul", n.inputs[0], _cdf(w, n)),
    "normal_cdf": _cdf,
    "normal_quantile": _quantile,
    "layer_norm": _layer_norm,
    "one_hot": _one_hot,
    "trees": _trees,
    **EXPORT_SETS,
}

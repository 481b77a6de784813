"""Operators on sets as ONNX: objects of n rows are (n max, features), as in the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lamarr.transpile.graph import Node

if TYPE_CHECKING:
    from lamarr.transpile.onnx_export import Writer

__all__ = ["EXPORT_SETS"]

_FAR = -1e30


def _most(w: Writer, value: str) -> int:
    extent = w.extents[value]
    return extent.max if extent else 1


def _there(w: Writer, count: str, most: int) -> str:
    """Which objects are there, (n, max)."""
    return w.op("Less", w.const(np.arange(most)[None] + 0.5), count)


def _zero(w: Writer, count: str, most: int) -> str:
    """0 for every row, NaN where the count is NaN."""
    held = w.op("Min", w.op("Max", count, w.const(0.0)), w.const(float(most)))
    return w.op("Mul", held, w.const(0.0))


def _shape(w: Writer, value: str, *sizes: int) -> str:
    return w.op("Reshape", value, w.const(sizes, np.int64))


def _where_there(w: Writer, there: str, value: str, other: float) -> str:
    mask = w.op("Unsqueeze", there, w.const([2], np.int64))
    return w.op("Where", mask, value, w.const(other))


def _objects(w: Writer, n: Node) -> str:
    return _shape(w, n.inputs[0], -1, n.width)


def _spread(w: Writer, n: Node) -> str:
    most = int(n.attributes["max"])
    wide = w.op("Expand", _shape(w, n.inputs[0], -1, 1, n.width), w.const([1, most, 1], np.int64))
    return _shape(w, wide, -1, n.width)


def _positions(w: Writer, n: Node) -> str:
    nothing = w.op("Cast", w.op("Less", n.inputs[0], n.inputs[0]), to=1)  # 0 for every row
    none = _shape(w, nothing, -1, 1, 1)
    return _shape(w, w.op("Add", none, w.const(w.constant_of(n, "table")[None])), -1, n.width)


def _attention(w: Writer, n: Node) -> str:
    heads = int(n.attributes["heads"])
    queries, keys = _most(w, n.inputs[0]), _most(w, n.inputs[1])
    d = w.width(n.inputs[0]) // heads
    dv = n.width // heads

    def split(value: str, most: int, features: int, perm: list[int]) -> str:
        return w.op("Transpose", _shape(w, value, -1, most, heads, features), perm=perm)

    there = w.op("Unsqueeze", _there(w, n.inputs[3], keys), w.const([1, 2], np.int64))
    seen = there
    if n.attributes.get("causal"):
        seen = w.op("And", there, w.const(np.tri(queries, keys)[None, None], np.bool_))
    q, k = split(n.inputs[0], queries, d, [0, 2, 1, 3]), split(n.inputs[1], keys, d, [0, 2, 3, 1])
    score = w.op("Mul", w.op("MatMul", q, k), w.const(d**-0.5))
    score = w.op("Where", seen, score, w.const(_FAR))
    weight = w.op("Mul", w.op("Softmax", score, axis=3), w.op("Cast", seen, to=1))
    there = w.op("Unsqueeze", _there(w, n.inputs[3], keys), w.const([1, 3], np.int64))
    v = w.op("Where", there, split(n.inputs[2], keys, dv, [0, 2, 1, 3]), w.const(0.0))
    mean = w.op("Transpose", w.op("MatMul", weight, v), perm=[0, 2, 1, 3])
    return _shape(w, mean, -1, n.width)


def _pool(w: Writer, n: Node) -> str:
    value, count = n.inputs
    most, kind = _most(w, value), n.attributes["kind"]
    there = _there(w, count, most)
    number = w.op("ReduceSum", w.op("Cast", there, to=1), w.const([1], np.int64), keepdims=1)
    rows, zero = _shape(w, value, -1, most, n.width), _zero(w, count, most)
    if kind == "max":
        top = w.op("ReduceMax", _where_there(w, there, rows, _FAR), axes=[1], keepdims=0)
        top = w.op("Where", w.op("Greater", number, w.const(0.0)), top, w.const(0.0))
        return w.op("Add", top, zero)
    total = w.op("ReduceSum", _where_there(w, there, rows, 0.0), w.const([1], np.int64), keepdims=0)
    total = w.op("Add", total, zero)
    return w.op("Div", total, w.op("Max", number, w.const(1.0))) if kind == "mean" else total


def _flatten(w: Writer, n: Node) -> str:
    value, count = n.inputs
    most, width = _most(w, value), w.width(value)
    there = _there(w, count, most)
    rows = _where_there(w, there, _shape(w, value, -1, most, width), 0.0)
    return w.op("Add", _shape(w, rows, -1, n.width), _zero(w, count, most))


EXPORT_SETS: dict[str, Callable[[Writer, Node], str]] = {
    "objects": _objects,
    "spread": _spread,
    "positions": _positions,
    "attention": _attention,
    "pool": _pool,
    "flatten": _flatten,
}

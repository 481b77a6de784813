"""Operators on sets: rows that hold up to `max` objects each, of which `count` are there.

A value of objects lies object by object: (n max, features). Every other operator treats each object as it
would treat a row. What lies beyond the count is never looked at, and costs nothing in C. A count is rounded
(halves down) and held within 0 … `max`; where it is NaN, the row is.

Attention and pooling as in A. Vaswani et al., Attention is all you need (2017), arXiv:1706.03762, and
M. Zaheer et al., Deep sets (2017), arXiv:1703.06114.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lamarr.errors import ModelError
from lamarr.transpile.operators import Array, Attributes, Constants, register

__all__ = ["POOLS", "SET_OPERATORS", "Extent", "extents"]

SET_OPERATORS = ("objects", "spread", "positions", "attention", "pool", "flatten")
POOLS = ("sum", "mean", "max")


class _Node(Protocol):
    @property
    def op(self) -> str: ...
    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def output(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, object]: ...


@dataclass(frozen=True)
class Extent:
    """The objects of a value: at most `max` in a row, and the value that counts them."""

    max: int
    count: str


def extents(inputs: Iterable[str], nodes: Sequence[_Node]) -> dict[str, Extent | None]:
    """Which values are objects, and of which extent; None for values of rows.

    Raises
    ------
    ModelError
        If a node mixes rows with objects, or objects of different extents.
    """
    known: dict[str, Extent | None] = dict.fromkeys(inputs)
    for node in nodes:
        known[node.output] = _extent(node, [known[v] for v in node.inputs])
    return known


def _extent(node: _Node, of: Sequence[Extent | None]) -> Extent | None:
    what = f"node '{node.output}' ({node.op})"
    if node.op in ("objects", "spread", "positions"):
        if any(of):
            raise ModelError(f"{what} makes objects of rows, but got objects")
        return Extent(int(str(node.attributes["max"])), node.inputs[-1])
    if node.op not in ("attention", "pool", "flatten"):
        if len(set(of)) > 1:
            raise ModelError(f"{what} must take values of the same objects ('spread' rows), but got {of}")
        return of[0]
    counted = of[-2]
    if counted is None or of[-1] is not None or counted.count != node.inputs[-1]:
        raise ModelError(f"{what} must take objects and their count, but got {of} and {node.inputs[-1]}")
    if node.op == "attention":
        if of[0] is None or of[1] != counted:
            raise ModelError(f"{what} must take objects as queries, keys and values, but got {of}")
        return of[0]
    if node.op == "flatten" and node.attributes["max"] != counted.max:
        raise ModelError(f"{what} must have max = {counted.max}, but got {node.attributes['max']}")
    return None


def _one_count(name: str, widths: Sequence[int], values: int) -> None:
    if len(widths) != values + 1 or widths[-1] != 1:
        raise ModelError(f"'{name}' takes {values} value(s) and a count of width 1, but got {list(widths)}")


def _most(name: str, attributes: Attributes) -> int:
    most = int(attributes["max"])
    if most < 1:
        raise ModelError(f"'{name}' must have max >= 1, but got {most}")
    return most


def _there(count: Array, most: int) -> tuple[Array, Array]:
    """Which objects (n, max) are there; and 0 for every row (n, 1), NaN where the count is NaN."""
    held = np.minimum(np.maximum(count, 0), most)
    there: Array = np.less(np.arange(most) + 0.5, held)
    return there, 0 * held


def _by_row(values: Array, n: int) -> Array:
    """(n max, features) as (n, max, features)."""
    result: Array = values.reshape(n, -1, values.shape[1])
    return result


def _objects_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    _one_count("objects", widths, 1)
    most = _most("objects", attributes)
    if widths[0] % most:
        raise ModelError(f"'objects' must take a multiple of max = {most} columns, but got {widths[0]}")
    return widths[0] // most


def _spread_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    _one_count("spread", widths, 1)
    _most("spread", attributes)
    return widths[0]


def _positions_width(widths: Sequence[int], constants: Constants, attributes: Attributes) -> int:
    _one_count("positions", widths, 0)
    table = constants["table"]
    if table.ndim != 2 or len(table) != _most("positions", attributes):
        raise ModelError(f"'positions' must have a table (max, features), but got {table.shape}")
    return int(table.shape[1])


def _attention_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    _one_count("attention", widths, 3)
    heads = int(attributes["heads"])
    if widths[0] != widths[1] or heads < 1 or widths[0] % heads or widths[2] % heads:
        raise ModelError(f"'attention' with {heads} heads got queries, keys and values of {list(widths[:3])}")
    return widths[2]


def _attention(values: Sequence[Array], _: Constants, attributes: Attributes) -> Array:
    """Mean of the values, weighted by softmax(q k / sqrt(features of a head)) over the keys that are there.

    `causal`: an object sees those up to itself. Without keys the result is 0.
    """
    n, heads = len(values[3]), int(attributes["heads"])
    q, k, v = (_by_row(x, n).reshape(n, len(x) // n, heads, -1).swapaxes(1, 2) for x in values[:3])
    there, _zero = _there(values[3], k.shape[2])
    seen = np.broadcast_to(there[:, None, None, :], (n, 1, q.shape[2], k.shape[2]))
    if attributes.get("causal"):
        seen = seen & np.tri(q.shape[2], k.shape[2], dtype=bool)
    k, v = (np.where(there[:, None, :, None], x, 0) for x in (k, v))
    score = np.matmul(q, k.swapaxes(2, 3)) * q.dtype.type(q.shape[3] ** -0.5)
    top = np.where(seen, score, -np.inf).max(axis=3, keepdims=True)
    weight = np.where(seen, np.exp(score - np.where(top == -np.inf, 0, top)), 0).astype(q.dtype)
    total = weight.sum(axis=3, keepdims=True)
    mean = np.where(total == 0, 0, np.matmul(weight, v) / total)
    result: Array = mean.swapaxes(1, 2).reshape(len(values[0]), -1).astype(q.dtype, copy=False)
    return result


def _pool_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    _one_count("pool", widths, 1)
    if attributes["kind"] not in POOLS:
        raise ModelError(f"'pool' must be one of {', '.join(POOLS)}, but got '{attributes['kind']}'")
    return widths[0]


def _pool(values: Sequence[Array], _: Constants, attributes: Attributes) -> Array:
    """Sum, mean or maximum over the objects that are there; 0 if none is."""
    v = _by_row(values[0], len(values[1]))
    there, zero = _there(values[1], v.shape[1])
    if attributes["kind"] == "max":
        top = np.where(there[..., None], v, -np.inf).max(axis=1)
        some: Array = np.logical_or.reduce(there, axis=1, keepdims=True)
        result: Array = (np.where(some, top, 0) + zero).astype(v.dtype)
        return result
    total: Array = np.where(there[..., None], v, 0).sum(axis=1, dtype=v.dtype) + zero
    number = np.maximum(there.sum(axis=1)[:, None], 1).astype(v.dtype)
    if attributes["kind"] == "mean":
        total = total / number
    return total


def _flatten_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    _one_count("flatten", widths, 1)
    return widths[0] * _most("flatten", attributes)


def _flatten(values: Sequence[Array], _: Constants, __: Attributes) -> Array:
    """Objects side by side in a row; 0 where none is there."""
    v = _by_row(values[0], len(values[1]))
    there, zero = _there(values[1], v.shape[1])
    result: Array = np.where(there[..., None], v, v.dtype.type(0)).reshape(len(v), -1) + zero
    return result


def _objects(values: Sequence[Array], _: Constants, attributes: Attributes) -> Array:
    v = values[0]
    return v.reshape(len(v) * int(attributes["max"]), -1)


register("objects", _objects_width, _objects)
register("spread", _spread_width, lambda v, _, a: np.repeat(v[0], int(a["max"]), axis=0))
register("positions", _positions_width, lambda v, c, _: np.tile(c["table"], (len(v[0]), 1)), ("table",))
register("attention", _attention_width, _attention)
register("pool", _pool_width, _pool)
register("flatten", _flatten_width, _flatten)

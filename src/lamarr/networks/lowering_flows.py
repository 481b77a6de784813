"""Draws of normalising flows as nodes of the model graph."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from lamarr.networks.flows import LARGEST_LOG_SCALE, AutoregressiveFlow, CouplingSpline
from lamarr.networks.lowering import lower_mlp
from lamarr.networks.masked import MADE
from lamarr.transpile import GraphBuilder, Value

__all__ = ["lower_autoregressive_flow", "lower_coupling"]


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy()


def _flip(b: GraphBuilder, x: Value) -> Value:
    return x if x.width == 1 else b.select(x, range(x.width - 1, -1, -1))


def _made(b: GraphBuilder, made: MADE, x: Value | None, c: Value, columns: list[int]) -> tuple[Value, Value]:
    """Append shift and log scale of the targets in `columns`; x holds the first targets, or none."""
    *hidden, last = made.layers
    known = x.width if x is not None else 0
    seen = [*range(known), *range(made.targets, made.targets + c.width)]
    h = b.concat(x, c) if x is not None else c
    for i, layer in enumerate(hidden):
        weight = _array(layer.masked()).T
        dense = b.dense(h, weight[seen] if i == 0 else weight, _array(layer.bias))
        h = b.add(made.activation_name, dense) if made.activation_name != "linear" else dense
    weight, bias = _array(last.masked()).T, _array(last.bias)
    if not hidden:
        weight = weight[seen]
    pick = [2 * j for j in columns] + [2 * j + 1 for j in columns]
    raw = b.dense(h, weight[:, pick], bias[pick])
    n = len(columns)
    scaled = b.add("affine", b.select(raw, range(n, 2 * n)), scale=[1 / LARGEST_LOG_SCALE], shift=[0.0])
    s = b.add("affine", b.add("tanh", scaled), scale=[LARGEST_LOG_SCALE], shift=[0.0])
    return b.select(raw, range(n)), s


def lower_autoregressive_flow(b: GraphBuilder, flow: AutoregressiveFlow, c: Value, noise: Value) -> Value:
    """Append a draw from MAF (one target after the other) or IAF (one pass per layer)."""
    value = noise
    for made in flow.made:
        value = _flip(b, value)
        if flow.inverse:
            m, s = _made(b, made, value, c, list(range(flow.targets)))
            shrink = b.add("exp", b.add("affine", s, scale=[-1.0], shift=[0.0]))
            value = b.add("multiply", b.add("subtract", value, m), shrink)
            continue
        drawn: list[Value] = []
        for j in range(flow.targets):
            before = b.concat(*drawn) if len(drawn) > 1 else drawn[0] if drawn else None
            m, s = _made(b, made, before, c, [j])
            spread = b.add("multiply", b.select(value, [j]), b.add("exp", s))
            drawn.append(b.add("add", spread, m))
        value = b.concat(*drawn) if len(drawn) > 1 else drawn[0]
    return value


def lower_coupling(b: GraphBuilder, flow: CouplingSpline, c: Value, noise: Value) -> Value:
    """Append a draw from coupling layers."""
    value, attributes = noise, {"bins": flow.bins, "bound": flow.bound}
    for kept, network in zip(flow.kept, flow.networks, strict=True):
        value = _flip(b, value)
        changed = b.select(value, range(kept, flow.targets))
        a = b.select(value, range(kept)) if kept else None
        raw = lower_mlp(b, network, b.concat(a, c) if a is not None else c)
        new = b.add("spline", changed, raw, attributes=attributes)
        value = b.concat(a, new) if a is not None else new
    return value

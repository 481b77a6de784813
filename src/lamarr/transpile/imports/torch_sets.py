"""torch's attention and transformer layers as nodes on sets of objects (see :mod:`lamarr.transpile.sets`).

Padding masks are not needed: a count says how many objects are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError
from lamarr.transpile.graph import GraphBuilder, Value
from lamarr.transpile.imports.torch_modules import add_torch

__all__ = ["add_torch_attention", "add_torch_decoder", "add_torch_encoder"]


def _array(tensor: Any) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)


def _projections(m: Any) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Weights (inputs, outputs) and biases of queries, keys and values."""
    if m.in_proj_weight is None:
        weights = [_array(w).T for w in (m.q_proj_weight, m.k_proj_weight, m.v_proj_weight)]
    else:
        weights = [w.T for w in np.split(_array(m.in_proj_weight), 3)]
    bias = np.zeros(3 * m.embed_dim) if m.in_proj_bias is None else _array(m.in_proj_bias)
    return weights, np.split(bias, 3)


def add_torch_attention(
    builder: GraphBuilder, module: Any, queries: Value, keys: Value, count: Value, *, causal: bool = False
) -> Value:
    """Append a ``MultiheadAttention`` of objects to `count` objects, which are keys and values.

    Raises
    ------
    ModelError
        If it adds keys of its own (``add_bias_kv``, ``add_zero_attn``).
    """
    if module.bias_k is not None or module.add_zero_attn:
        raise ModelError("MultiheadAttention with add_bias_kv or add_zero_attn cannot be imported")
    weights, biases = _projections(module)
    q, k, v = (
        builder.dense(x, weight, bias)
        for x, weight, bias in zip((queries, keys, keys), weights, biases, strict=True)
    )
    attributes = {"heads": int(module.num_heads), "causal": causal}
    mean = builder.add("attention", q, k, v, count, attributes=attributes)
    return add_torch(builder, module.out_proj, mean)


def _activation(builder: GraphBuilder, function: Any, x: Value) -> Value:
    if hasattr(function, "parameters"):
        return add_torch(builder, function, x)
    name = getattr(function, "__name__", str(function))
    if name not in ("relu", "gelu", "silu", "tanh", "sigmoid"):
        raise ModelError(f"a transformer layer with the activation '{name}' cannot be imported")
    return builder.add(name, x)


class _Layer:
    """A transformer layer: each step is added to what it works on, normalised before or after."""

    def __init__(self, builder: GraphBuilder, module: Any, x: Value) -> None:
        self.builder, self.module, self.x = builder, module, x

    def step(self, norm: Any, function: Any) -> None:
        b = self.builder
        if self.module.norm_first:
            self.x = b.add("add", self.x, function(add_torch(b, norm, self.x)))
        else:
            self.x = add_torch(b, norm, b.add("add", self.x, function(self.x)))

    def attend(self, norm: Any, attention: Any, to: tuple[Value, Value] | Value, causal: bool) -> None:
        """Attend to `to`, which are objects and their count; or to itself, if only the count is given."""

        def function(x: Value) -> Value:
            keys, count = to if isinstance(to, tuple) else (x, to)
            return add_torch_attention(self.builder, attention, x, keys, count, causal=causal)

        self.step(norm, function)

    def feed_forward(self, norm: Any) -> None:
        def function(x: Value) -> Value:
            hidden = _activation(self.builder, self.module.activation, self.wide(x))
            return add_torch(self.builder, self.module.linear2, hidden)

        self.step(norm, function)

    def wide(self, x: Value) -> Value:
        return add_torch(self.builder, self.module.linear1, x)


def _layers(module: Any) -> list[Any]:
    return list(module.layers) if hasattr(module, "layers") else [module]


def _normalised(builder: GraphBuilder, module: Any, x: Value) -> Value:
    norm = getattr(module, "norm", None)
    return x if norm is None else add_torch(builder, norm, x)


def add_torch_encoder(
    builder: GraphBuilder, module: Any, x: Value, count: Value, *, causal: bool = False
) -> Value:
    """Append a ``TransformerEncoder``, or one layer of it, on `count` objects, in evaluation mode."""
    for layer in _layers(module):
        steps = _Layer(builder, layer, x)
        steps.attend(layer.norm1, layer.self_attn, count, causal)
        steps.feed_forward(layer.norm2)
        x = steps.x
    return _normalised(builder, module, x)


def add_torch_decoder(
    builder: GraphBuilder,
    module: Any,
    x: Value,
    count: Value,
    memory: Value,
    memory_count: Value,
    *,
    causal: bool = False,
) -> Value:
    """Append a ``TransformerDecoder`` or ``TransformerDecoderLayer``; `memory` is what the encoder gave.

    `causal`: an object sees those of `x` up to itself.
    """
    for layer in _layers(module):
        steps = _Layer(builder, layer, x)
        steps.attend(layer.norm1, layer.self_attn, count, causal)
        steps.attend(layer.norm2, layer.multihead_attn, (memory, memory_count), False)
        steps.feed_forward(layer.norm3)
        x = steps.x
    return _normalised(builder, module, x)

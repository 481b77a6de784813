"""From torch modules to the model graph: each network says which nodes compute it."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lamarr.networks.autoregressive import AutoregressiveSpline
from lamarr.networks.mixture import LOG_SIGMA, AutoregressiveMixture
from lamarr.networks.mlp import MLP
from lamarr.transpile import GraphBuilder, Value

__all__ = ["lower_autoregressive", "lower_linear", "lower_draw", "lower_mixture", "lower_mlp"]

_NORMAL_REACH, _NORMAL_KNOTS = 6.0, 769


def _array(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy()


def lower_linear(builder: GraphBuilder, layer: nn.Linear, x: Value) -> Value:
    """Append ``x Wᵀ + b``."""
    return builder.dense(x, _array(layer.weight).T, _array(layer.bias))


def _activate(builder: GraphBuilder, name: str, x: Value) -> Value:
    return x if name == "linear" else builder.add(name, x)


def lower_mlp(builder: GraphBuilder, network: MLP, x: Value) -> Value:
    """Append the layers of an MLP."""
    *hidden, last = network.layers
    for layer in hidden:
        y = _activate(builder, network.activation_name, lower_linear(builder, layer, x))
        x = builder.add("add", x, y) if network.residual and y.width == x.width else y
    return _activate(builder, network.last_name, lower_linear(builder, last, x))


def lower_autoregressive(
    builder: GraphBuilder, flow: AutoregressiveSpline, conditions: Value, noise: Value
) -> Value:
    """Append a draw of the flow's targets: one head after the other, each seeing the h before its own."""
    activation, width = flow.trunk.activation_name, flow.head
    context = lower_mlp(builder, flow.trunk, conditions)
    outer = lower_linear(builder, flow.scale, context)
    location = builder.select(outer, range(flow.targets))
    scale = builder.add("exp", builder.select(outer, range(flow.targets, 2 * flow.targets)))
    first = lower_linear(builder, flow.context, context)
    previous, out, bias = _array(flow.previous), _array(flow.out), _array(flow.out_bias)
    drawn: list[Value] = []
    for j in range(flow.targets):
        hidden = builder.select(first, range(j * width, (j + 1) * width))
        if drawn:
            h = builder.concat(*drawn) if j > 1 else drawn[0]
            hidden = builder.add("add", hidden, builder.dense(h, previous[:j, j], np.zeros(width)))
        raw = builder.dense(_activate(builder, activation, hidden), out[j], bias[j])
        mu, sigma = builder.select(raw, [0]), builder.add("exp", builder.select(raw, [1]))
        knots = builder.select(raw, range(2, raw.width))
        attributes = {"bins": flow.bins, "bound": flow.bound}
        f = builder.add("spline", builder.select(noise, [j]), knots, attributes=attributes)
        drawn.append(builder.add("add", mu, builder.add("multiply", sigma, f)))
    h = builder.add("sinh", builder.concat(*drawn))
    return builder.add("add", location, builder.add("multiply", scale, h))


def _uniform(builder: GraphBuilder, normal: Value) -> Value:
    """Append Φ of N(0, 1) numbers, by a table (absolute error below 8e-6)."""
    x = np.linspace(-_NORMAL_REACH, _NORMAL_REACH, _NORMAL_KNOTS)
    phi = [NormalDist().cdf(v) for v in x]
    return builder.add(
        "interpolate", normal, x=np.tile(x, (normal.width, 1)), y=np.tile(phi, (normal.width, 1))
    )


def lower_mixture(
    builder: GraphBuilder, network: AutoregressiveMixture, conditions: Value, noise: Value
) -> Value:
    """Append a draw of the mixture's targets; `noise` is (n, 2 targets), see AutoregressiveMixture.sample."""
    first = lower_linear(builder, network.context, lower_mlp(builder, network.trunk, conditions))
    return lower_draw(builder, network, first, noise)


def lower_draw(builder: GraphBuilder, network: AutoregressiveMixture, first: Value, noise: Value) -> Value:
    """Append a draw of the mixture's targets, given what its context says: `first` (n, targets head)."""
    targets, width, k = network.targets, network.head, network.components
    uniform = _uniform(builder, builder.select(noise, range(targets, 2 * targets)))
    previous, out, bias = _array(network.previous), _array(network.out), _array(network.out_bias)
    pairs = [*range(k), *(c for i in range(k) for c in (k + i, 2 * k + i))]  # mu and log sigma side by side
    drawn: list[Value] = []
    for j in range(targets):
        hidden = builder.select(first, range(j * width, (j + 1) * width))
        if drawn:
            t = builder.concat(*drawn) if j > 1 else drawn[0]
            hidden = builder.add("add", hidden, builder.dense(t, previous[:j, j], np.zeros(width)))
        hidden = _activate(builder, network.trunk.activation_name, hidden)
        raw = builder.dense(hidden, out[j][:, pairs], bias[j][pairs])
        weight = builder.add("softmax", builder.select(raw, range(k)))
        chosen = builder.add(
            "pick", weight, builder.select(uniform, [j]), builder.select(raw, range(k, 3 * k))
        )
        log_sigma = builder.add("clip", builder.select(chosen, [1]), low=[LOG_SIGMA[0]], high=[LOG_SIGMA[1]])
        spread = builder.add("multiply", builder.add("exp", log_sigma), builder.select(noise, [j]))
        value = builder.add("add", builder.select(chosen, [0]), spread)
        if math.isfinite(network.bound):
            value = builder.add("clip", value, low=[-network.bound], high=[network.bound])
        drawn.append(value)
    return builder.concat(*drawn)

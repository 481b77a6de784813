"""Layers and activations of Keras as nodes of the model graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamarr.errors import ModelError, near_misses
from lamarr.transpile.graph import GraphBuilder, Value
from lamarr.transpile.imports.gelu import gelu_tanh
from lamarr.transpile.imports.keras_files import Layer

__all__ = ["add_activation", "add_layer"]

_ACTIVATIONS: dict[str, tuple[str, dict[str, float]]] = {
    # in Keras: operator, attributes
    "relu": ("relu", {}),
    "tanh": ("tanh", {}),
    "sigmoid": ("sigmoid", {}),
    "softmax": ("softmax", {}),
    "softplus": ("softplus", {}),
    "elu": ("elu", {"alpha": 1.0}),
    "selu": ("selu", {}),
    "gelu": ("gelu", {}),
    "silu": ("silu", {}),
    "swish": ("silu", {}),
    "exponential": ("exp", {}),
    "leaky_relu": ("leaky_relu", {"slope": 0.2}),
}


def add_activation(b: GraphBuilder, activation: Any, x: Value) -> Value:
    """Append an activation by its name in Keras, or by what its file says of it."""
    if isinstance(activation, Mapping):
        name = activation.get("class_name", "")
        config = activation.get("config")
        activation = config if name == "function" or isinstance(config, str) else name
    if activation in (None, "linear"):
        return x
    if activation == "relu6":
        return _clipped(b, x, 6.0)
    if activation not in _ACTIVATIONS:
        known = ", ".join(near_misses(str(activation), _ACTIVATIONS) or _ACTIVATIONS)
        raise ModelError(f"Keras' activation '{activation}' cannot be imported; these can: {known}")
    op, attributes = _ACTIVATIONS[activation]
    return b.add(op, x, attributes=dict(attributes))


def _clipped(b: GraphBuilder, x: Value, top: float) -> Value:
    return b.add("clip", x, low=[0.0], high=[top])


def _dense(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    names = ["kernel", "bias"] if layer.config.get("use_bias", True) else ["kernel"]
    weights = layer.weights(*names)
    bias = weights[1] if len(weights) > 1 else np.zeros(weights[0].shape[1])
    return add_activation(b, layer.config.get("activation"), b.dense(x, weights[0], bias))


def _last_axis(layer: Layer) -> None:
    axis = layer.config.get("axis", -1)
    if axis not in (-1, 1, [-1], [1]):
        raise ModelError(f"{layer.kind} '{layer.name}' must go along the last axis, but got axis={axis}")


def _batch_norm(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    _last_axis(layer)
    has = [n for n, key in (("gamma", "scale"), ("beta", "center")) if layer.config.get(key, True)]
    found = dict(zip([*has, "m", "v"], layer.weights(*has, "moving_mean", "moving_variance"), strict=True))
    scale = found.get("gamma", 1.0) / np.sqrt(found["v"] + layer.config.get("epsilon", 1e-3))
    return b.add("affine", x, scale=scale, shift=found.get("beta", 0.0) - found["m"] * scale)


def _layer_norm(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    _last_axis(layer)
    has = [n for n, key in (("gamma", "scale"), ("beta", "center")) if layer.config.get(key, True)]
    found = dict(zip(has, layer.weights(*has), strict=True))
    scale, shift = found.get("gamma", np.ones(x.width)), found.get("beta", np.zeros(x.width))
    epsilon = float(layer.config.get("epsilon", 1e-3))
    return b.add("layer_norm", x, scale=scale, shift=shift, attributes={"epsilon": epsilon})


def _normalization(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    """Keras floors the deviation at 1e-7."""
    if layer.config.get("mean") is not None:
        mean, variance = (np.asarray(layer.config[k], float).ravel() for k in ("mean", "variance"))
    else:
        mean, variance = (w.ravel() for w in layer.weights("mean", "variance"))
    spread = np.maximum(np.sqrt(variance), 1e-7)
    scale, shift = 1 / spread, -mean / spread
    if layer.config.get("invert"):
        scale, shift = spread, mean
    return b.add("affine", x, scale=scale, shift=shift)


def _rescaling(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    scale, offset = (np.ravel(layer.config.get(k, v)) for k, v in (("scale", 1.0), ("offset", 0.0)))
    return b.add("affine", x, scale=scale, shift=offset)


def _relu(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    slope, top = float(layer.config.get("negative_slope") or 0), layer.config.get("max_value")
    if layer.config.get("threshold") or (slope and top is not None):
        raise ModelError(
            f"ReLU '{layer.name}' with a threshold, or with slope and maximum, cannot be imported"
        )
    if top is not None:
        return _clipped(b, x, float(top))
    return b.add("leaky_relu", x, attributes={"slope": slope}) if slope else b.add("relu", x)


def _leaky_relu(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    slope = layer.config.get("negative_slope", layer.config.get("alpha", 0.3))
    return b.add("leaky_relu", x, attributes={"slope": float(np.ravel(slope)[0])})


def _elu(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    return b.add("elu", x, attributes={"alpha": float(layer.config.get("alpha", 1.0))})


def _gelu(b: GraphBuilder, layer: Layer, x: Value) -> Value:
    return gelu_tanh(b, x) if layer.config.get("approximate") else b.add("gelu", x)


def _same(_: GraphBuilder, __: Layer, x: Value) -> Value:
    return x


_LAYERS: dict[str, Callable[[GraphBuilder, Layer, Value], Value]] = {
    "Dense": _dense,
    "Activation": lambda b, layer, x: add_activation(b, layer.config["activation"], x),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "PReLU": lambda b, layer, x: b.add("prelu", x, slope=layer.weights("alpha")[0].ravel()),
    "ELU": _elu,
    "GELU": _gelu,
    "Softmax": lambda b, _, x: b.add("softmax", x),
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise"), _same),
    **dict.fromkeys(("ActivityRegularization", "Identity", "Flatten", "InputLayer"), _same),
}

_MERGES = {"Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Divide": "divide"}


def _merge(b: GraphBuilder, layer: Layer, values: list[Value | float]) -> Value:
    op = _MERGES[layer.kind]
    result, *others = values
    for other in others:
        result = _two(b, op, result, other)
    if not isinstance(result, Value):
        raise ModelError(f"{layer.kind} '{layer.name}' has no value to work on")
    return result


def _two(b: GraphBuilder, op: str, left: Value | float, right: Value | float) -> Value | float:
    if isinstance(left, Value) and isinstance(right, Value):
        return b.add(op, left, right)
    if isinstance(left, Value):
        number = float(right)  # type: ignore[arg-type]
        scale = {"multiply": number, "divide": 1 / number if op == "divide" else 1.0}.get(op, 1.0)
        return b.add("affine", left, scale=[scale], shift=[{"add": number, "subtract": -number}.get(op, 0.0)])
    if isinstance(right, Value) and op in ("add", "multiply"):
        return _two(b, op, right, left)
    if isinstance(right, Value) and op == "subtract":
        return b.add("affine", right, scale=[-1.0], shift=[float(left)])
    raise ModelError(f"'{op}' of a number by a value cannot be imported")


def add_layer(b: GraphBuilder, layer: Layer, values: list[Value | float]) -> Value:
    """Append a layer of the values (and, for arithmetic, numbers) that go into it.

    Raises
    ------
    ModelError
        If its kind, or a setting, has no translation; what to do is said.
    """
    if layer.kind == "Concatenate":
        _last_axis(layer)
        return b.concat(*(v for v in values if isinstance(v, Value)))
    if layer.kind in _MERGES:
        return _merge(b, layer, values)
    if layer.kind == "Average":
        total = _merge_average(b, values)
        return b.add("affine", total, scale=[1 / len(values)], shift=[0.0])
    if layer.kind not in _LAYERS:
        known = sorted([*_LAYERS, *_MERGES, "Average", "Concatenate", "Functional", "Sequential"])
        hint = near_misses(layer.kind, known) or known
        raise ModelError(
            f"Keras' layer {layer.kind} ('{layer.name}') cannot be imported; these can: {', '.join(hint)}. "
            "Express it by those, or export the model to ONNX and import that"
        )
    (value,) = values
    if not isinstance(value, Value):
        raise ModelError(f"layer '{layer.name}' ({layer.kind}) must have a value to work on, but got {value}")
    return _LAYERS[layer.kind](b, layer, value)


def _merge_average(b: GraphBuilder, values: list[Value | float]) -> Value:
    total, *others = (v for v in values if isinstance(v, Value))
    for other in others:
        total = b.add("add", total, other)
    return total

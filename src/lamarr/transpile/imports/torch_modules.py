"""torch modules as model graphs: layers, activations and normalisation in ``Sequential``, at any depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError, near_misses
from lamarr.transpile.graph import Graph, GraphBuilder, Value
from lamarr.transpile.imports.gelu import gelu_tanh

__all__ = ["add_torch", "import_torch"]


def _array(tensor: Any) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)


def _linear(b: GraphBuilder, m: Any, x: Value) -> Value:
    bias = np.zeros(m.out_features) if m.bias is None else _array(m.bias)
    return b.dense(x, _array(m.weight).T, bias)


def _batch_norm(b: GraphBuilder, m: Any, x: Value) -> Value:
    """Fold a batch normalisation with its running mean and variance into scale and shift."""
    if m.running_mean is None:
        raise ModelError("BatchNorm1d must have running statistics to be imported")
    scale = 1 / np.sqrt(_array(m.running_var) + m.eps)
    scale = scale * (_array(m.weight) if m.affine else 1)
    shift = (_array(m.bias) if m.affine else 0) - _array(m.running_mean) * scale
    return b.add("affine", x, scale=scale, shift=shift)


def _layer_norm(b: GraphBuilder, m: Any, x: Value) -> Value:
    if tuple(m.normalized_shape) != (x.width,):
        raise ModelError(
            f"LayerNorm over {tuple(m.normalized_shape)} of a width of {x.width} cannot be imported"
        )
    scale = np.ones(x.width) if m.weight is None else _array(m.weight)
    shift = np.zeros(x.width) if m.bias is None else _array(m.bias)
    return b.add("layer_norm", x, scale=scale, shift=shift, attributes={"epsilon": float(m.eps)})


def _gelu(b: GraphBuilder, m: Any, x: Value) -> Value:
    return b.add("gelu", x) if m.approximate == "none" else gelu_tanh(b, x)


def _sequential(b: GraphBuilder, m: Any, x: Value) -> Value:
    for part in m:
        x = add_torch(b, part, x)
    return x


def _plain(op: str) -> Callable[[GraphBuilder, Any, Value], Value]:
    return lambda b, _, x: b.add(op, x)


def _same(_: GraphBuilder, __: Any, x: Value) -> Value:
    return x


_MODULES: dict[str, Callable[[GraphBuilder, Any, Value], Value]] = {
    "Linear": _linear,
    "NonDynamicallyQuantizableLinear": _linear,
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Sequential": _sequential,
    "ReLU": _plain("relu"),
    "Tanh": _plain("tanh"),
    "Sigmoid": _plain("sigmoid"),
    "SiLU": _plain("silu"),
    "SELU": _plain("selu"),
    "Softplus": _plain("softplus"),
    "Softmax": _plain("softmax"),
    "GELU": _gelu,
    "ELU": lambda b, m, x: b.add("elu", x, attributes={"alpha": float(m.alpha)}),
    "LeakyReLU": lambda b, m, x: b.add("leaky_relu", x, attributes={"slope": float(m.negative_slope)}),
    "PReLU": lambda b, m, x: b.add("prelu", x, slope=_array(m.weight)),
    "Dropout": _same,
    "AlphaDropout": _same,
    "Identity": _same,
}


def add_torch(builder: GraphBuilder, module: Any, x: Value) -> Value:
    """Append a module, in evaluation mode.

    A module of one's own may say what it computes: ``lower(builder, x) -> Value``.

    Raises
    ------
    ModelError
        If there is no translation of the module.
    """
    if hasattr(module, "lower"):
        result: Value = module.lower(builder, x)
        return result
    kind = type(module).__name__
    if kind not in _MODULES:
        known = ", ".join(near_misses(kind, _MODULES) or sorted(_MODULES))
        raise ModelError(
            f"torch's {kind} cannot be imported; these can: {known}. A module of your own may have a method "
            "lower(builder, x)"
        )
    if kind == "Softplus" and (module.beta != 1):
        raise ModelError(f"Softplus must have beta = 1 to be imported, but got {module.beta}")
    if kind == "Softmax" and module.dim not in (1, -1):
        raise ModelError(f"Softmax must go along the last axis to be imported, but got dim={module.dim}")
    return _MODULES[kind](builder, module, x)


def import_torch(module: Any, inputs: int) -> Graph:
    """Return a module of `inputs` columns as a graph."""
    builder = GraphBuilder(x=inputs)
    return builder.finish(add_torch(builder, module, builder.input("x")))

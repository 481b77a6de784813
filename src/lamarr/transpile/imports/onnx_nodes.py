"""What each operator of ONNX becomes: nodes of the model graph on rows (n, width)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError
from lamarr.transpile.graph import GraphBuilder, Value
from lamarr.transpile.imports.gelu import gelu_tanh
from lamarr.transpile.imports.onnx_trees import add_onnx_trees

__all__ = ["NODES", "OnnxNode"]

Values = Sequence[Value | None]


@dataclass(frozen=True, kw_only=True)
class OnnxNode:
    """A node of an ONNX graph; `constants` are those of the whole graph."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    constants: Mapping[str, NDArray[Any]]

    def constant(self, i: int) -> NDArray[Any] | None:
        """Constant that the i-th input names, if it is there and a constant."""
        return self.constants.get(self.inputs[i]) if i < len(self.inputs) else None

    def needed(self, i: int) -> NDArray[Any]:
        """Constant that the i-th input must name."""
        found = self.constant(i)
        if found is None:
            raise self.error(f"its input {i} must be a constant")
        return found

    def error(self, what: str) -> ModelError:
        """Return an error that names the node."""
        return ModelError(f"ONNX node '{self.name}' ({self.kind}) cannot be imported: {what}")

    def axis(self, default: int) -> None:
        """Refuse any axis but that of columns."""
        axis = self.attributes.get("axis", default)
        if axis not in (1, -1):
            raise self.error(f"it must go along the columns (axis 1), but has axis {axis}")


def _value(node: OnnxNode, values: Values, i: int = 0) -> Value:
    value = values[i] if i < len(values) else None
    if value is None:
        raise node.error(f"its input {i} must depend on the input of the model")
    return value


def _columns(node: OnnxNode, constant: NDArray[Any], width: int) -> NDArray[Any]:
    """Constant by column; it must not differ between rows."""
    if constant.size not in (1, width) or (constant.ndim > 1 and constant.shape[-1] != constant.size):
        raise node.error(f"a constant of shape {constant.shape} does not fit to {width} columns")
    return constant.ravel().astype(np.float64)


def _plain(op: str, **attributes: tuple[str, float]) -> Callable[..., list[Value]]:
    """Operator of ours with attributes (name in ONNX, default there)."""

    def lower(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
        ours = {k: float(node.attributes.get(name, default)) for k, (name, default) in attributes.items()}
        return [b.add(op, _value(node, values), attributes=ours)]

    return lower


def _wide(b: GraphBuilder, x: Value, constant: NDArray[Any]) -> Value:
    """Repeat a single column as often as a constant has some."""
    return b.select(x, [0] * constant.size) if x.width == 1 and constant.size > 1 else x


def _arithmetic(op: str) -> Callable[..., list[Value]]:
    def lower(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
        left, right = values
        if left is not None and right is not None:
            return [b.add(op, left, right)]
        constant = node.needed(1 if left is not None else 0)
        x = _wide(b, _value(node, values, 0 if left is not None else 1), constant)
        c = _columns(node, constant, x.width)
        if left is None and op == "divide":
            top = b.add("affine", x, scale=[0.0], shift=c)
            return [b.add("divide", top, x)]
        scales: dict[str, tuple[Any, Any]] = {
            "add": (1.0, c),
            "subtract": (1.0, -c) if left is not None else (-1.0, c),
            "multiply": (c, 0.0),
            "divide": (1 / c if op == "divide" else 0.0, 0.0),
        }
        scale, shift = scales[op]
        return [
            b.add("affine", x, scale=np.broadcast_to(scale, c.shape), shift=np.broadcast_to(shift, c.shape))
        ]

    return lower


def _gemm(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    a = node.attributes
    if a.get("transA"):
        raise node.error("transA mixes rows")
    weight = node.needed(1).astype(np.float64) * a.get("alpha", 1.0)
    weight = weight.T if a.get("transB") else weight
    bias = node.constant(2)
    shift = np.zeros(1) if bias is None else _columns(node, bias, weight.shape[1]) * a.get("beta", 1.0)
    return [b.dense(_value(node, values), weight, np.broadcast_to(shift, weight.shape[1]))]


def _matmul(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    weight = node.needed(1)
    if weight.ndim != 2:
        raise node.error(f"its constant must be a matrix, but has the shape {weight.shape}")
    return [b.dense(_value(node, values), weight, np.zeros(weight.shape[1]))]


def _clip(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    x = _value(node, values)
    ends = []
    for i, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
        found = node.constant(i)
        ends.append([float(node.attributes.get(name, default))] if found is None else found.ravel())
    return [b.add("clip", x, low=ends[0], high=ends[1])]


def _bound(upper: bool) -> Callable[..., list[Value]]:
    def lower(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
        if len(values) != 2:
            raise node.error("it must compare a value with one constant")
        at = 0 if values[0] is not None else 1
        x = _value(node, values, at)
        c = _columns(node, node.needed(1 - at), x.width)
        free = np.full(c.shape, -np.inf if upper else np.inf)
        return [b.add("clip", x, low=free if upper else c, high=c if upper else free)]

    return lower


def _concat(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    node.axis(1)
    return [b.concat(*(_value(node, values, i) for i in range(len(values))))]


def _gather(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    node.axis(0)
    x, columns = _value(node, values), node.needed(1)
    if columns.ndim != 1:
        raise node.error("its indices must be a list")
    return [b.select(x, [int(c) % x.width for c in columns])]


def _slice(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    x = _value(node, values)
    first, last = (node.needed(i).ravel().astype(int) for i in (1, 2))
    axes, steps = (node.constant(i) for i in (3, 4))
    if first.size != 1 or axes is None or int(axes.ravel()[0]) not in (1, -1):
        raise node.error("it must go along the columns (axis 1)")
    step = 1 if steps is None else int(steps.ravel()[0])
    return [b.select(x, list(range(x.width))[int(first[0]) : int(last[0]) : step])]


def _split(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    node.axis(0)
    x, sizes = _value(node, values), node.constant(1)
    n = len(node.outputs)
    widths = [x.width // n] * n if sizes is None else sizes.ravel().astype(int).tolist()
    ends = np.cumsum([0, *widths]).tolist()
    return [b.select(x, range(a, z)) for a, z in itertools.pairwise(ends)]


def _same(_: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    return [_value(node, values)]


def _reshape(_: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    x, shape = _value(node, values), node.needed(1).ravel().tolist()
    if len(shape) != 2 or shape[1] not in (x.width, -1, 0) or shape[0] not in (-1, 0):
        raise node.error(f"rows of {x.width} columns must stay as they are, but it makes {shape}")
    return [x]


def _batch_norm(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    scale, bias, mean, variance = (node.needed(i).astype(np.float64) for i in range(1, 5))
    scale = scale / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    return [b.add("affine", _value(node, values), scale=scale, shift=bias - mean * scale)]


def _layer_norm(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    node.axis(-1)
    x, shift = _value(node, values), node.constant(2)
    scale = _columns(node, node.needed(1), x.width)
    shift = np.zeros(x.width) if shift is None else _columns(node, shift, x.width)
    attributes = {"epsilon": float(node.attributes.get("epsilon", 1e-5))}
    return [b.add("layer_norm", x, scale=scale, shift=shift, attributes=attributes)]


def _softmax(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    node.axis(-1)
    return [b.add("softmax", _value(node, values))]


def _erf(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    """erf(x) = 2 Φ(x √2) − 1."""
    wide = b.add("affine", _value(node, values), scale=[np.sqrt(2.0)], shift=[0.0])
    return [b.add("affine", b.add("normal_cdf", wide), scale=[2.0], shift=[-1.0])]


def _gelu(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    x = _value(node, values)
    return [gelu_tanh(b, x) if node.attributes.get("approximate") == b"tanh" else b.add("gelu", x)]


def _power(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    x, exponent = _value(node, values), node.needed(1).ravel()
    if exponent.size != 1 or exponent[0] not in (0.5, 1, 2, 3):
        raise node.error(f"its exponent must be 0.5, 1, 2 or 3, but is {exponent.tolist()}")
    if exponent[0] == 0.5:
        return [b.add("sqrt", x)]
    y = x
    for _ in range(int(exponent[0]) - 1):
        y = b.add("multiply", y, x)
    return [y]


def _reduce(mean: bool) -> Callable[..., list[Value]]:
    def lower(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
        x, axes = _value(node, values), node.constant(1)
        chosen = node.attributes.get("axes") if axes is None else axes.ravel().tolist()
        if list(chosen or ()) not in ([1], [-1]) or not node.attributes.get("keepdims", 1):
            raise node.error("it must sum up columns (axis 1, keepdims = 1)")
        return [b.dense(x, np.full((x.width, 1), 1 / x.width if mean else 1.0), [0.0])]

    return lower


def _prelu(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    x = _value(node, values)
    return [b.add("prelu", x, slope=_columns(node, node.needed(1), x.width))]


def _scaler(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    x = _value(node, values)
    offset, scale = (
        np.asarray(node.attributes.get(k, [d]), float) for k, d in (("offset", 0.0), ("scale", 1.0))
    )
    return [
        b.add("affine", x, scale=np.broadcast_to(scale, x.width), shift=-offset * scale * np.ones(x.width))
    ]


def _negative(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    return [b.add("affine", _value(node, values), scale=[-1.0], shift=[0.0])]


def _trees(b: GraphBuilder, node: OnnxNode, values: Values) -> list[Value]:
    return [add_onnx_trees(b, node.attributes, _value(node, values), node.error)]


NODES: dict[str, Callable[[GraphBuilder, OnnxNode, Values], list[Value]]] = {
    **{
        kind: _plain(op)
        for kind, op in {
            "Relu": "relu",
            "Tanh": "tanh",
            "Sigmoid": "sigmoid",
            "Softplus": "softplus",
            "Exp": "exp",
            "Log": "log",
            "Sqrt": "sqrt",
            "Abs": "absolute",
            "Sinh": "sinh",
            "Asinh": "asinh",
            "Selu": "selu",
        }.items()
    },
    "LeakyRelu": _plain("leaky_relu", slope=("alpha", 0.01)),
    "Elu": _plain("elu", alpha=("alpha", 1.0)),
    "PRelu": _prelu,
    "Gelu": _gelu,
    "Erf": _erf,
    "Softmax": _softmax,
    "Neg": _negative,
    "Pow": _power,
    "Add": _arithmetic("add"),
    "Sub": _arithmetic("subtract"),
    "Mul": _arithmetic("multiply"),
    "Div": _arithmetic("divide"),
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Clip": _clip,
    "Max": _bound(upper=False),
    "Min": _bound(upper=True),
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Split": _split,
    "Reshape": _reshape,
    "Flatten": _same,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _same,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "ReduceSum": _reduce(mean=False),
    "ReduceMean": _reduce(mean=True),
    "Scaler": _scaler,
    "TreeEnsembleRegressor": _trees,
}

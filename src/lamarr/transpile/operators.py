"""The operators of the model graph: their widths, and what they mean in numpy.

The numpy functions *define* the operators; C and ONNX must agree with them. Each works on arrays
(n, width) of float32, or of float64 to see the rounding of float32. Rows never mix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError, raise_unknown

__all__ = ["OPERATORS", "Operator", "operator", "register", "same_width"]

Array = NDArray[Any]
Constants = Mapping[str, Array]
Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Operator:
    """An operator: `width` of its value from widths, constants and attributes; `apply` computes it.

    `constants` are the names of those that it needs, no more and no fewer.
    """

    name: str
    width: Callable[[Sequence[int], Constants, Attributes], int]
    apply: Callable[[Sequence[Array], Constants, Attributes], Array]
    constants: tuple[str, ...] = ()

    def check(self, node: str, constants: Constants, attributes: Attributes) -> None:
        """Refuse constants of other names, and numbers that are none.

        Raises
        ------
        ModelError
            If they do not fit.
        """
        if set(constants) != set(self.constants):
            raise ModelError(
                f"node '{node}' ({self.name}) must have the constants {list(self.constants)}, "
                f"but got {list(constants)}"
            )
        if not isinstance(attributes, Mapping):
            raise ModelError(
                f"node '{node}' ({self.name}) must have attributes by name, but got {attributes!r}"
            )
        for key in {"slope", "alpha", "epsilon", "bound"} & set(attributes):
            value = attributes[key]
            if not (isinstance(value, int | float) and np.isfinite(value)):
                raise ModelError(
                    f"node '{node}' ({self.name}) must have a number as {key}, but got {value!r}"
                )


OPERATORS: dict[str, Operator] = {}


def operator(name: str) -> Operator:
    """Return the operator called `name`."""
    if name not in OPERATORS:
        raise_unknown("operator", name, OPERATORS, ModelError)
    return OPERATORS[name]


def register(
    name: str,
    width: Callable[[Sequence[int], Constants, Attributes], int],
    apply: Callable[[Sequence[Array], Constants, Attributes], Array],
    constants: tuple[str, ...] = (),
) -> None:
    """Define an operator."""
    OPERATORS[name] = Operator(name, width, apply, constants)


def same_width(name: str) -> Callable[[Sequence[int], Constants, Attributes], int]:
    """Return the width rule of operators that give as many columns as they take."""

    def width(widths: Sequence[int], constants: Constants, _: Attributes) -> int:
        if len(widths) != 1:
            raise ModelError(f"'{name}' takes one value, but got {len(widths)}")
        for key, array in constants.items():
            if array.shape[0] not in (1, widths[0]):
                raise ModelError(f"'{name}' of width {widths[0]} got '{key}' of shape {array.shape}")
        return widths[0]

    return width


def _elementwise(name: str) -> Callable[[Sequence[int], Constants, Attributes], int]:
    def width(widths: Sequence[int], _: Constants, __: Attributes) -> int:
        if len(widths) != 2 or (widths[0] != widths[1] and 1 not in widths):
            raise ModelError(
                f"'{name}' takes two values of one width (or a width of 1), but got {list(widths)}"
            )
        return max(widths)

    return width


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(−x)), without overflow."""
    e = np.exp(-np.abs(x))
    result: Array = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
    return result


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    result: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return result


def softmax(x: Array) -> Array:
    """exp(x) over its sum along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    result: Array = e / e.sum(axis=-1, keepdims=True)
    return result


_UNARY: dict[str, Callable[[Array, Attributes], Array]] = {
    "relu": lambda x, _: np.maximum(x, 0),
    "leaky_relu": lambda x, a: np.where(x > 0, x, x * x.dtype.type(a.get("slope", 0.01))),
    "tanh": lambda x, _: np.tanh(x),
    "sigmoid": lambda x, _: sigmoid(x),
    "silu": lambda x, _: x * sigmoid(x),
    "softplus": lambda x, _: softplus(x),
    "softmax": lambda x, _: softmax(x),
    "exp": lambda x, _: np.exp(x),
    "log": lambda x, _: np.log(x),
    "sqrt": lambda x, _: np.sqrt(x),
    "sinh": lambda x, _: np.sinh(x),
    "asinh": lambda x, _: np.arcsinh(x),
    "absolute": lambda x, _: np.abs(x),
}
for _name, _function in _UNARY.items():
    register(_name, same_width(_name), lambda v, _, a, f=_function: f(v[0], a))  # type: ignore[misc]

_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
}
for _name, _binary in _BINARY.items():
    register(_name, _elementwise(_name), lambda v, _, __, f=_binary: f(v[0], v[1]))  # type: ignore[misc]


def _dense_width(widths: Sequence[int], constants: Constants, _: Attributes) -> int:
    weight, bias = constants["weight"], constants["bias"]
    if len(widths) != 1 or weight.ndim != 2 or weight.shape[0] != widths[0] or bias.shape != weight.shape[1:]:
        raise ModelError(
            f"'dense' on width {list(widths)} got weight {weight.shape} and bias {bias.shape}, "
            "expected (inputs, outputs) and (outputs,)"
        )
    return int(weight.shape[1])


LANES = 16


def _matmul(x: Array, weight: Array) -> Array:
    """X W in blocks of 16 rows, so that the rounding of a row does not depend on its neighbours.

    Matrix libraries sum in another order at the edges of their tiles; in a block of exactly 16 rows, with
    rows along the vector registers, every row is treated alike.
    """
    n, k = x.shape
    blocks = -(-n // LANES)
    if n % LANES:
        x = np.concatenate([x, np.zeros((blocks * LANES - n, k), x.dtype)])
    stacked = np.ascontiguousarray(x.reshape(blocks, LANES, k).transpose(0, 2, 1))
    product: Array = np.matmul(np.ascontiguousarray(weight.T), stacked)
    return product.transpose(0, 2, 1).reshape(blocks * LANES, weight.shape[1])[:n]


register("dense", _dense_width, lambda v, c, _: _matmul(v[0], c["weight"]) + c["bias"], ("weight", "bias"))

# y = scale x + shift, per column
register("affine", same_width("affine"), lambda v, c, _: v[0] * c["scale"] + c["shift"], ("scale", "shift"))

# min(max(x, low), high), per column; NaN stays NaN
register(
    "clip",
    same_width("clip"),
    lambda v, c, _: np.minimum(np.maximum(v[0], c["low"]), c["high"]),
    ("low", "high"),
)


def _select_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    columns = attributes["columns"]
    whole = columns and all(type(c) is int for c in columns)
    if not whole or min(columns) < 0 or max(columns) >= widths[0]:
        raise ModelError(f"'select' of columns {columns} from a value of width {widths[0]}")
    return len(columns)


register("select", _select_width, lambda v, _, a: v[0][:, a["columns"]])
register("concat", lambda widths, _, __: sum(widths), lambda v, _, __: np.concatenate(v, axis=1))


def _interpolate(values: Sequence[Array], constants: Constants, _: Attributes) -> Array:
    """Piecewise linear map of each column through the points (x, y) of its row; constant outside."""
    v, xs, ys = values[0], constants["x"], constants["y"]
    out = np.empty_like(v)
    for j in range(v.shape[1]):
        x, y = xs[j], ys[j]
        inside = np.minimum(np.maximum(v[:, j], x[0]), x[-1])
        k = np.clip(np.searchsorted(x, inside, side="right") - 1, 0, len(x) - 2)
        out[:, j] = y[k] + (inside - x[k]) * ((y[k + 1] - y[k]) / (x[k + 1] - x[k]))
    return out


def _interpolate_width(widths: Sequence[int], constants: Constants, _: Attributes) -> int:
    x, y = constants["x"], constants["y"]
    if x.ndim != 2 or x.shape != y.shape or x.shape[0] != widths[0] or x.shape[1] < 2:
        raise ModelError(f"'interpolate' of width {widths[0]} got tables of shape {x.shape} and {y.shape}")
    if not (np.diff(x) > 0).all():
        raise ModelError("the abscissae of 'interpolate' must increase strictly")
    return widths[0]


register("interpolate", _interpolate_width, _interpolate, ("x", "y"))

SPLINE_MIN_HEIGHT = 1e-3
SPLINE_MIN_SLOPE = 1e-3
SPLINE_UNIT = 0.5410832


def _spline(values: Sequence[Array], _: Constants, attributes: Attributes) -> Array:
    """Rational-quadratic spline of u (n, w) with raw knots (n, w (2 bins − 1)); see networks.spline."""
    u, raw = values
    bins, bound = int(attributes["bins"]), float(attributes["bound"])
    dtype = u.dtype.type
    raw = raw.reshape(len(u), u.shape[1], 2 * bins - 1)
    share = dtype(SPLINE_MIN_HEIGHT) + dtype(1 - SPLINE_MIN_HEIGHT * bins) * softmax(raw[..., :bins])
    y = np.zeros((*u.shape, bins + 1), u.dtype)
    np.cumsum(share, axis=-1, out=y[..., 1:])
    y = y * dtype(2 * bound) - dtype(bound)
    slope = np.ones_like(y)
    slope[..., 1:-1] = dtype(SPLINE_MIN_SLOPE) + softplus(raw[..., bins:] + dtype(SPLINE_UNIT))
    inside = np.minimum(np.maximum(u, dtype(-bound)), dtype(bound))
    cell = (inside + dtype(bound)) * dtype(bins / (2 * bound))
    k = np.clip(np.nan_to_num(np.floor(cell)), 0, bins - 1).astype(np.intp)
    t = cell - k.astype(u.dtype)

    def at(table: Array, index: Array) -> Array:
        return np.take_along_axis(table, index[..., None], axis=-1)[..., 0]

    y0, y1, d0, d1 = at(y, k), at(y, k + 1), at(slope, k), at(slope, k + 1)
    s = (y1 - y0) * dtype(bins / (2 * bound))
    top = (y1 - y0) * t * (s * t + d0 * (1 - t))
    value = y0 + top / (s + (d0 + d1 - 2 * s) * t * (1 - t))
    result: Array = np.where(np.abs(u) < dtype(bound), value, u)
    return result


def _spline_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    bins, bound = int(attributes["bins"]), float(attributes["bound"])
    if bins < 1 or bound <= 0:
        raise ModelError(f"'spline' must have bins >= 1 and bound > 0, but got (bins={bins}, bound={bound})")
    need = widths[0] * (2 * bins - 1)
    if len(widths) != 2 or widths[1] != need:
        raise ModelError(
            f"'spline' of width {widths[0]} needs {need} raw numbers, but got {list(widths[1:])}"
        )
    return widths[0]


register("spline", _spline_width, _spline)


def _vine(values: Sequence[Array], _: Constants, attributes: Attributes) -> Array:
    """Correlations from canonical partial correlations, pairs (i, j), i < j, ordered by j.

    Row j of the Cholesky factor is L_jk = r_kj prod_{l<k} sqrt(1 − r_lj²); the correlations L Lᵀ are
    positive definite for all |r| < 1. (H. Joe, J. Multivariate Anal. 97 (2006) 2177.)
    """
    r, d = values[0], int(attributes["dimension"])
    column = {(i, j): j * (j - 1) // 2 + i for j in range(d) for i in range(j)}
    one = np.ones(len(r), r.dtype)
    factor: dict[tuple[int, int], Array] = {(0, 0): one}
    for j in range(1, d):
        rest = one
        for i in range(j):
            partial = r[:, column[i, j]]
            factor[j, i] = partial * rest
            rest = rest * np.sqrt(np.maximum((1 - partial) * (1 + partial), 0))
        factor[j, j] = rest
    out = np.empty_like(r)
    for (i, j), c in column.items():
        total = factor[j, 0] * factor[i, 0]
        for k in range(1, i + 1):
            total = total + factor[j, k] * factor[i, k]
        out[:, c] = total
    return out


def _vine_width(widths: Sequence[int], _: Constants, attributes: Attributes) -> int:
    d = int(attributes["dimension"])
    if widths[0] != d * (d - 1) // 2:
        raise ModelError(f"'vine' of dimension {d} needs {d * (d - 1) // 2} numbers, but got {widths[0]}")
    return widths[0]


register("vine", _vine_width, _vine)


def _pick(values: Sequence[Array], _: Constants, __: Attributes) -> Array:
    """Values v_k of the category k that u chooses: the first with u < p_0 + … + p_k, else the last.

    Takes probabilities (n, K), u (n, 1) uniform on (0, 1), and values (n, K m); gives (n, m), the k-th
    block of m values.
    """
    probability, u, candidates = values
    n, categories = probability.shape
    cumulative = np.cumsum(probability, axis=1, dtype=probability.dtype)
    k = (cumulative[:, :-1] <= u).sum(axis=1)
    chosen: Array = candidates.reshape(n, categories, -1)[np.arange(n), k]
    return chosen


def _pick_width(widths: Sequence[int], _: Constants, __: Attributes) -> int:
    if len(widths) != 3 or widths[1] != 1 or widths[2] % widths[0]:
        raise ModelError(
            f"'pick' takes K probabilities, one number and K m values, but got the widths {list(widths)}"
        )
    return widths[2] // widths[0]


register("pick", _pick_width, _pick)

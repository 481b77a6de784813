"""Fitted scikit-learn preprocessing, pipelines, perceptrons and trees as model graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError, near_misses
from lamarr.transpile.graph import Graph, GraphBuilder, Value
from lamarr.transpile.imports.boosters import BOOSTERS, add_booster
from lamarr.transpile.imports.trees import SKLEARN_TREES, add_trees, probabilities

__all__ = ["FUNCTIONS", "add_sklearn", "import_sklearn"]

Step = Callable[[GraphBuilder, Any, Value], Value]

FUNCTIONS: dict[str, tuple[tuple[str, float, float], ...]] = {
    # name in numpy: operators; ("affine", a, b) is a x + b
    "log": (("log", 1, 0),),
    "log1p": (("affine", 1, 1), ("log", 1, 0)),
    "log10": (("log", 1, 0), ("affine", 1 / np.log(10), 0)),
    "log2": (("log", 1, 0), ("affine", 1 / np.log(2), 0)),
    "exp": (("exp", 1, 0),),
    "sqrt": (("sqrt", 1, 0),),
    "absolute": (("absolute", 1, 0),),
    "tanh": (("tanh", 1, 0),),
    "sinh": (("sinh", 1, 0),),
    "arcsinh": (("asinh", 1, 0),),
    "negative": (("affine", -1, 0),),
}
"""Functions of numpy that a FunctionTransformer may have."""


def _affine(b: GraphBuilder, x: Value, scale: Any, shift: Any) -> Value:
    return b.add("affine", x, scale=np.broadcast_to(scale, x.width), shift=np.broadcast_to(shift, x.width))


def _standard(b: GraphBuilder, t: Any, x: Value) -> Value:
    scale = np.ones(x.width) if t.scale_ is None else t.scale_
    mean = np.zeros(x.width) if t.mean_ is None or not t.with_mean else t.mean_
    return _affine(b, x, 1 / scale, -mean / scale)


def _min_max(b: GraphBuilder, t: Any, x: Value) -> Value:
    y = _affine(b, x, t.scale_, t.min_)
    low, high = (np.full(x.width, v) for v in t.feature_range)
    return b.add("clip", y, low=low, high=high) if t.clip else y


def _robust(b: GraphBuilder, t: Any, x: Value) -> Value:
    scale = np.ones(x.width) if t.scale_ is None else t.scale_
    centre = np.zeros(x.width) if t.center_ is None else t.center_
    return _affine(b, x, 1 / scale, -centre / scale)


def _knots(x: NDArray[Any], y: NDArray[Any]) -> tuple[list[float], list[float]]:
    """Strictly increasing knots of a column of a quantile transformer.

    Where values repeat, scikit-learn gives the mean of the levels at the value, the first one below and the
    last one above: three knots, a millionth of the range apart. At the ends it gives the outermost levels.
    """
    x = x.astype(np.float32)
    step = max(1e-6 * float(x[-1] - x[0]), 1e-30)
    xs: list[float] = []
    ys: list[float] = []
    for value in np.unique(x):
        levels = y[x == value]
        first, last = value == x[0], value == x[-1]
        middle = levels[0] if first else levels[-1] if last else levels.mean()
        points = [(value, middle)]
        if len(levels) > 1 or (first and last):
            below, above = (np.float32(value + s * (step + 2e-7 * abs(value))) for s in (-1, 1))
            before = [] if first else [(below, levels[0])]
            after = [] if last and not first else [(above, levels[-1])]
            points = [*before, *points, *after]
        for at, level in points:
            if not xs or at > xs[-1]:
                xs.append(float(at))
                ys.append(float(level))
    return xs, ys


def _table(columns: Sequence[tuple[list[float], list[float]]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Tables of equal length: short ones go on flat beyond their last knot."""
    n = max(len(xs) for xs, _ in columns)
    x, y = np.empty((2, len(columns), n))
    for j, (xs, ys) in enumerate(columns):
        top = np.float32(xs[-1])
        extra = []
        for _ in range(n - len(xs)):
            top = np.nextafter(np.float32(top + abs(top) * np.float32(1e-6)), np.float32(np.inf))
            extra.append(float(top))
        x[j], y[j] = xs + extra, ys + [ys[-1]] * len(extra)
    return x, y


def _quantile(b: GraphBuilder, t: Any, x: Value) -> Value:
    """Interpolate levels; for normal output both tails are looked up, so that float32 resolves them alike."""
    columns = [_knots(t.quantiles_[:, j], t.references_) for j in range(x.width)]
    at, level = _table(columns)
    p = b.add("interpolate", x, x=at, y=level)
    if t.output_distribution == "uniform":
        return p
    q = b.add("interpolate", x, x=at, y=1 - level)
    tails = []
    for side in (p, q):
        bounded = b.add("clip", side, low=np.full(x.width, 1e-7), high=np.full(x.width, 0.5))
        tails.append(b.add("normal_quantile", bounded))
    return b.add("subtract", *tails)


def _power_of(b: GraphBuilder, r: Value, exponents: NDArray[Any]) -> Value:
    """((1 + r)^λ − 1) / λ = 2 exp(a/2) sinh(a/2) / λ with a = λ log(1 + r); log(1 + r) where λ = 0."""
    log = b.add("log", _affine(b, r, 1, 1))
    if not exponents.any():
        return log
    half = _affine(b, log, np.where(exponents, exponents, 1e-6) / 2, 0)
    grown = b.add("multiply", b.add("exp", half), b.add("sinh", half))
    return _affine(b, grown, 2 / np.where(exponents, exponents, 1e-6), 0)


def _power(b: GraphBuilder, t: Any, x: Value) -> Value:
    exponents = np.where(np.abs(t.lambdas_) < 1e-6, 0.0, t.lambdas_)
    if t.method == "box-cox":
        y = _power_of(b, _affine(b, x, 1, -1), exponents)
    else:
        two = np.where(np.abs(2 - exponents) < 1e-6, 0.0, 2 - exponents)
        above = _power_of(b, b.add("relu", x), exponents)
        below = _power_of(b, b.add("relu", _affine(b, x, -1, 0)), two)
        y = b.add("subtract", above, below)
    return _standard(b, t._scaler, y) if t.standardize else y


def _function(b: GraphBuilder, t: Any, x: Value) -> Value:
    if t.func is None:
        return x
    name = getattr(t.func, "__name__", str(t.func))
    if name not in FUNCTIONS or t.kw_args:
        known = ", ".join(near_misses(name, FUNCTIONS) or FUNCTIONS)
        raise ModelError(
            f"FunctionTransformer of '{name}' cannot be imported; functions without arguments: {known}"
        )
    for op, a, c in FUNCTIONS[name]:
        x = _affine(b, x, a, c) if op == "affine" else b.add(op, x)
    return x


def _columns(selected: Any, names: Sequence[str], width: int) -> list[int]:
    if isinstance(selected, slice):
        return list(range(width))[selected]
    chosen = np.atleast_1d(np.asarray(selected))
    if chosen.dtype == bool:
        return np.flatnonzero(chosen).tolist()
    return [list(names).index(c) if isinstance(c, str) else int(c) % width for c in chosen.tolist()]


def _column(b: GraphBuilder, t: Any, x: Value) -> Value:
    names = getattr(t, "feature_names_in_", [])
    parts = []
    for _, transformer, selected in t.transformers_:
        columns = _columns(selected, names, x.width)
        if columns and not (isinstance(transformer, str) and transformer == "drop"):
            parts.append(add_sklearn(b, transformer, b.select(x, columns)))
    return b.concat(*parts)


def _pipeline(b: GraphBuilder, t: Any, x: Value) -> Value:
    for _, step in t.steps:
        x = add_sklearn(b, step, x)
    return x


def _union(b: GraphBuilder, t: Any, x: Value) -> Value:
    return b.concat(*(add_sklearn(b, step, x) for _, step in t.transformer_list))


def _linear(b: GraphBuilder, t: Any, x: Value) -> Value:
    coefficients = np.atleast_2d(t.coef_)
    return b.dense(x, coefficients.T, np.broadcast_to(t.intercept_, len(coefficients)))


_ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid", "softmax": "softmax"}


def _perceptron(b: GraphBuilder, t: Any, x: Value) -> Value:
    for weight, bias in zip(t.coefs_[:-1], t.intercepts_[:-1], strict=True):
        x = b.dense(x, weight, bias)
        x = x if t.activation == "identity" else b.add(_ACTIVATIONS[t.activation], x)
    x = b.dense(x, t.coefs_[-1], t.intercepts_[-1])
    if t.out_activation_ == "logistic" and len(t.classes_) == 2 and x.width == 1:
        return probabilities(b, x)
    return x if t.out_activation_ == "identity" else b.add(_ACTIVATIONS[t.out_activation_], x)


_STEPS: dict[str, Step] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": lambda b, t, x: _affine(b, x, 1 / t.scale_, 0),
    "RobustScaler": _robust,
    "QuantileTransformer": _quantile,
    "PowerTransformer": _power,
    "FunctionTransformer": _function,
    "ColumnTransformer": _column,
    "Pipeline": _pipeline,
    "FeatureUnion": _union,
    "LinearRegression": _linear,
    "Ridge": _linear,
    "LogisticRegression": lambda b, t, x: probabilities(b, _linear(b, t, x)),
    "MLPRegressor": _perceptron,
    "MLPClassifier": _perceptron,
    **dict.fromkeys(SKLEARN_TREES, add_trees),
    **dict.fromkeys(BOOSTERS, add_booster),
}


def add_sklearn(builder: GraphBuilder, estimator: Any, x: Value) -> Value:
    """Append a fitted estimator: what ``transform``, ``predict`` of a regressor, or ``predict_proba`` give.

    Raises
    ------
    ModelError
        If the estimator is of a kind, or has a setting, that cannot be imported, or is not fitted.
    """
    if isinstance(estimator, str) and estimator == "passthrough":
        return x
    kind = type(estimator).__name__
    if kind not in _STEPS:
        known = ", ".join(near_misses(kind, _STEPS) or sorted(_STEPS))
        raise ModelError(f"scikit-learn's {kind} cannot be imported; these can: {known}")
    try:
        return _STEPS[kind](builder, estimator, x)
    except AttributeError as error:
        raise ModelError(f"{kind} must be fitted before it is imported ({error})") from error


def _booster_width(booster: Any) -> int:
    return int(booster.num_feature() if hasattr(booster, "num_feature") else booster.num_features())


def import_sklearn(estimator: Any) -> Graph:
    """Return a fitted estimator as a graph of its input columns ``x``."""
    try:
        booster = type(estimator).__name__ == "Booster"
        width = _booster_width(estimator) if booster else int(estimator.n_features_in_)
    except AttributeError as error:
        raise ModelError(f"{type(estimator).__name__} must be fitted before it is imported") from error
    builder = GraphBuilder(x=width)
    x = builder.input("x")
    y = add_sklearn(builder, estimator, x)
    return builder.finish(_affine(builder, y, 1, 0) if y == x else y)

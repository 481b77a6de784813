"""The errors that kernels/functions.h states, measured on float32 from the whole range."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from transpile_graphs import model_of

from lamarr.transpile import OPERATORS, GraphBuilder
from lamarr.transpile.c import CompiledModel, compile_models, emit
from lamarr.transpile.c.cache import build_cached
from lamarr.transpile.c.compiler import levels_of_target

# function: largest error in ulp, and from where on (below, results are subnormal or cancel)
STATED = {
    "exp": (1.0, -87.3),
    "log": (0.9, -np.inf),
    "tanh": (1.9, -np.inf),
    "sinh": (3.6, -np.inf),
    "asinh": (2.1, -np.inf),
    "sigmoid": (2.5, -87.0),
    "silu": (2.2, -87.0),
    "softplus": (1.8, -87.3),
    "elu": (1.5, -np.inf),
    "selu": (2.0, -np.inf),
    "normal_quantile": (5.0, 0.0),
}
# function: largest absolute error, for |x| < 10
ABSOLUTE = {"normal_cdf": 1.5e-07, "gelu": 8.2e-07}
SAMPLE = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(np.float32)


def exactly(op: str, x: np.ndarray) -> np.ndarray:
    """Value in float64; the operators themselves know the normal distribution to float32 alone."""
    special = pytest.importorskip("scipy.special") if op in ("normal_quantile", *ABSOLUTE) else None
    with np.errstate(all="ignore"):
        if op == "normal_quantile":
            return np.where((x > 0) & (x < 1), special.ndtri(x), np.nan)
        if special:
            return special.ndtr(x) * (x if op == "gelu" else 1)
        return OPERATORS[op].apply([x[:, None]], {}, {})[:, 0]


def ulp(y: np.ndarray) -> np.ndarray:
    return 2.0 ** np.maximum(np.floor(np.log2(np.maximum(np.abs(y), 2.0**-149))) - 23, -149)


@pytest.fixture(scope="module")
def functions() -> dict[str, CompiledModel]:
    models = []
    for op in (*STATED, *ABSOLUTE):
        b = GraphBuilder(x=1)
        models.append(model_of(b.finish(b.add(op, b.input("x"))), f"f_{op}"))
    levels = levels_of_target()[:2]
    library = build_cached(emit(models, "functions", levels=levels), levels=levels)
    return {op: CompiledModel(library, f"f_{op}") for op in (*STATED, *ABSOLUTE)}


@pytest.mark.parametrize("op", STATED)
def test_error_is_as_stated(functions: dict[str, CompiledModel], op: str) -> None:
    limit, low = STATED[op]
    x = SAMPLE[np.isfinite(SAMPLE) & (low <= SAMPLE)]
    if op == "normal_quantile":
        x = x[(x > 0) & (x < 1)]
    with np.errstate(all="ignore"):
        exact = exactly(op, x.astype(np.float64))
        finite = np.isfinite(exact.astype(np.float32))
    got = functions[op](x[:, None])[:, 0]
    assert (np.isfinite(got) == finite).all()
    error = np.abs(got[finite] - exact[finite]) / ulp(exact[finite])
    assert error.max() <= limit, (x[finite][error.argmax()], error.max())
    assert error.max() > limit - 0.8  # the statement is no wild guess


def test_tanh_of_residual_layers() -> None:
    """What is added to 0 is the function itself."""
    b = GraphBuilder(x=2)
    zero, x = b.select(b.input("x"), [0]), b.select(b.input("x"), [1])
    compiled = compile_models([model_of(b.finish(b.add("add", zero, b.add("tanh", x))), "residual")])[
        "residual"
    ]
    x = SAMPLE[np.isfinite(SAMPLE)]
    got, exact = compiled(np.stack([0 * x, x], axis=1))[:, 0], np.tanh(x.astype(np.float64))
    error = np.abs(got - exact) / ulp(exact)
    assert 3.4 < error.max() <= 4.2
    assert np.abs(got).max() == 1


@pytest.mark.parametrize("op", ABSOLUTE)
def test_absolute_error_is_as_stated(functions: dict[str, CompiledModel], op: str) -> None:
    x = SAMPLE[np.abs(SAMPLE) < 10]
    error = np.abs(functions[op](x[:, None])[:, 0] - exactly(op, x.astype(np.float64))).max()
    assert 0.5 * ABSOLUTE[op] < error <= ABSOLUTE[op]


@pytest.mark.parametrize("op", [*STATED, "normal_cdf"])
def test_special_values_are_numpys(functions: dict[str, CompiledModel], op: str) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1e-45, -1e-45, 3.4e38, -3.4e38], np.float32)[
        :, None
    ]
    with np.errstate(all="ignore"):
        expected = OPERATORS[op].apply([x], {}, {})
    if op == "silu":
        expected[3] = 0.0  # numpy has −inf · 0 there
    np.testing.assert_allclose(functions[op](x), expected, rtol=1e-6, atol=2e-36)


def test_the_header_states_these_errors() -> None:
    text = resources.files("lamarr.transpile.c").joinpath("kernels", "functions.h").read_text()
    for op, (limit, _) in STATED.items():
        assert f"{op} {limit}" in text or f"scaled) {limit}" in text
    assert all(f"{op} {limit}" in text for op, limit in ABSOLUTE.items())

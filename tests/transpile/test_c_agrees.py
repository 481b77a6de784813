"""Compiled C against the numpy interpreter, on random graphs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from transpile_graphs import OPS, RandomGraph, chooses, graphs, inputs_of, model_of, spread_and_rounding

from lamarr.transpile import OPERATORS, Graph, evaluate
from lamarr.transpile.c import CompiledModel, emit
from lamarr.transpile.c.cache import build_cached
from lamarr.transpile.c.compiler import levels_of_target
from lamarr.transpile.c.operations import OPERATIONS

LEVELS = levels_of_target()


def run_all(models: list, levels: tuple[str, ...]) -> list[CompiledModel]:
    library = build_cached(emit(models, "graphs", levels=levels), levels=levels)
    return [CompiledModel(library, m.name) for m in models]


def check(graph: Graph, compiled: CompiledModel, rows: int = 1000, within: float = 3) -> None:
    """≤ 2e-6 of the spread, or as close to float64 as the interpreter is (`within` so many times).

    A constant column has its size for a spread. Where `pick`, trees or a count choose, rounding may choose
    otherwise in a row or two.
    """
    inputs = inputs_of(graph, rows)
    got = compiled(*inputs.values()).astype(np.float64)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, **inputs).astype(np.float64)
        exact = evaluate(graph, dtype=np.float64, **inputs)
    assert np.isfinite(expected).all()
    spread, rounding = spread_and_rounding(graph, expected, exact)
    near = np.abs(got - expected) <= 2e-6 * spread
    near |= np.abs(got - exact) <= np.maximum(within * rounding, 1e-7 * spread)
    bad = ~near.all(axis=1)
    assert bad.sum() <= 2 * chooses(graph), (
        np.abs(got - expected).max(axis=0),
        spread,
        [n.op for n in graph.nodes],
    )


def test_every_operator_has_c() -> None:
    assert set(OPERATORS) == set(OPERATIONS)
    assert set(OPS) == set(OPERATIONS)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(graphs(), min_size=8, max_size=8))
def test_c_agrees_with_the_interpreter(drawn: list[Graph]) -> None:
    models = [model_of(g, f"m{i}") for i, g in enumerate(drawn)]
    for graph, compiled in zip(drawn, run_all(models, LEVELS[:2][-1:]), strict=True):
        check(graph, compiled)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(graphs(), min_size=20, max_size=20))
def test_five_hundred_graphs(drawn: list[Graph]) -> None:
    models = [model_of(g, f"m{i}") for i, g in enumerate(drawn)]
    for level in [v for v in LEVELS if v != "x86_64_v4"]:
        for graph, compiled in zip(drawn, run_all(models, (level,)), strict=True):
            check(graph, compiled)


@pytest.fixture(scope="module")
def all_operators() -> list[Graph]:
    """One graph for each operator, behind a dense layer, and one that has them all."""
    grown = []
    for seed, ops in enumerate([*((op,) for op in OPS), OPS]):
        growing = RandomGraph(seed, 5, noise=True)
        for op in ["dense", *ops]:
            growing.step(op)
        grown.append(growing.finish())
    return grown


@pytest.fixture(
    scope="module", params=[LEVELS[:2][-1:], pytest.param(LEVELS[:1], marks=pytest.mark.slow)], ids="+".join
)
def compiled_operators(request: pytest.FixtureRequest, all_operators: list[Graph]) -> list[CompiledModel]:
    return run_all([model_of(g, f"m{i}") for i, g in enumerate(all_operators)], request.param)


def test_each_operator_agrees(all_operators: list[Graph], compiled_operators: list[CompiledModel]) -> None:
    for graph, compiled in zip(all_operators, compiled_operators, strict=True):
        check(graph, compiled)


def test_rows_do_not_depend_on_the_batch(
    all_operators: list[Graph], compiled_operators: list[CompiledModel]
) -> None:
    for graph, compiled in zip(all_operators, compiled_operators, strict=True):
        inputs = list(inputs_of(graph, 120).values())
        whole = compiled(*inputs)
        for n in (1, 2, 3, 7, 8, 9, 23, 24, 25, 49, 100):
            assert (compiled(*(a[:n] for a in inputs)) == whole[:n]).all()
        assert (compiled(*(a[57:] for a in inputs)) == whole[57:]).all()


def test_nan_stays_in_its_row(all_operators: list[Graph], compiled_operators: list[CompiledModel]) -> None:
    for graph, compiled in zip(all_operators, compiled_operators, strict=True):
        inputs = list(inputs_of(graph, 30).values())
        whole = compiled(*inputs)
        for array in inputs:
            array[11] = np.nan
        spoilt = compiled(*inputs)
        others = np.arange(30) != 11
        assert np.isnan(spoilt[11]).all()
        assert (spoilt[others] == whole[others]).all()


def test_finite_inputs_give_no_nan(compiled_operators: list[CompiledModel]) -> None:
    extreme = np.array([0.0, -0.0, 1e-45, -1e-38, 1e10, -1e10, 4.0, -4.0], np.float32)
    for compiled in compiled_operators:
        x, noise = (np.tile(extreme[:, None], n) for n in (len(compiled.inputs), compiled.n_noise))
        assert not np.isnan(compiled(x, noise)).any(), compiled.name

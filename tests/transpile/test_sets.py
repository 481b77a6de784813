"""Operators on sets against loops over what is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transpile_graphs import model_of

from lamarr.errors import ModelError
from lamarr.transpile import Graph, GraphBuilder, evaluate
from lamarr.transpile.c import compile_models

MOST, KEYS, D, HEADS = 7, 5, 6, 2
DH = D // HEADS


def attention_graph(causal: bool = False) -> Graph:
    b = GraphBuilder(x=MOST * D + KEYS * 2 * D + 2)
    x = b.input("x")
    count, n = b.select(x, [x.width - 2]), b.select(x, [x.width - 1])
    q = b.objects(b.select(x, range(MOST * D)), count, MOST)
    kv = b.objects(b.select(x, range(MOST * D, x.width - 2)), n, KEYS)
    k, v = b.select(kv, range(D)), b.select(kv, range(D, 2 * D))
    y = b.add("attention", q, k, v, n, attributes={"heads": HEADS, "causal": causal})
    return b.finish(b.add("flatten", y, count, attributes={"max": MOST}))


def by_hand(x: np.ndarray, causal: bool) -> np.ndarray:
    row = x.astype(float)
    count, n = (int(np.ceil(np.clip(row[i], 0, m) - 0.5)) for i, m in ((-2, MOST), (-1, KEYS)))
    q, kv = row[: MOST * D].reshape(MOST, D), row[MOST * D : -2].reshape(KEYS, 2 * D)
    y = np.zeros((MOST, D))
    for o in range(count):
        for h in range(HEADS):
            at = slice(h * DH, (h + 1) * DH)
            seen = range(min(n, o + 1) if causal else n)
            weight = np.array([np.exp(q[o, at] @ kv[j, at] / DH**0.5) for j in seen])
            for j, w in zip(seen, weight / weight.sum(), strict=True):
                y[o, at] += w * kv[j, D:][at]
    return y.ravel()


@pytest.mark.parametrize("causal", [False, True])
@given(seed=st.integers(0, 1000), count=st.floats(-1, MOST + 1), n=st.floats(-1, KEYS + 1))
def test_attention_is_the_sum_over_what_is_there(causal: bool, seed: int, count: float, n: float) -> None:
    graph = attention_graph(causal)
    x = np.random.default_rng(seed).normal(size=(1, graph.inputs["x"])).astype(np.float32)
    x[0, -2:] = count, n
    np.testing.assert_allclose(evaluate(graph, x=x)[0], by_hand(x[0], causal), atol=1e-5)


def full(seed: int, rows: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, attention_graph().inputs["x"])).astype(np.float32)
    x[:, -2:] = rng.integers(0, 8, (rows, 2))
    return x


def test_what_is_beyond_the_count_is_never_looked_at() -> None:
    graph, x = attention_graph(), full(1)
    spoilt = x.copy()
    for row in spoilt:
        row[int(row[-2]) * D : MOST * D] = np.nan
        row[MOST * D + int(row[-1]) * 2 * D : -2] = np.nan
    compiled = compile_models([model_of(graph)])["model"]
    for run in (lambda a: evaluate(graph, x=a), compiled):
        clean = run(x)
        assert np.isfinite(clean).all()
        assert (run(spoilt) == clean).all()


def test_order_of_keys_does_not_matter() -> None:
    graph, x = attention_graph(), full(2)
    x[:, -1] = KEYS
    turned = x.copy()
    keys = turned[:, MOST * D : -2].reshape(len(x), KEYS, 2 * D)
    turned[:, MOST * D : -2] = keys[:, ::-1].reshape(len(x), -1)
    np.testing.assert_allclose(evaluate(graph, x=turned), evaluate(graph, x=x), atol=1e-6)


@pytest.mark.parametrize("kind", ["sum", "mean", "max"])
def test_pools_of_nothing_are_zero_and_a_missing_count_spoils_its_row(kind: str) -> None:
    b = GraphBuilder(x=7)
    x = b.input("x")
    count = b.select(x, [6])
    objects = b.objects(b.select(x, range(6)), count, 3)
    graph = b.finish(b.add("pool", objects, count, attributes={"kind": kind}))
    rows = np.array([[1, -2, 3, -4, 9, 9, n] for n in (0, -3, np.nan, 1, 2)], np.float32)
    expected = {"sum": [4, -6], "mean": [2, -3], "max": [3, -2]}[kind]
    for y in (evaluate(graph, x=rows), compile_models([model_of(graph)])["model"](rows)):
        assert (y[:2] == 0).all()
        assert np.isnan(y[2]).all()
        assert y[3:].tolist() == [[1, -2], expected]


def bad(change: str) -> None:
    b = GraphBuilder(x=8, y=1)
    count, other = b.select(b.input("x"), [0]), b.input("y")
    objects = b.objects(b.input("x"), count, 4)
    {
        "mixed": lambda: b.finish(b.add("add", objects, count)),
        "other": lambda: b.finish(b.add("pool", objects, other, attributes={"kind": "sum"})),
        "rows": lambda: b.finish(b.add("pool", count, other, attributes={"kind": "sum"})),
        "max": lambda: b.finish(b.add("flatten", objects, count, attributes={"max": 5})),
        "objects": lambda: b.finish(objects),
        "twice": lambda: b.finish(b.objects(objects, count, 2)),
        "columns": lambda: b.objects(b.input("x"), count, 3),
        "heads": lambda: b.add("attention", objects, objects, objects, count, attributes={"heads": 4}),
        "kind": lambda: b.add("pool", objects, count, attributes={"kind": "median"}),
    }[change]()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("mixed", "values of the same objects"),
        ("other", "objects and their count"),
        ("rows", "objects and their count"),
        ("max", "must have max = 4"),
        ("objects", "'pool' or 'flatten' them"),
        ("twice", "makes objects of rows"),
        ("columns", "a multiple of max = 3"),
        ("heads", "with 4 heads"),
        ("kind", "sum, mean, max"),
    ],
)
def test_graphs_that_do_not_fit_are_refused(change: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        bad(change)


def test_more_objects_than_c_has_room_for() -> None:
    b = GraphBuilder(x=300)
    count = b.select(b.input("x"), [0])
    objects = b.objects(b.input("x"), count, 300)
    graph = b.finish(b.add("pool", objects, count, attributes={"kind": "sum"}))
    with pytest.raises(ModelError, match="use the numpy back end"):
        compile_models([model_of(graph)])

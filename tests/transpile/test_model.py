"""Graphs, the interpreter and model files: what is refused, and what must not depend on company."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr.errors import ModelError
from lamarr.transpile import Graph, GraphBuilder, Model, Node, evaluate, load_model

PAIRS = [(a, b) for b in range(5) for a in range(b)]


def graph(seed=0, width=24):
    rng = np.random.default_rng(seed)
    b = GraphBuilder(x=3, noise=2)
    h = b.concat(b.input("x"), b.input("noise"))
    for i, activation in enumerate(("silu", "tanh", "leaky_relu")):
        size = 5 if i == 0 else width
        y = b.add(activation, b.dense(h, rng.normal(0, 0.5, (size, width)), rng.normal(size=width)))
        h = b.add("add", h, y) if i else y
    raw = b.dense(h, rng.normal(0, 0.5, (width, 2 * 9)), np.zeros(18))
    return b.finish(b.add("spline", b.input("noise"), raw, attributes={"bins": 5, "bound": 4.0}))


def model(**changes):
    declared = {
        "name": "some",
        "inputs": ("a", "b", "c"),
        "outputs": ("u", "v"),
        "n_noise": 2,
        "ranges": {"a": (-1.0, 1.0)},
        "graph": graph(),
        "card": {"title": "a test"},
    }
    return Model(**{**declared, **changes})


def rows(n, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)).astype(np.float32), rng.normal(size=(n, 2)).astype(np.float32)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000), n=st.integers(1, 900))
def test_the_bits_of_a_row_do_not_depend_on_its_company(seed, n):
    x, noise = rows(900, seed)
    whole = evaluate(graph(), x=x, noise=noise)
    order = np.random.default_rng(seed).permutation(900)[:n]
    assert np.array_equal(evaluate(graph(), x=x[order], noise=noise[order]), whole[order])


def test_nan_stays_in_its_row():
    x, noise = rows(100)
    expected = evaluate(graph(), x=x, noise=noise)
    x[17, 1] = np.nan
    y = evaluate(graph(), x=x, noise=noise)
    assert np.isnan(y[17]).any()
    assert np.array_equal(np.delete(y, 17, axis=0), np.delete(expected, 17, axis=0))


def test_float32_is_as_close_to_float64_as_its_rounding():
    x, noise = rows(2000)
    single, double = (evaluate(graph(), dtype=t, x=x, noise=noise) for t in (np.float32, np.float64))
    assert np.abs(single - double).max() < 3e-5


def test_no_rows_give_no_rows():
    x, noise = rows(0)
    assert model()(x, noise).shape == (0, 2)


def test_a_saved_model_is_the_same_model(tmp_path):
    x, noise = rows(500)
    model().save(tmp_path)
    again = load_model(tmp_path, "some")
    assert np.array_equal(again(x, noise), model()(x, noise))
    assert (again.inputs, again.outputs, again.ranges) == (model().inputs, model().outputs, model().ranges)
    assert again.card["title"] == "a test"
    assert (tmp_path / "some.json").read_bytes() == load_model(tmp_path, "some").save(tmp_path).read_bytes()


def edited(tmp_path, change):
    model().save(tmp_path)
    card = json.loads((tmp_path / "some.json").read_text())
    change(card)
    (tmp_path / "some.json").write_text(json.dumps(card))
    return tmp_path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(card_version=99), "version 99.*update lamarr"),
        (lambda c: c.pop("inputs"), "malformed"),
        (lambda c: c["weights"].update(sha256="0" * 64), "damaged or belongs to another card"),
        (lambda c: c["weights"].update(file="none.safetensors"), "do not exist"),
        (lambda c: c.update(outputs=["u"]), "declares inputs"),
        (
            lambda c: c["graph"]["nodes"][1].update(op="tahn"),
            "no operator is called 'tahn'; near misses: tanh",
        ),
        (lambda c: c["graph"]["nodes"][1].update(width=7), "must have width"),
        (lambda c: c["graph"]["nodes"][1].pop("output"), "malformed"),
    ],
)
def test_damaged_cards_are_refused_with_a_reason(tmp_path, change, words):
    with pytest.raises(ModelError, match=words):
        load_model(edited(tmp_path, change), "some")


def test_damaged_files_are_refused_with_a_reason(tmp_path):
    model().save(tmp_path)
    weights = tmp_path / "some.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="SHA-256"):
        load_model(tmp_path, "some")
    (tmp_path / "some.json").write_text("{")
    with pytest.raises(ModelError, match="malformed"):
        load_model(tmp_path, "some")
    with pytest.raises(ModelError, match=r"no model 'sme'.*some"):
        load_model(tmp_path, "sme")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((3, 2))}, "takes the inputs"),
        ({"x": np.zeros((3, 2)), "noise": np.zeros((3, 2))}, "'x' must have 3 columns"),
        ({"x": np.zeros((3, 3)), "noise": np.zeros((2, 2))}, "equal numbers of rows"),
    ],
)
def test_wrong_arrays_are_refused(arrays, words):
    with pytest.raises(ModelError, match=words):
        evaluate(graph(), **arrays)


def test_graphs_that_do_not_fit_are_refused():
    b = GraphBuilder(x=3)
    with pytest.raises(ModelError, match="'dense' on width"):
        b.dense(b.input("x"), np.zeros((2, 1)), np.zeros(1))
    with pytest.raises(ModelError, match="'select' of columns"):
        b.select(b.input("x"), [3])
    with pytest.raises(ModelError, match="increase strictly"):
        b.add("interpolate", b.input("x"), x=np.zeros((3, 4)), y=np.zeros((3, 4)))
    node = Node(op="tanh", inputs=("y",), output="z", width=3)
    with pytest.raises(ModelError, match="which nothing before it gives"):
        Graph(inputs={"x": 3}, output="z", nodes=(node,), constants={})


def partial_correlations(seed, n=200):
    return np.tanh(3 * np.random.default_rng(seed).normal(size=(n, 10))).astype(np.float32)


@given(seed=st.integers(0, 10_000))
def test_any_partial_correlations_give_a_correlation_matrix(seed):
    b = GraphBuilder(x=10)
    g = b.finish(b.add("vine", b.input("x"), attributes={"dimension": 5}))
    y = evaluate(g, x=partial_correlations(seed)).astype(float)
    matrix = np.tile(np.eye(5), (len(y), 1, 1))
    for k, (i, j) in enumerate(PAIRS):
        matrix[:, i, j] = matrix[:, j, i] = (1 - 1e-4) * y[:, k]
    assert np.linalg.eigvalsh(matrix).min() > 0


@given(seed=st.integers(0, 10_000), categories=st.integers(1, 6), width=st.integers(1, 3))
def test_pick_takes_the_category_whose_share_holds_the_number(seed, categories, width):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(categories), 50).astype(np.float32)
    u = rng.random((50, 1)).astype(np.float32)
    v = rng.normal(size=(50, categories * width)).astype(np.float32)
    b = GraphBuilder(p=categories, u=1, v=categories * width)
    y = evaluate(b.finish(b.add("pick", b.input("p"), b.input("u"), b.input("v"))), p=p, u=u, v=v)
    for row in range(50):
        total = np.cumsum(p[row], dtype=np.float32)
        k = next((i for i in range(categories - 1) if u[row, 0] < total[i]), categories - 1)
        assert np.array_equal(y[row], v[row, k * width : (k + 1) * width])

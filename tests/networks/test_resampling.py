"""Resampling: what is chosen follows the ratio; what does not depend on noise is computed once."""

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from lamarr.errors import ModelError
from lamarr.networks.resampling import Ratio, resampled, without_copies
from lamarr.transpile import GraphBuilder, Model, evaluate


def shifted_gaussian():
    """y = h(x) + noise, h one dense layer that does not depend on noise."""
    b = GraphBuilder(x=1, noise=1)
    h = b.dense(b.input("x"), [[2.0]], [1.0])
    return b.finish(b.add("add", h, b.input("noise"))), h.name


def linear_ratio(slope):
    """log r = slope × y + constant: silu is the identity far from 0."""
    ratio = Ratio(1, 1, 1)
    with torch.no_grad():
        for p in ratio.parameters():
            p.zero_()
        ratio.values.weight.fill_(1.0)
        ratio.context.bias.fill_(40.0)
        ratio.hidden.bias.fill_(-60.0)
        ratio.out.weight.fill_(slope)
    return ratio


def drawn(slope, candidates, n=400_000):
    graph, context = shifted_gaussian()
    chosen = resampled(graph, linear_ratio(slope), candidates, context, [graph.output])
    noise = np.random.default_rng(1).normal(size=(n, candidates + 1)).astype(np.float32)
    return evaluate(chosen, x=np.zeros((n, 1), np.float32), noise=noise)[:, 0] - 1.0


@pytest.mark.parametrize("candidates", [2, 3, 5])
def test_to_first_order_the_choice_follows_the_density(candidates):
    # p ∝ exp(εy) N(y; 0, 1) = N(y; ε, 1)
    y = drawn(0.1, candidates)
    assert y.mean() == pytest.approx(0.1, abs=0.006)
    assert y.std() == pytest.approx(1.0, abs=0.012)  # differs in second order


@pytest.mark.parametrize("candidates", [2, 4])
def test_an_infinite_ratio_takes_the_largest(candidates):
    assert (drawn(50.0, candidates) > 0).mean() == pytest.approx(1 - 0.5**candidates, abs=0.01)


def test_without_a_preference_nothing_changes():
    y = drawn(0.0, 3)
    assert (y.mean(), y.std()) == (pytest.approx(0, abs=0.006), pytest.approx(1, abs=0.006))


def test_what_knows_no_noise_is_there_once_and_weights_are_not_repeated():
    b = GraphBuilder(x=1, noise=4)
    h = b.dense(b.input("x"), np.ones((1, 7)), np.zeros(7))
    own = b.dense(b.input("noise"), np.arange(28.0).reshape(4, 7), np.zeros(7))
    graph = b.finish(b.add("add", h, own))
    chosen = resampled(graph, Ratio(7, 7, 3), 5, h.name, [graph.output])
    weights = [n.constants["weight"] for n in chosen.nodes if n.op == "dense"]
    shapes = [chosen.constants[w].shape for w in weights]
    assert shapes.count((1, 7)) == 1
    assert shapes.count((4, 7)) == 5
    assert len({w for w in weights if chosen.constants[w].shape == (4, 7)}) == 1
    again = without_copies(chosen)
    assert dict(again.constants).keys() == dict(chosen.constants).keys()


def test_a_context_that_depends_on_noise_is_refused():
    graph, _ = shifted_gaussian()
    with pytest.raises(ModelError, match="must be a value that does not depend on noise"):
        resampled(graph, Ratio(1, 1, 2), 2, graph.output, [graph.output])


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_compiled_model_chooses_the_same():
    graph, context = shifted_gaussian()
    graph = resampled(graph, linear_ratio(1.0), 3, context, [graph.output])
    model = Model(name="m", inputs=("x",), outputs=("y",), n_noise=4, ranges={}, graph=graph, card={})
    rng = np.random.default_rng(2)
    x, noise = (rng.normal(size=(5000, w)).astype(np.float32) for w in (1, 4))
    np.testing.assert_allclose(model.compiled("c")(x, noise), model(x, noise), atol=1e-5)

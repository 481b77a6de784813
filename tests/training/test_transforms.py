"""Transforms: inverted, stored, the same in the graph; fitted with weights; masses and integers exact."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr.errors import ConfigurationError, LamarrError, ModelError
from lamarr.training.scores import weighted_quantiles
from lamarr.training.transforms import (
    Chain,
    Decorrelation,
    Differences,
    Keep,
    Levels,
    Logit,
    Parallel,
    Scores,
    Standard,
    find_masses,
    fit_columns,
    load,
    recalibrated,
)
from lamarr.transpile import GraphBuilder, evaluate
from lamarr.transpile.special import normal_cdf


def likelihoods(n=4000, seed=1):
    """Skewed, correlated columns; the second one has masses at 0 and at 12 (of which 12 is its largest)."""
    rng = np.random.default_rng(seed)
    a = np.sinh(rng.normal(size=n)) * 3
    b = 0.7 * a + rng.exponential(2, n) - 1
    b = np.where(rng.random(n) < 0.3, 0.0, np.minimum(b, 12.0))
    return np.stack([a, b], axis=1).astype(np.float32)


def probabilities(n=4000, seed=2):
    rng = np.random.default_rng(seed)
    y = rng.beta(0.3, 0.5, (n, 2))
    y[rng.random((n, 2)) < 0.1] = 1.0
    y[rng.random((n, 2)) < 0.1] = 0.0
    return y.astype(np.float32)


def counts(n=4000, seed=3):
    rng = np.random.default_rng(seed)
    return np.stack([rng.poisson(4, n), rng.geometric(0.3, n)], axis=1).astype(np.float32)


def often_equal(n=4000, seed=4):
    """Two columns, equal in a third of the rows."""
    y = likelihoods(n, seed)
    equal = np.random.default_rng(seed).random(n) < 1 / 3
    y[equal, 1] = y[equal, 0]
    return y


def test_columns_that_are_often_equal_are_drawn_equal_as_often():
    y = often_equal()
    whole = fit_columns(y, ["a", "b"], differences={"b": "a"})
    b = GraphBuilder(z=2)
    graph = b.finish(whole.lower_inverse(b, b.input("z")))
    rng = np.random.default_rng(5)
    z = whole.forward(y, rng.random(y.shape))
    back = evaluate(graph, z=z[rng.permutation(len(z))].astype(np.float32))
    assert (back[:, 0] == back[:, 1]).mean() == (y[:, 0] == y[:, 1]).mean()
    with pytest.raises(LamarrError, match="near misses: a"):
        fit_columns(y, ["a", "b"], differences={"b": "aa"})
    with pytest.raises(ConfigurationError, match="not be of differences"):
        Differences(3, [(0, 1), (1, 2)])


def test_recalibrated_scores_have_the_distribution_of_the_sample_and_keep_its_masses():
    y = likelihoods(20_000)
    plain = fit_columns(y, ["a", "b"])
    rng = np.random.default_rng(6)
    true = plain.forward(y, rng.random(y.shape))
    # a model with tails that are too wide, and islands as they are
    wide = plain.forward(likelihoods(20_000, 7), rng.random(y.shape))
    drawn = np.where(np.abs(wide) < 4, 1.3 * wide + 0.1, wide)
    better = recalibrated(plain, drawn, true)
    before, after = (t.inverse(drawn) for t in (plain, better))
    for j in range(2):
        light = ~np.isin(y[:, j], (0, 12)) if j else np.ones(len(y), bool)
        for level in (0.001, 0.01, 0.5, 0.99, 0.999):
            x = np.quantile(y[light, j], level)
            found = [np.mean(z[~np.isin(z[:, j], (0, 12)) | (j == 0), j] < x) for z in (before, after)]
            assert found[1] == pytest.approx(level, abs=0.1 * min(level, 1 - level) + 1e-4)
            if level in (0.001, 0.999):
                assert abs(found[0] - level) > 0.002
    np.testing.assert_array_equal(after[:, 1] == 12, before[:, 1] == 12)
    np.testing.assert_array_equal(after[:, 1] == 0, before[:, 1] == 0)
    assert (np.diff(better.inverse(np.sort(drawn, axis=0))[:, 0]) >= 0).all()
    b = GraphBuilder(z=2)
    graph = evaluate(b.finish(better.lower_inverse(b, b.input("z"))), z=drawn.astype(np.float32))
    np.testing.assert_allclose(graph, after, rtol=1e-3, atol=1e-3)
    again = load(json.loads(json.dumps(better.to_json())))
    np.testing.assert_array_equal(again.inverse(drawn), after)


def test_weights_count_in_a_recalibration():
    rng = np.random.default_rng(8)
    y = rng.normal(size=(30_000, 1)).astype(np.float32)
    w = np.where(y[:, 0] > 0, 1.0, 0.25)
    scores = Scores.fit(y, w)
    true = scores.forward(y)
    better = recalibrated(scores, true + 0.5, true, w)
    np.testing.assert_allclose(
        better.inverse(true[np.abs(true[:, 0]) < 2] + 0.5)[:, 0], y[np.abs(true[:, 0]) < 2, 0], atol=0.02
    )


FACTORY = {
    "scores": lambda: (Scores.fit(likelihoods()), likelihoods()),
    "levels": lambda: (Levels.fit(counts()), counts()),
    "standard": lambda: (Standard.fit(likelihoods()), likelihoods()),
    "decorrelation": lambda: (Decorrelation.fit(likelihoods()), likelihoods()),
    "differences": lambda: (Differences(2, [(1, 0)]), likelihoods()),
    "logit": lambda: (Logit.fit(probabilities()), probabilities()),
    "keep": lambda: (Keep(2), likelihoods()),
    "chain": lambda: (
        Chain([Logit(2), Standard.fit(Logit(2).forward(probabilities()))]),
        probabilities(),
    ),
    "parallel": lambda: (
        Parallel([([1], Scores.fit(likelihoods()[:, [1]])), ([0], Standard.fit(likelihoods()[:, [0]]))]),
        likelihoods(),
    ),
    "columns": lambda: (
        fit_columns(likelihoods(), ["DLLk", "DLLp"], {"DLLk": "standard"}, decorrelate=True),
        likelihoods(),
    ),
}


@pytest.fixture(scope="module", params=FACTORY)
def case(request):
    return FACTORY[request.param]()


def graph_of(transform, inverse):
    b = GraphBuilder(x=transform.width)
    x = b.input("x")
    y = transform.lower_inverse(b, x) if inverse else transform.lower(b, x)
    one = np.ones(transform.width)
    return b.finish(b.add("affine", y, scale=one, shift=0 * one) if y == x else y)


def test_the_inverse_undoes_forward_with_and_without_spread(case):
    transform, x = case
    x = np.clip(x, *np.quantile(x, [0.002, 0.998], axis=0))
    u = np.random.default_rng(4).random(x.shape)
    for z in (transform.forward(x), transform.forward(x, u)):
        np.testing.assert_allclose(transform.inverse(z), x, atol=2e-5 * np.abs(x).max())


def test_the_graph_means_the_same(case):
    transform, x = case
    z = transform.forward(x)
    np.testing.assert_allclose(evaluate(graph_of(transform, False), x=x), z, atol=3e-4, rtol=1e-5)
    draws = z + np.random.default_rng(5).normal(0, 0.1, z.shape)
    away = np.abs(evaluate(graph_of(transform, True), x=draws) - transform.inverse(draws))
    assert np.quantile(away, 0.999) <= 2e-5 * np.abs(x).max()  # a draw on a step may fall to either side


def test_a_stored_transform_is_the_same_to_the_bit(case):
    transform, x = case
    again = load(json.loads(json.dumps(transform.to_json())))
    np.testing.assert_array_equal(again.forward(x), transform.forward(x))
    np.testing.assert_array_equal(again.inverse(x), transform.inverse(x))


def test_scores_of_the_continuum_are_normal_and_masses_come_back_exactly():
    x = likelihoods(50_000)
    scores = Scores.fit(x)
    assert scores.columns[1].masses == (0.0, 12.0)
    assert scores.columns[0].masses == ()
    z = scores.forward(x, np.random.default_rng(6).random(x.shape))
    continuum = z[(x[:, 1] != 0) & (x[:, 1] != 12), 1]
    levels = [-2, -1, 0, 1, 2]
    share = [(continuum < v).mean() for v in levels]
    np.testing.assert_allclose(share, normal_cdf(np.array(levels, float)), atol=0.01)
    back = evaluate(graph_of(scores, True), x=z)
    for mass in (0.0, 12.0):
        at = x[:, 1] == mass
        assert (back[at, 1] == np.float32(mass)).all()
        assert (back[~at, 1] != np.float32(mass)).all()


@given(seed=st.integers(0, 500), n=st.integers(1000, 3000), share=st.floats(0.1, 0.8), at=st.floats(-9, 9))
@settings(max_examples=40)
def test_a_mass_anywhere_is_found_and_restored(seed, n, share, at):
    rng = np.random.default_rng(seed)
    at = np.float32(at)
    x = np.where(rng.random(n) < share, at, rng.standard_t(3, n)).astype(np.float32)[:, None]
    assert find_masses(x[:, 0]) == [at]
    scores = Scores.fit(x)
    there = x[:, 0] == at
    back = evaluate(graph_of(scores, True), x=evaluate(graph_of(scores, False), x=x))[:, 0]
    assert (back[there] == at).all()
    assert (np.abs(back[~there] - x[~there, 0]) < 2e-3 * np.ptp(x)).all()


def test_integers_are_not_masses_and_come_back_as_integers():
    x = counts(20_000)
    assert find_masses(x[:, 0]) == []
    levels = Levels.fit(x)
    z = levels.forward(x, np.random.default_rng(7).random(x.shape))
    assert abs((z < 0).mean() - 0.5) < 0.01
    draws = np.random.default_rng(8).normal(size=(20_000, 2))
    back = evaluate(graph_of(levels, True), x=draws)
    assert (back == np.round(back)).mean() > 0.9999
    for j in range(2):
        for v in range(1, 6):
            assert (back[:, j] == v).mean() == pytest.approx((x[:, j] == v).mean(), abs=0.015)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_weights_act_like_copies_of_rows(seed):
    rng = np.random.default_rng(seed)
    x, copies = rng.normal(size=400), rng.integers(1, 4, 400)
    levels = np.linspace(0.05, 0.95, 7)
    weighted = weighted_quantiles(x, copies.astype(float), levels)
    repeated = np.quantile(np.repeat(x, copies), levels)
    np.testing.assert_allclose(weighted, repeated, atol=0.15)
    a = Standard.fit(x[:, None], copies)
    b = Standard.fit(np.repeat(x, copies)[:, None])
    np.testing.assert_allclose([a.mean, a.sigma], [b.mean, b.sigma], rtol=1e-9)


def test_negative_weights_subtract_a_background():
    """sWeights: signal N(1, 1) with weight 1, background N(-3, 1) with weights that sum to zero."""
    rng = np.random.default_rng(9)
    signal, background = rng.normal(1, 1, 40_000), rng.normal(-3, 1, 40_000)
    weights = np.concatenate([np.ones(40_000), np.tile([1.0, -1.0], 20_000)])
    x = np.concatenate([signal, background])
    found = weighted_quantiles(x, weights, np.array([0.16, 0.5, 0.84]))
    np.testing.assert_allclose(found, [0.006, 1, 1.994], atol=0.08)
    scores = Scores.fit(x[:, None].astype(np.float32), weights)
    assert abs(float(scores.inverse(np.zeros((1, 1)))[0, 0]) - 1) < 0.06


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fit_columns(np.ones((50, 1)), ["p"], {"p": "score"}), "'p' .*vary"),
        (lambda: fit_columns(np.ones((50, 2)), ["p", "eta"], {"eta": "standard"}), "'eta' .*vary"),
        (lambda: fit_columns(np.full((50, 1), np.nan), ["p"]), "'p' must be finite"),
        (lambda: fit_columns(likelihoods(), ["DLLk", "DLLp"], {"DLLK": "score"}), "near misses: DLL"),
        (lambda: fit_columns(likelihoods(), ["a", "b"], {"a": "scores"}), "near misses: score"),
        (lambda: fit_columns(likelihoods(), ["a", "b"], {"b": "logit"}), r"'b'.*\[0, 1\]"),
        (lambda: Scores.fit(likelihoods(), np.zeros(4000)), "weights must sum"),
        (lambda: Standard.fit(likelihoods(), -np.ones(4000)), "weights must sum"),
        (lambda: Decorrelation.fit(np.repeat(likelihoods()[:, :1], 2, axis=1)), "linearly independent"),
        (lambda: Levels.fit(likelihoods(9000)), "4096"),
        (lambda: Logit(1, offset=0), "offset"),
        (lambda: Parallel([([0, 2], Keep(2))]), "once"),
    ],
)
def test_what_cannot_be_transformed_is_refused(make, words):
    with pytest.raises(LamarrError, match=words):
        make()


def test_a_stored_transform_of_an_unknown_kind_is_refused():
    with pytest.raises(ModelError, match="near misses: scores"):
        load({"kind": "score"})
    with pytest.raises(ModelError, match="malformed"):
        load({"kind": "standard"})


def test_declared_preprocessing_of_a_chain_needs_one_width():
    with pytest.raises(ConfigurationError, match="one width"):
        Chain([Keep(1), Keep(2)])

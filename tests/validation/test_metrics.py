"""Metrics: identity, disjointness, invariance, known cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

from lamarr.errors import ConfigurationError, UnknownNameError
from lamarr.validation.metrics import (
    chi2,
    classifier_auc,
    covariance_distance,
    coverage,
    cross_validated_auc,
    efficiency_difference,
    frechet,
    half_width,
    in_bins,
    kolmogorov,
    kolmogorov_measured,
    kolmogorov_noise,
    maximum_mean_discrepancy,
    measured,
    pull,
    sliced_wasserstein,
    standardised,
    tail_ratio,
    wasserstein,
    wasserstein_measured,
    weighted_quantile,
)

SAMPLES = {"seed": st.integers(0, 10_000), "n": st.integers(5, 300), "m": st.integers(5, 300)}


@given(**SAMPLES, ties=st.booleans())
def test_kolmogorov_is_that_of_scipy_and_invariant_under_monotone_maps(seed, n, m, ties):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(0.3, 1.2, m)
    if ties:
        a, b = np.round(a), np.round(b)
    expected = ks_2samp(a, b, method="asymp").statistic
    assert kolmogorov(a, b) == pytest.approx(expected, abs=1e-12)
    assert kolmogorov(np.arctan(a), np.arctan(b)) == pytest.approx(expected, abs=1e-12)
    assert kolmogorov(a, a) == pytest.approx(0, abs=1e-12)


@given(**SAMPLES, ties=st.booleans(), shift=st.floats(-10, 10))
def test_wasserstein_is_that_of_scipy_also_weighted_and_a_shift_is_its_size(seed, n, m, ties, shift):
    rng = np.random.default_rng(seed)
    a, b, wa, wb = rng.normal(size=n), rng.normal(0.3, 1.2, m), rng.random(n) + 0.1, rng.random(m) + 0.1
    if ties:
        a, b = np.round(a), np.round(b)
    assert wasserstein(a, b, wa, wb) == pytest.approx(wasserstein_distance(a, b, wa, wb), abs=1e-9)
    assert wasserstein(a + shift, a) == pytest.approx(abs(shift), abs=1e-9)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 50))
def test_integer_weights_mean_repeated_entries(seed, n):
    rng = np.random.default_rng(seed)
    a, b, w = rng.normal(size=n), rng.normal(size=n), rng.integers(1, 5, n)
    assert kolmogorov(a, b, w) == pytest.approx(kolmogorov(np.repeat(a, w), b), abs=1e-12)
    assert covariance_distance(np.stack([a, b], 1), np.stack([b, a], 1), w.astype(float)) == pytest.approx(
        covariance_distance(np.repeat(np.stack([a, b], 1), w, 0), np.stack([b, a], 1))
    )


def test_a_negative_weight_takes_an_entry_away():
    a, b = np.array([0.0, 1.0, 2.0, 5.0, 5.0]), np.array([0.0, 1.0, 2.0])
    assert kolmogorov(a, b, np.array([1.0, 1, 1, 1, -1])) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("distance", [kolmogorov, wasserstein])
def test_what_cannot_be_compared_is_refused(distance):
    with pytest.raises(ConfigurationError, match="got 0 and 3"):
        distance(np.empty(0), np.ones(3))
    with pytest.raises(ConfigurationError, match="1 entries do"):
        distance(np.array([0.0, np.nan]), np.ones(3))
    with pytest.raises(ConfigurationError, match="sum 0"):
        distance(np.ones(2), np.ones(3), np.array([1.0, -1.0]))


def test_the_noise_is_exceeded_in_one_case_of_twenty():
    rng = np.random.default_rng(1)
    over = [
        kolmogorov(rng.normal(size=400), rng.normal(size=600)) > kolmogorov_noise(400, 600)
        for _ in range(600)
    ]
    assert 0.02 < np.mean(over) < 0.08


def test_chi2_of_one_distribution_has_a_uniform_p_value_and_a_shift_is_found():
    rng = np.random.default_rng(4)
    edges = np.linspace(-3, 3, 21)
    p = [chi2(rng.normal(size=2000), rng.normal(size=3000), edges).p_value for _ in range(200)]
    assert kolmogorov(np.array(p), np.linspace(0, 1, 2001)) < 1.6 * 1.36 / np.sqrt(200)
    assert chi2(rng.normal(0.2, 1, 5000), rng.normal(size=5000), edges).p_value < 1e-6


def test_widths_quantiles_and_tails_of_a_gaussian():
    x = np.random.default_rng(2).normal(5, 3, 400_000)
    assert half_width(x) == pytest.approx(3, rel=0.01)
    assert half_width(x, np.ones(len(x))) == pytest.approx(half_width(x), rel=1e-4)
    assert weighted_quantile(x, np.array([0.5]), (x < 5).astype(float))[0] == pytest.approx(
        5 - 3 * 0.6745, abs=0.03
    )
    assert tail_ratio(x, x, 0.01) == pytest.approx(1, abs=0.01)
    assert tail_ratio(5 + 1.2 * (x - 5), x, -1e-2) > 2


def test_the_classifiers_find_what_is_there_and_nothing_else():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(8000, 3)), rng.normal(size=(8000, 3))
    moved = b + np.array([1.0, 0, 0])
    auc, error = classifier_auc(a, b)
    assert abs(auc - 0.5) < 4 * error
    best = 0.7602  # Φ(1/√2): the best possible for a shift of one sigma
    assert classifier_auc(a, moved)[0] == pytest.approx(best, abs=0.03)
    for name in ("trees", "perceptron"):
        auc, error = cross_validated_auc(a, b, classifier=name)
        assert abs(auc - 0.5) < 5 * error, name
        assert cross_validated_auc(a, moved, classifier=name)[0] == pytest.approx(best, abs=0.03), name
    with pytest.raises(UnknownNameError, match="trees"):
        cross_validated_auc(a, b, classifier="tree")


def test_weights_can_make_a_classifier_blind():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(6000, 1)), rng.normal(0.5, 1, (6000, 1))
    ratio = np.exp(0.5 * a[:, 0] - 0.125)  # density of b over that of a
    assert cross_validated_auc(a, b)[0] > 0.6
    assert cross_validated_auc(a, b, ratio)[0] == pytest.approx(0.5, abs=0.03)


def test_frechet_of_gaussians_is_the_formula():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(200_000, 2)), rng.normal(size=(200_000, 2)) * [2, 1] + [3, 0]
    assert frechet(a, b) == pytest.approx(9 + (2 - 1) ** 2, rel=0.02)  # |Δμ|² + Σ(σ_a − σ_b)²
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert frechet(a @ turn, b @ turn) == pytest.approx(frechet(a, b), rel=1e-6)


def test_distances_of_many_variables_vanish_for_alike_and_grow_with_shift():
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(3000, 4)), rng.normal(size=(3000, 4))
    for distance in (sliced_wasserstein, maximum_mean_discrepancy, frechet, covariance_distance):
        near, far, farther = (distance(a, b + s * np.array([1, 1, 0, 0])) for s in (0, 1, 2))
        if distance is not covariance_distance:
            assert near < 0.1 * far < 0.1 * farther
        assert near < 0.25
    assert covariance_distance(a, b * 2) > 1
    one = standardised(a, b * 7 + 3)[1]
    np.testing.assert_allclose([one.mean(), one.std()], [0, 1], atol=1e-9)


def test_coverage_knows_lost_and_invented_modes():
    rng = np.random.default_rng(8)
    two = np.concatenate([rng.normal(-5, 1, (1500, 2)), rng.normal(5, 1, (1500, 2))])
    again = np.concatenate([rng.normal(-5, 1, (1500, 2)), rng.normal(5, 1, (1500, 2))])
    same, lost, invented = coverage(again, two), coverage(again[:1500], two), coverage(again, two[:1500])
    assert min(same.precision, same.recall, same.coverage) > 0.9
    assert same.density == pytest.approx(1, abs=0.1)
    assert lost.precision > 0.9
    assert lost.coverage == pytest.approx(0.5, abs=0.05)
    assert invented.precision == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ConfigurationError, match="more than 5 rows"):
        coverage(two[:3], two)
    with pytest.raises(ConfigurationError, match="shapes"):
        coverage(two, two[:, :1])


def test_measured_distances_know_their_noise():
    rng = np.random.default_rng(9)
    a, b, c = rng.normal(size=5000), rng.normal(size=5000), rng.normal(0.2, 1, 5000)
    for function in (kolmogorov_measured, wasserstein_measured):
        alike, apart = function(a, b), function(a, c)
        assert alike.at_floor
        assert not apart.at_floor
        assert 0 < apart.error < 0.05
    assert kolmogorov_measured(a, c).value == pytest.approx(kolmogorov(a, c))
    general = measured(frechet, a[:, None], c[:, None], limit=2000)
    assert general.value == pytest.approx(0.04, abs=0.03)
    assert not general.at_floor


def test_efficiencies_in_bins_and_their_errors():
    rng = np.random.default_rng(10)
    bins = rng.integers(-1, 4, 40_000)
    passed = rng.random(40_000) < np.array([0.1, 0.5, 0.9, 0.99, 0.3])[bins]
    other = rng.random(40_000) < np.array([0.1, 0.5, 0.9, 0.99, 0.3])[bins]
    same = efficiency_difference(bins, passed, bins, other, 4)
    assert same.largest < 0.03
    assert 0.1 < same.chi2_per_bin < 4
    shifted = efficiency_difference(bins, passed, bins, other & (bins != 1), 4)
    assert shifted.largest == pytest.approx(0.5, abs=0.03)
    assert np.isnan(efficiency_difference(bins, passed, bins, other, 4, least=10**6).mean)


def test_pulls_and_cells():
    rng = np.random.default_rng(11)
    error = rng.uniform(1, 3, 100_000)
    p = pull(rng.normal(size=100_000) * error, error)
    assert p.width == pytest.approx(1, abs=0.02)
    assert abs(p.mean) < 0.02
    assert p.outliers < 1e-4
    cells, labels = in_bins(
        {"p": np.array([1.0, 3.0, 3.0]), "eta": np.array([2.5, 3.5, 9.0])},
        {"p": np.array([0, 2, 4]), "eta": np.array([2, 3, 5])},
    )
    assert cells.tolist() == [0, 3, -1]
    assert labels[3] == "p 2–4, eta 3–5"

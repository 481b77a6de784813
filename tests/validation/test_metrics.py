"""Metrics: identity, disjointness, invariance, known cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from lamarr.errors import ConfigurationError
from lamarr.validation.metrics import classifier_auc, half_width, kolmogorov, kolmogorov_noise


@given(seed=st.integers(0, 10_000), n=st.integers(5, 300), m=st.integers(5, 300), ties=st.booleans())
def test_kolmogorov_is_that_of_scipy_and_invariant_under_monotone_maps(seed, n, m, ties):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(0.3, 1.2, m)
    if ties:
        a, b = np.round(a), np.round(b)
    expected = ks_2samp(a, b, method="asymp").statistic
    assert kolmogorov(a, b) == pytest.approx(expected, abs=1e-12)
    assert kolmogorov(np.arctan(a), np.arctan(b)) == pytest.approx(expected, abs=1e-12)
    assert kolmogorov(a, a) == 0


def test_kolmogorov_without_entries_is_refused():
    with pytest.raises(ConfigurationError, match="got 0 and 3"):
        kolmogorov(np.empty(0), np.ones(3))


def test_the_noise_is_exceeded_in_one_case_of_twenty():
    rng = np.random.default_rng(1)
    over = [
        kolmogorov(rng.normal(size=400), rng.normal(size=600)) > kolmogorov_noise(400, 600)
        for _ in range(600)
    ]
    assert 0.02 < np.mean(over) < 0.08


def test_the_half_width_of_a_gaussian_is_its_sigma():
    assert half_width(np.random.default_rng(2).normal(5, 3, 400_000)) == pytest.approx(3, rel=0.01)


def test_the_classifier_finds_what_is_there_and_nothing_else():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(8000, 3)), rng.normal(size=(8000, 3))
    auc, error = classifier_auc(a, b)
    assert abs(auc - 0.5) < 4 * error
    shifted, _ = classifier_auc(a, b + np.array([1.0, 0, 0]))
    assert shifted == pytest.approx(0.7602, abs=0.03)  # Φ(1/√2): the best possible for a shift of one sigma

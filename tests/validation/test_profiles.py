"""Uncertainties against pseudo-experiments and analytic results."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.errors import ConfigurationError
from lamarr.validation.metrics import half_width
from lamarr.validation.profiles import efficiencies, half_width_error, median_error, widths, wilson


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential"])
@pytest.mark.parametrize(("statistic", "error"), [(half_width, half_width_error), (np.median, median_error)])
def test_errors_are_the_spread_of_repeated_samples(draw, statistic, error):
    samples = getattr(np.random.default_rng(1), draw)((800, 300))
    spread = np.std([statistic(s) for s in samples])
    assert np.mean([error(s) for s in samples]) == pytest.approx(spread, rel=0.12)


def test_errors_of_a_gaussian_are_the_analytic_ones():
    sample = np.random.default_rng(2).normal(3, 5, 200_000)
    unit = 5 / np.sqrt(len(sample))
    assert half_width_error(sample) == pytest.approx(0.962 * unit, rel=0.05)
    assert median_error(sample) == pytest.approx(1.2533 * unit, rel=0.05)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_inverts_the_score_test(counts):
    """The ends are the probabilities p from which k / n is one standard deviation √(p (1 − p) / n) away."""
    k, n = counts
    low, high = (float(v) for v in wilson(k, n))
    assert 0 <= low <= k / n <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(end - k / n) == pytest.approx(np.sqrt(end * (1 - end) / n), rel=1e-6)
    assert (low == 0) == (k == 0)
    assert (high == 1) == (k == n)


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_impossible_counts_are_refused(k, n):
    with pytest.raises(ConfigurationError, match="0 <= passed <= total"):
        wilson(k, n)


def test_profiles_take_each_entry_once_and_count_those_left_out():
    x = np.concatenate([np.full(60, 0.0), np.full(40, 1.0), np.full(70, 2.0), [3.0, -1.0]])
    values = np.random.default_rng(3).normal(0, 1 + np.maximum(x, 0))
    p = widths(x, values, (0, 1, 2, 3), least=50)
    assert p.entries.tolist() == [60, 70]
    assert (p.low.tolist(), p.high.tolist(), p.x.tolist(), p.left_out) == ([0, 2], [1, 3], [0, 2], 40)
    np.testing.assert_array_equal(p.value, [half_width(values[x == 0]), half_width(values[x == 2])])


def test_efficiencies_are_ratios_with_wilsons_intervals():
    x, passed = np.repeat([0.5, 1.5], [30, 20]), np.arange(50) % 3 > 0
    p = efficiencies(x, passed, (0, 1, 2), least=20)
    np.testing.assert_allclose(p.value, [20 / 30, 13 / 20])
    low, high = wilson([20, 13], [30, 20])
    np.testing.assert_allclose([p.value - p.below, p.value + p.above], [low, high])


def test_without_entries_profiles_are_empty():
    nothing = np.empty(0)
    for p in (widths(nothing, nothing, (0, 1)), efficiencies(nothing, nothing > 0, (0, 1))):
        assert (len(p.x), len(p.value), len(p.above), p.left_out) == (0, 0, 0, 0)

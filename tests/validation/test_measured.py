"""Distances with their errors: one sort for all, errors as large as the values of other samples scatter."""

import numpy as np
import pytest
from click.testing import CliRunner

from lamarr.validation.metrics import distances_measured, kolmogorov, wasserstein
from lamarr.validation.metrics.bench import main
from lamarr.validation.metrics.univariate import Merged

N = 2000


def drawn(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(0.2, 1, N), rng.normal(size=N)


def test_values_are_those_of_the_distances_alone():
    rng = np.random.default_rng(1)
    a, b = drawn(1)
    weights = rng.uniform(0, 2, N)
    for pair in ((None, None), (weights, None), (weights, weights[::-1])):
        found = distances_measured(a, b, *pair)
        assert found.kolmogorov.value == pytest.approx(kolmogorov(a, b, *pair), abs=1e-12)
        assert found.wasserstein.value == pytest.approx(wasserstein(a, b, *pair), abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_the_scatter_of_other_samples(weighted):
    weights = np.random.default_rng(2).uniform(0, 2, N) if weighted else None
    samples = [drawn(seed) for seed in range(60)]
    measured = [distances_measured(a, b, weights, weights, replicas=20) for a, b in samples]
    for name in ("kolmogorov", "wasserstein"):
        values = [getattr(m, name).value for m in measured]
        errors = [getattr(m, name).error for m in measured]
        assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)


def test_replicas_take_ties_and_weights():
    a, b = np.array([1.0, 1.0, 2.0]), np.array([1.0, 3.0])
    pair = Merged(a, b)
    for difference in pair.replicas(50, np.random.default_rng(3), np.array([0.0, 1, 1, 1, 0])):
        assert difference[-1] == pytest.approx(0, abs=1e-12)  # both distributions end at 1
        assert 0 <= pair.kolmogorov_of(difference) <= 1 + 1e-12
        assert pair.wasserstein_of(difference) <= 1 + 1e-12  # the 3 has no weight


def test_the_measurement_of_its_speed_runs():
    said = CliRunner().invoke(main, ["--rows", "2000", "--columns", "3"], catch_exceptions=False).output
    assert "2000 rows × 3 columns" in said

"""Vertices and impact parameters: exact cases, pulls and χ² of drawn tracks."""

import numpy as np
import pytest
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import kstest

from lamarr.validation.vertexing import (
    Lines,
    Vertices,
    corrected_mass,
    direction_cosine,
    fit_vertices,
    flight_distance,
    impact_parameter,
    lines_of_composites,
)


def drawn_lines(n, k, seed=1, spread=0.02):
    """Lines through known points, measured at other z with known covariances."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(n, 3)) * [0.1, 0.1, 50]
    slope = rng.uniform(-0.2, 0.2, (n, k, 2))
    z = true[:, None, 2] + rng.uniform(-10, 10, (n, k))
    xy = true[:, None, :2] + slope * (z - true[:, None, 2])[..., None]
    a = rng.normal(size=(n, k, 4, 4)) * np.array([spread, spread, 1e-3, 1e-3])[:, None]
    covariance = a @ np.swapaxes(a, -1, -2)
    error = np.einsum("...ij,...j->...i", np.linalg.cholesky(covariance), rng.normal(size=(n, k, 4)))
    point = np.concatenate([xy + error[..., :2], z[..., None]], axis=-1)
    return true, Lines(point=point, slope=slope + error[..., 2:], covariance=covariance)


def test_exact_lines_meet_where_they_were_made():
    true, lines = drawn_lines(50, 3)
    at = true[:, None, :2] + (lines.point[..., 2] - true[:, None, 2])[..., None] * lines.slope
    exact = Lines(
        point=np.concatenate([at, lines.point[..., 2:]], -1), slope=lines.slope, covariance=lines.covariance
    )
    fit = fit_vertices(exact)
    np.testing.assert_allclose(fit.position, true, atol=1e-7)
    np.testing.assert_allclose(fit.chi2, 0, atol=1e-6)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_pulls_and_chi2_are_those_of_the_errors(k):
    true, lines = drawn_lines(20_000, k, spread=0.01)
    fit = fit_vertices(lines)
    assert fit.n_dof == 2 * k - 3
    pulls = (fit.position - true) / np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))
    # The slopes' errors make the fit slightly non-linear, hence the width of the tolerance.
    np.testing.assert_allclose(np.quantile(pulls, 0.84, axis=0), 1, atol=0.06)
    np.testing.assert_allclose(np.median(pulls, axis=0), 0, atol=0.04)
    assert kstest(fit.chi2, chi2_distribution(fit.n_dof).cdf).statistic < 0.05


def test_parallel_lines_have_no_vertex():
    _, lines = drawn_lines(1, 2)
    same = Lines(point=lines.point, slope=lines.slope[:, [0, 0]], covariance=lines.covariance)
    assert np.isnan(fit_vertices(same).position).all()


def test_impact_parameter_of_a_known_line():
    line = Lines(
        point=np.array([[3.0, 0, 0]]), slope=np.zeros((1, 2)), covariance=np.diag([0.04, 0.04, 0, 0])[None]
    )
    origin = Vertices(
        position=np.zeros((1, 3)), covariance=np.diag([0.05, 0.05, 1.0])[None], chi2=np.zeros(1), n_dof=1
    )
    distance, chi2 = impact_parameter(line, origin)
    assert distance[0] == pytest.approx(3)
    assert chi2[0] == pytest.approx(9 / 0.09)


def test_flight_direction_and_corrected_mass():
    begin, end = (
        Vertices(
            position=np.array([p]), covariance=np.diag([1.0, 1, 4])[None] / 100, chi2=np.zeros(1), n_dof=1
        )
        for p in ([0.0, 0, 0], [0.0, 0, 10])
    )
    distance, chi2 = flight_distance(end, begin)
    assert distance[0] == 10
    assert chi2[0] == pytest.approx(100 / 0.08)
    along, across = np.array([[5.0, 0, 0, 4.0]]), np.array([[13.0, 3, 0, 4.0]])
    assert direction_cosine(along, end, begin)[0] == pytest.approx(1)
    assert direction_cosine(across, end, begin)[0] == pytest.approx(0.8)
    assert corrected_mass(along, end, begin)[0] == pytest.approx(3)
    m2 = 13**2 - 25
    assert corrected_mass(across, end, begin)[0] == pytest.approx(np.sqrt(m2 + 9) + 3)
    line = lines_of_composites(end, across)
    np.testing.assert_allclose(line.slope, [[0.75, 0]])
    assert impact_parameter(line, begin)[0][0] == pytest.approx(10 * 0.6)

"""Laws of phase space: conservation, isotropy, flat Dalitz plots, the known density for four bodies."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr.errors import DecayError
from lamarr.generation.phase_space import boost, first_accepted, phase_space
from lamarr.generation.weight_bound import breakup_momentum, weight_bound


def invariant_mass_squared(p4):
    return p4[0] ** 2 - (p4[1:] ** 2).sum(axis=0)


def draw(mass, masses, rows=1, seed=0, stage="test"):
    events = np.arange(rows)
    return phase_space(
        seed, stage, events, np.full(rows, float(mass)), np.array(masses)[:, None] * np.ones(rows)
    )


@settings(max_examples=40)
@given(
    masses=st.lists(st.sampled_from([0.0, 0.511, 105.66, 139.57, 493.68, 938.27]), min_size=2, max_size=7),
    excess=st.floats(0.01, 5000.0),
    seed=st.integers(0, 2**64 - 1),
)
def test_four_momentum_is_conserved_and_daughters_are_on_shell(masses, excess, seed):
    mass = sum(masses) + excess
    p4 = draw(mass, masses, rows=3, seed=seed)
    total = p4.sum(axis=1)
    np.testing.assert_allclose(total[0], mass, rtol=1e-12)
    np.testing.assert_allclose(total[1:], 0.0, atol=1e-11 * mass)
    squares = np.array(masses)[:, None] ** 2
    np.testing.assert_allclose(invariant_mass_squared(p4), squares + 0 * p4[0], atol=1e-10 * mass**2)


def test_two_bodies_have_the_analytic_momentum_and_are_isotropic():
    p4 = draw(5279.65, [493.677, 139.57], rows=20_000)
    momentum = np.sqrt((p4[1:, 0] ** 2).sum(axis=0))
    expected = breakup_momentum(np.array(5279.65), np.array(493.677), np.array(139.57))
    np.testing.assert_allclose(momentum, expected, rtol=1e-12)
    np.testing.assert_allclose(expected, 2614.4, atol=0.6)  # PDG: B0 -> K+ pi-, 2615 MeV/c
    np.testing.assert_array_equal(p4[1:, 0], -p4[1:, 1])
    direction = p4[1:, 0] / momentum
    # Mean 0 with σ = 1/√(3n), second moments 1/3 with σ = √(4/45n).
    assert np.abs(direction.mean(axis=1)).max() < 5 / np.sqrt(3 * 20_000)
    np.testing.assert_allclose(
        direction @ direction.T / 20_000, np.eye(3) / 3, atol=5 * np.sqrt(4 / 45 / 20_000)
    )


def test_three_body_dalitz_plot_is_flat():
    mass, masses = 1968.35, np.array([493.677, 493.677, 139.57])
    rows = 60_000
    p4 = draw(mass, masses, rows=rows)
    m12 = invariant_mass_squared(p4[:, 0] + p4[:, 1])
    m23 = invariant_mass_squared(p4[:, 1] + p4[:, 2])
    # At given m12², m23² is uniform between its limits; m12² has a density proportional to their distance.
    a, b, c = masses
    m = np.sqrt(m12)
    e2, e3 = (m12 - a**2 + b**2) / (2 * m), (mass**2 - m12 - c**2) / (2 * m)
    p2, p3 = np.sqrt(e2**2 - b**2), np.sqrt(e3**2 - c**2)
    low, high = (e2 + e3) ** 2 - (p2 + p3) ** 2, (e2 + e3) ** 2 - (p2 - p3) ** 2
    assert kolmogorov((m23 - low) / (high - low)) < 1.95 / np.sqrt(rows)
    assert kolmogorov(cumulative(m12, mass, masses)) < 1.95 / np.sqrt(rows)


def cumulative(m12_squared, mass, masses):
    """Cumulative distribution of m12² for flat Dalitz plots: its density is p1*(m12) p3(m12) / m12."""
    grid = np.linspace((masses[0] + masses[1]) ** 2, (mass - masses[2]) ** 2, 20_001)
    m = np.sqrt(grid)
    density = breakup_momentum(m, masses[0], masses[1]) * breakup_momentum(np.array(mass), m, masses[2]) / m
    steps = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.interp(m12_squared, grid, steps / steps[-1])


def kolmogorov(u):
    """Largest distance of the empirical distribution of `u` from the uniform one."""
    u, n = np.sort(u), len(u)
    steps = np.arange(n + 1) / n
    return max(np.max(steps[1:] - u), np.max(u - steps[:-1]))


def test_massless_bodies_follow_rambo_moments():
    # n massless bodies: the mean of the squared energy fraction x = 2E/M, density x (1 − x)^(n−3) for n >= 3.
    for n in (3, 4, 5, 6):
        x = 2 * draw(1000.0, [0.0] * n, rows=20_000, stage=f"test{n}")[0] / 1000.0
        # Beta(2, n − 2): mean 2/n, variance 2(n−2) / n²(n+1).
        sigma = np.sqrt(2 * (n - 2) / (n**2 * (n + 1)) / 20_000)
        assert np.abs(x.mean(axis=1) - 2 / n).max() < 5 * sigma
        expected = 2 * 3 / (n * (n + 1))
        assert np.abs((x**2).mean(axis=1) - expected).max() < 0.02 * expected


@settings(max_examples=40)
@given(
    masses=st.lists(st.sampled_from([0.0, 0.511, 139.57, 938.27, 5279.0]), min_size=3, max_size=7),
    excess=st.floats(1e-2, 1e5),
    seed=st.integers(0, 2**32),
)
def test_no_weight_exceeds_the_bound_and_the_bound_is_tight(masses, excess, seed):
    masses, n = np.array(masses)[:, None], len(masses)
    u = np.sort(np.random.default_rng(seed).random((n - 2, 4000)), axis=0)
    least = np.cumsum(masses, axis=0)
    edges = np.concatenate([np.zeros((1, 4000)), u, np.ones((1, 4000))])
    system = least + excess * edges
    weight = np.prod([breakup_momentum(system[k], system[k - 1], masses[k]) for k in range(1, n)], axis=0)
    bound = weight_bound(np.array([excess]), masses)[0]
    assert 0.3 * bound < weight.max() <= bound


def test_order_of_daughters_does_not_matter_for_the_law():
    one = draw(5000.0, [139.57, 938.27, 0.0, 1869.0], rows=20_000)[0]
    two = draw(5000.0, [1869.0, 0.0, 938.27, 139.57], rows=20_000, stage="other")[0][::-1]
    for a, b in zip(one, two, strict=True):
        sigma = np.hypot(a.std(), b.std()) / np.sqrt(20_000)
        assert abs(a.mean() - b.mean()) < 5 * sigma


def test_what_an_event_becomes_does_not_depend_on_its_company():
    masses = np.array([139.57, 493.68, 938.27, 0.0])[:, None]
    whole = phase_space(7, "s", np.arange(500), np.full(500, 4000.0), masses * np.ones(500))
    for first, last in pairwise((0, 1, 8, 250, 500)):
        rows = last - first
        part = phase_space(7, "s", np.arange(first, last), np.full(rows, 4000.0), masses * np.ones(rows))
        np.testing.assert_array_equal(part, whole[:, :, first:last])


@given(st.floats(0.1, 1e5), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_boost_takes_a_particle_at_rest_to_the_frame_itself(mass, px, py, pz):
    frame = np.array([np.sqrt(mass**2 + px**2 + py**2 + pz**2), px, py, pz])
    np.testing.assert_allclose(boost(np.array([mass, 0, 0, 0]), frame, np.array(mass)), frame, rtol=1e-12)


def test_mother_lighter_than_daughters_is_refused_with_numbers():
    with pytest.raises(DecayError, match=r"heavier .* 1000\.0 MeV"):
        draw(1000.0, [600.0, 400.0])


def test_the_first_accepted_attempt_counts_however_many_are_tried_at_once():
    events = np.arange(3000)
    needed = events % 37

    def attempt(rows, numbers):
        return numbers[:, None].astype(float), numbers >= needed[rows]

    np.testing.assert_array_equal(first_accepted(events, (1,), attempt)[:, 0], needed)

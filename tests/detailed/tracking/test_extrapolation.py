"""Extrapolation and its Jacobian against straight lines, helices and the field's fine integration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the detailed tracking is compiled by numba")

from tests.detailed.tracking.toys import CONTEXT

from lamarr.detailed.tracking.extrapolation import (
    KAPPA,
    advance,
    energy_loss,
    propagate,
    scatter,
    slowing,
)
from lamarr.detailed.tracking.material import material_of
from lamarr.detailed.tracking.setup import setup_of
from lamarr.detector.geometry import load_geometry

SETUP = setup_of(CONTEXT)
GRID, FRAME, SLABS, PIPE = SETUP.tables
NONE = np.zeros(5)
UNIFORM = np.zeros((3, 2, 2, 3))
UNIFORM[..., 1] = 1.0
UNIFORM_FRAME = np.array([-1e4, 1e4, 1e4, 1e4, 1e4, 1e4, 300.0])
NO_FIELD = np.zeros((3, 2, 2, 3))


def carry(grid, frame, state, z, z_end, p=None):
    s, p = np.array(state, float), np.zeros((5, 5)) if p is None else p.copy()
    propagate(grid, frame, s, p, np.zeros(5), z, z_end)
    return s, p


slopes = st.floats(-0.3, 0.3)


@given(st.floats(-100, 100), st.floats(-100, 100), slopes, slopes, st.floats(-3000, 9000))
@settings(deadline=None)
def test_without_field_tracks_are_straight(x, y, tx, ty, d):
    s, p = carry(NO_FIELD, UNIFORM_FRAME, [x, y, tx, ty, 0.1], 0.0, d, np.diag([1, 1, 1e-4, 1e-4, 1e-3]))
    np.testing.assert_allclose(s, [x + tx * d, y + ty * d, tx, ty, 0.1], atol=1e-9)
    np.testing.assert_allclose([p[0, 0], p[0, 2], p[1, 3]], [1 + 1e-4 * d**2, 1e-4 * d, 1e-4 * d], rtol=1e-9)


@given(slopes, slopes, st.floats(2, 100), st.sampled_from([-1, 1]), st.floats(50, 3000))
@settings(deadline=None)
def test_in_a_uniform_field_tracks_are_helices(tx, ty, momentum, charge, d):
    """By = 1 T: the projection on x-z is a circle of radius p_xz / (κ), y grows with its arc."""
    n = np.sqrt(1 + tx**2 + ty**2)
    p_xz = momentum * np.sqrt(1 + tx**2) / n
    radius = p_xz / KAPPA
    sine = tx / np.sqrt(1 + tx**2) - charge * d / radius  # of the angle to z
    angle0, angle = np.arctan(tx), np.arcsin(sine)
    x = charge * radius * (np.cos(angle) - np.cos(angle0))
    y = ty / np.sqrt(1 + tx**2) * charge * radius * (angle0 - angle)
    s, _ = carry(UNIFORM, UNIFORM_FRAME, [0, 0, tx, ty, charge / momentum], 0.0, d)
    np.testing.assert_allclose(s[:2], [x, y], atol=1e-3)
    np.testing.assert_allclose(s[2:4], [np.tan(angle), ty * np.cos(angle0) / np.cos(angle)], atol=1e-6)


def test_the_jacobian_is_that_of_differences():
    start = np.array([10.0, -20.0, 0.1, 0.08, 1 / 8.0])
    base, _ = carry(GRID, FRAME, start, 500.0, 8500.0)
    for j, h in ((2, 1e-5), (3, 1e-5), (4, 1e-5)):
        moved = start.copy()
        moved[j] += h
        difference = (carry(GRID, FRAME, moved, 500.0, 8500.0)[0] - base) / h
        unit = np.zeros((5, 5))
        unit[j, j] = 1.0
        product = carry(GRID, FRAME, start, 500.0, 8500.0, unit)[1]  # F e_j e_jᵀ Fᵀ
        column = product[:, j] / np.sqrt(product[j, j])
        np.testing.assert_allclose(column[:4], difference[:4], atol=0.03 * np.abs(difference).max())


@given(
    slopes.filter(lambda t: abs(t) < 0.25), st.floats(-0.2, 0.2), st.floats(3, 100), st.sampled_from([-1, 1])
)
@settings(deadline=None, max_examples=30)
def test_there_and_back_is_where_it_began(tx, ty, p, charge):
    start = np.array([0.0, 0.0, tx, ty, charge / p])
    there, _ = carry(GRID, FRAME, start, 0.0, 9000.0)
    back, _ = carry(GRID, FRAME, there, 9000.0, 0.0)
    np.testing.assert_allclose(back[:2], start[:2], atol=0.2)
    np.testing.assert_allclose(back[2:4], start[2:4], atol=3e-5)


def test_steps_are_short_enough():
    """One way against the same in pieces of 25 mm, at 3 GeV."""
    for tx, ty in ((0.0, 0.0), (0.1, 0.1), (-0.2, 0.15)):
        long, _ = carry(GRID, FRAME, [0, 0, tx, ty, 1 / 3.0], 0.0, 9000.0)
        s, z = np.array([0, 0, tx, ty, 1 / 3.0]), 0.0
        while z < 9000.0:
            propagate(GRID, FRAME, s, np.zeros((5, 5)), np.zeros(5), z, z + 50.0)
            z += 50.0
        np.testing.assert_allclose(long[:2], s[:2], atol=0.03)
        np.testing.assert_allclose(long[2:4], s[2:4], atol=1e-5)


def test_scattering_is_that_of_highland():
    """A tenth of a radiation length at 1 GeV: 13.6 MeV √0.1 (1 + 0.038 ln 0.1) / (β p)."""
    p = np.zeros((5, 5))
    scatter(np.array([0, 0, 0, 0, 1.0]), p, 0.1, slowing(1.0))
    beta = 1 / np.sqrt(1 + 0.13957**2)
    expected = 0.0136 * np.sqrt(0.1) * (1 + 0.038 * np.log(0.1)) / beta
    assert np.sqrt(p[2, 2]) == pytest.approx(expected, rel=1e-6)
    assert p[2, 3] == 0


@pytest.mark.parametrize(("momentum", "expected"), [(0.45, 1.66), (5.0, 2.0), (50.0, 2.3)])
def test_energy_loss_is_that_of_light_materials(momentum, expected):
    """dE/dx in MeV cm²/g: silicon and polystyrene are within 15 % of each other (PDG)."""
    assert 1e3 * energy_loss(1.0, slowing(1 / momentum)) == pytest.approx(expected, rel=0.15)


def test_energy_lost_outwards_comes_back_inwards():
    s, p = np.array([0.0, 0.0, 0.1, 0.05, 0.2]), np.zeros((5, 5))
    advance(GRID, FRAME, SLABS, PIPE, s, p, NONE, 0.0, 9000.0, slowing(s[4]), 1.0)
    assert 5.0 - 1 / s[4] > 0.01
    advance(GRID, FRAME, SLABS, PIPE, s, p, NONE, 9000.0, 0.0, slowing(0.2), -1.0)
    assert 1 / s[4] == pytest.approx(5.0, abs=0.002)


def test_material_on_the_way_to_rich2():
    """X0 on a straight line at η = 3.3: VELO 0.1 to 0.3, all up to the T stations 0.3 to 0.8."""
    material = material_of(load_geometry())
    s, p = np.array([0.0, 0.0, 0.05, 0.05, 1e-9]), np.zeros((5, 5))
    advance(NO_FIELD, UNIFORM_FRAME, material.slabs, material.pipe, s, p, NONE, 0.0, 800.0, slowing(1.0), 1.0)
    unit = (0.0136 * (1 + 0.038 * np.log(0.1))) ** 2 * (1 + 0.13957**2)
    assert 0.1 < p[2, 2] / unit < 0.35
    advance(
        NO_FIELD, UNIFORM_FRAME, material.slabs, material.pipe, s, p, NONE, 800.0, 9400.0, slowing(1.0), 1.0
    )
    assert 0.3 < p[2, 2] / unit < 0.8

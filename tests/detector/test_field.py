"""The field profile against its published integrals, Runge-Kutta against exact motion, the single kick."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.detector import (
    States,
    behind_the_magnet,
    closest_to_beam,
    extrapolate,
    field_by,
    integral_by,
    load_detector,
)
from lamarr.detector.field import BENDING
from lamarr.random import Stream

UP, DOWN = load_detector("lhcb2016-magup"), load_detector("lhcb2016-magdown")


def tracks(n=2000, p_min=2e3, p_max=200e3):
    u = Stream(5, "test tracks").uniform64(0, np.arange(n), 5)
    p = p_min * (p_max / p_min) ** u[:, 0]
    qop = np.where(u[:, 3] < 0.5, -1, 1) / p
    tx, ty = 0.6 * u[:, 1] - 0.3, 0.5 * u[:, 2] - 0.25
    return States(x=0.8 + 0 * p, y=0 * p, z=200 * u[:, 4] - 100, tx=tx, ty=ty, qop=qop)


def in_t_stations(s):
    return (np.abs(s.x) < 3000) & (np.abs(s.y) < 2400)


def momentum(s):
    pz = 1 / np.abs(s.qop) / np.sqrt(1 + s.tx**2 + s.ty**2)
    return s.tx * pz, s.ty * pz


@pytest.mark.parametrize(
    ("z1", "z2", "moment", "expected", "tolerance"),
    [(2642.5, 7826, 0, 3.751, 0.005), (0, 2642.5, 1, 0.260, 0.003), (-2000, 14000, 0, 4.10, 0.01)],
)
def test_integrals_of_the_field(z1, z2, moment, expected, tolerance):
    assert integral_by(UP, z1, z2, moment) == pytest.approx(expected, abs=tolerance)
    assert integral_by(DOWN, z1, z2, moment) == -integral_by(UP, z1, z2, moment)


def test_centre_of_the_kick_and_peak():
    i0, i1 = integral_by(UP, 2642.5, 7826), integral_by(UP, 2642.5, 7826, 1)
    assert i1 / i0 == pytest.approx(5.179, abs=0.005)
    assert field_by(UP, UP.field.centre) == pytest.approx(1.0383)


@pytest.mark.parametrize(
    ("z", "by"), [(2000, 0.071), (4000, 0.876), (5000, 1.035), (7000, 0.537), (9400, 0.042)]
)
def test_values_of_the_field(z, by):
    assert field_by(UP, z) == pytest.approx(by, abs=6e-4)


def test_positive_particles_bend_towards_plus_x_in_magdown():
    s = States(
        x=np.zeros(2), y=np.zeros(2), z=0.0, tx=np.zeros(2), ty=np.zeros(2), qop=np.array([1e-4, -1e-4])
    )
    assert np.sign(extrapolate(DOWN, s, 9410.0).tx).tolist() == [1, -1]
    assert np.sign(extrapolate(UP, s, 9410.0).tx).tolist() == [-1, 1]


def test_runge_kutta_against_the_integral_of_motion():
    """Without Bx and Bz, px changes by exactly −κ q ∫By dz, and py and p not at all."""
    before = tracks(500)
    after = extrapolate(UP, before, 9410.0)
    (px0, py0), (px1, py1) = momentum(before), momentum(after)
    kick = np.array([integral_by(UP, z, 9410.0) for z in before.z]) * 1e3
    ok = in_t_stations(after)
    np.testing.assert_allclose((px1 - px0)[ok], (-BENDING * np.sign(before.qop) * kick)[ok], atol=0.01)
    np.testing.assert_allclose(py1[ok], py0[ok], atol=0.01)


def test_runge_kutta_is_of_fourth_order_and_reversible():
    before = tracks(200, p_min=5e3)
    exact = extrapolate(UP, before, 9410.0, steps=1600)
    coarse = extrapolate(UP, before, 9410.0, steps=50)
    fine = extrapolate(UP, before, 9410.0, steps=100)
    ratio = np.abs(coarse.x - exact.x).max() / np.abs(fine.x - exact.x).max()
    assert ratio > 10
    back = extrapolate(UP, replace(exact, z=9410.0), 0.0, steps=1600)
    np.testing.assert_allclose(back.x, before.x - before.tx * before.z, atol=0.01)


def test_a_track_turned_back_by_the_field_does_not_arrive():
    s = States(x=np.zeros(1), y=np.zeros(1), z=0.0, tx=np.zeros(1), ty=np.zeros(1), qop=np.array([1 / 500.0]))
    assert np.isnan(extrapolate(UP, s, 9410.0).x).all()
    assert not behind_the_magnet(UP.single_kick, s)[1].any()


@pytest.mark.parametrize("detector", [UP, DOWN])
@pytest.mark.parametrize(
    ("p_min", "worst", "typical"), [(2e3, 120.0, 0.6), (5e3, 30.0, 0.3), (20e3, 2.0, 0.1)]
)
def test_single_kick_reproduces_runge_kutta_at_9410_mm(detector, p_min, worst, typical):
    before = tracks(p_min=p_min)
    exact = extrapolate(detector, before, 9410.0)
    kicked, arrives = behind_the_magnet(detector.single_kick, before)
    ok = in_t_stations(exact)
    assert arrives[ok].all()
    error = np.abs(kicked.x - exact.x)[ok]
    assert error.max() < worst
    assert np.median(error) < typical
    np.testing.assert_allclose(kicked.tx[ok], exact.tx[ok], atol=1e-4)


def test_single_kick_only_for_tracks_from_upstream_of_it():
    s = replace(
        tracks(3), z=np.array([0.0, 5100.0, 5400.0]), tx=np.zeros(3), ty=np.zeros(3), qop=np.full(3, 1e-5)
    )
    kicked, arrives = behind_the_magnet(UP.single_kick, s)
    assert arrives.tolist() == [True, True, False]
    assert kicked.z.tolist() == [9410.0, 9410.0, 5400.0]


finite = st.floats(-1e3, 1e3, allow_nan=False)
slope = st.floats(-1, 1).filter(lambda v: abs(v) > 1e-3)


@given(finite, finite, finite, slope, slope)
def test_closest_to_beam_is_on_the_line_and_closest(x, y, z, tx, ty):
    cx, cy, cz = closest_to_beam(x, y, z, tx, ty)
    np.testing.assert_allclose([cx, cy], [x + tx * (cz - z), y + ty * (cz - z)], atol=1e-6 * (1 + abs(cz)))
    for step in (-1.0, 1.0):
        assert np.hypot(cx, cy) <= np.hypot(cx + step * tx, cy + step * ty) + 1e-9


def test_closest_to_beam_of_a_line_along_the_axis_is_its_origin():
    assert [float(v) for v in closest_to_beam(1.0, 2.0, 3.0, 0.0, 0.0)] == [1.0, 2.0, 3.0]

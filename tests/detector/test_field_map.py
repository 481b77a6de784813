"""The map of the field: Maxwell's equations, the profile on the axis, the published dependence on slopes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.detector import field_by, load_detector
from lamarr.detector.field_map import load_field
from lamarr.detector.field_sources import INTEGRAL_RANGE, fit_sources, slope_dependence

UP, DOWN = load_detector("lhcb2016-magup"), load_detector("lhcb2016-magdown")
MAP = load_field(UP)
AXIS = np.arange(-1000.0, 13000.0, 50.0)


def jacobian(field, x, y, z, step=2.0):
    """∂B_i/∂x_j in T/mm by differences of fourth order."""
    point, columns = np.array([x, y, z]), []
    for j in range(3):
        at = point[:, None] + np.outer(np.eye(3)[j], [-2 * step, -step, step, 2 * step])
        columns.append(np.array(field(*at)) @ np.array([1, -8, 8, -1]) / (12 * step))
    return np.stack(columns, axis=1)


def points(n=3000):
    r = np.random.Generator(np.random.Philox(1))
    z = r.uniform(-200, 12000, n)
    return (
        np.clip(r.uniform(-0.3, 0.3, n) * z, -3100, 3100),
        np.clip(r.uniform(-0.25, 0.25, n) * z, -2400, 2400),
        z,
    )


@given(st.floats(-0.3, 0.3), st.floats(-0.25, 0.25), st.floats(0, 12000))
def test_the_field_has_no_divergence_and_no_curl(tx, ty, z):
    x, y = np.clip(tx * z, -3100, 3100), np.clip(ty * z, -2400, 2400)
    d = jacobian(MAP.exact, x, y, z)
    scale = 1e-3  # a Tesla per metre
    assert abs(np.trace(d)) < 1e-7 * scale
    assert np.abs(d - d.T).max() < 1e-7 * scale


def test_the_grid_has_little_divergence_and_curl():
    """Differences over a cell of the interpolated field: what linear interpolation leaves."""
    d = np.array([jacobian(MAP, *p, step=25.0) for p in zip(*points(400), strict=True)])
    gradient = np.sqrt((d**2).mean())
    assert np.sqrt((np.trace(d, axis1=1, axis2=2) ** 2).mean()) < 0.1 * gradient
    assert np.sqrt(((d - d.transpose(0, 2, 1)) ** 2).mean()) < 0.1 * gradient


def test_error_of_the_grid():
    error = np.array(MAP(*points())) - MAP.exact(*points())
    assert np.sqrt((error**2).mean(axis=1)).max() < 0.4e-3
    assert np.abs(error).max() < 4e-3


def test_profile_on_the_axis():
    bx, by, bz = MAP(0 * AXIS, 0 * AXIS, AXIS)
    assert np.abs(bx).max() == np.abs(bz).max() == 0
    inside = (AXIS >= -500) & (AXIS <= 12500)
    error = (by - field_by(UP, AXIS))[inside]
    assert np.abs(error).max() < 5e-3
    assert np.sqrt((error**2).mean()) < 2e-3


@pytest.mark.parametrize("detector", [UP, DOWN])
def test_integrals_along_slopes_follow_the_parametrised_map(detector):
    z, h = np.linspace(*INTEGRAL_RANGE, 2001, retstep=True)
    tx, ty = (v.ravel() for v in np.meshgrid(np.linspace(-0.25, 0.25, 11), np.linspace(-0.22, 0.22, 9)))
    field = load_field(detector)
    by = [field(a * z, b * z, z)[1] for a, b in zip(tx, ty, strict=True)]
    integral = np.array([(b[1:] + b[:-1]).sum() * h / 2 for b in by]) * 1e-3
    centre = integral[(tx == 0) & (ty == 0)][0]
    assert detector.field_sign * centre == pytest.approx(3.751, abs=0.005)
    deviation = integral / centre / slope_dependence(tx, ty) - 1
    assert np.sqrt((deviation**2).mean()) < 0.01
    assert np.abs(deviation).max() < 0.015


def test_polarities_are_opposite():
    up, down = MAP(*points(100)), load_field(DOWN)(*points(100))
    np.testing.assert_allclose(np.array(up), -np.array(down), atol=1e-12)


@given(st.floats(0, 3000), st.floats(0, 2400), st.floats(0, 12000))
def test_symmetry_of_the_dipole(x, y, z):
    bx, by, bz = MAP.at(x, y, z)
    assert MAP.at(-x, y, z) == (-bx, by, bz)
    assert MAP.at(x, -y, z) == (-bx, by, -bz)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1)])
def test_beyond_its_bounds_the_field_falls_smoothly(direction):
    path = np.array([0.0, 0.0, 4800.0])[:, None] + np.outer(direction, np.linspace(0, 15000, 3001))
    b = np.linalg.norm(MAP(*path), axis=0)
    assert b[-1] < 1e-6
    assert np.abs(np.diff(b)).max() < 0.02
    assert b.max() < 2.5


def test_compiled_and_plain_python_agree():
    kernel = pytest.importorskip("numba") and __import__("lamarr.detector.field_kernel", fromlist=["x"])
    for p in zip(*points(50), strict=True):
        np.testing.assert_allclose(
            kernel.field_at.py_func(MAP.grid, MAP.frame, *p), MAP.at(*p), rtol=1e-12, atol=1e-15
        )


def test_one_point_and_many_agree():
    many = np.array(MAP(*points(50)))
    assert [tuple(m) for m in many.T] == [MAP.at(*p) for p in zip(*points(50), strict=True)]


def test_the_fit_depends_on_the_detector_alone():
    np.testing.assert_array_equal(fit_sources(UP).charge, MAP.sources.charge)

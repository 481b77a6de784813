"""Elementary functions against the mathematical library, within the stated error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr import elementary


def check(got, exact, ulp=5.5):
    assert abs(float(got) - exact) <= ulp * float(np.spacing(abs(exact) if exact else 1e-300))


@given(st.floats(1e-300, 1e300))
def test_logarithms(x):
    check(elementary.log(np.float64(x)), math.log(x))
    check(elementary.log10(np.float64(x)), math.log10(x), ulp=6)


@given(st.floats(-690, 690))
def test_exponential(x):
    check(elementary.exp(np.float64(x)), math.exp(x))


def test_exponential_is_held():
    assert np.isfinite(elementary.exp(np.array([-1e9, 1e9, -np.inf, np.inf]))).all()


@given(st.floats(-1e10, 1e10).filter(lambda v: abs(v) > 1e-10), st.floats(-1e10, 1e10))
def test_angle(y, x):
    check(elementary.arctan2(np.float64(y), np.float64(x)), math.atan2(y, x))


@pytest.mark.parametrize(("y", "x"), [(0, 0), (0, 1), (1, 0), (-1, 0), (0, -1), (1, 1), (-1, -1)])
def test_angles_on_axes_and_diagonals(y, x):
    check(elementary.arctan2(np.float64(y), np.float64(x)), math.atan2(y, x), ulp=1)

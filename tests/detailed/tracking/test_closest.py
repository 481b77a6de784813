"""The closest hit of a plane is the one with the least χ² by the residual that the filter uses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the detailed tracking is compiled by numba")

from lamarr.detailed.tracking.filter import _closest, residual
from lamarr.detailed.tracking.planes import DRIFT, HI, IT, LO, OT, PHI, SIGMA, A, B, M, R


def hits_near(kind, n, s, rng):
    """Hits of one plane about where the state `s` crosses it, of which some do not reach there."""
    values = np.zeros((n, 7))
    r, phi = math.hypot(s[0], s[1]), math.atan2(s[1], s[0])
    values[:, SIGMA] = rng.uniform(0.05, 0.3, n)
    if kind == R:
        values[:, M] = r + rng.normal(0, 1, n)
        low = phi + rng.uniform(-1, 0.2, n) + rng.choice([0, 2 * math.pi], n)
        values[:, LO], values[:, HI] = low, low + 0.8
    elif kind == PHI:
        alpha = phi + rng.normal(0, 0.1, n)
        values[:, A], values[:, B], values[:, M] = -np.sin(alpha), np.cos(alpha), rng.normal(0, 0.1, n)
        values[:, LO] = rng.choice([0, r + 5], n)
        values[:, HI] = values[:, LO] + 1e3
    else:
        values[:, A], values[:, B] = math.cos(0.09), math.sin(0.09)
        values[: n // 2, A], values[: n // 2, B] = 1.0, 0.0
        values[:, M] = values[:, A] * s[0] + values[:, B] * s[1] + rng.normal(0, 2, n)
        values[:, DRIFT] = rng.uniform(0, 2.5, n)
        values[:, LO] = rng.choice([-1000, s[1] + 50], n)
        values[:, HI] = values[:, LO] + 2000
    return values


def reaches(kind, value, s):
    if kind == R:
        phi = math.atan2(s[1], s[0])
        phi += 2 * math.pi if phi < value[LO] - 0.1 else 0.0
        return value[LO] - 0.1 < phi < value[HI] + 0.1
    where, tolerance = (math.sqrt(s[0] ** 2 + s[1] ** 2), 0.5) if kind == PHI else (s[1], 20.0)
    return value[LO] - tolerance < where < value[HI] + tolerance


@given(
    kind=st.sampled_from([R, PHI, IT, OT]), seed=st.integers(0, 10**6), largest=st.sampled_from([1.0, 16.0])
)
def test_the_closest_hit_has_the_least_chi2(kind, seed, largest):
    rng = np.random.default_rng(seed)
    s = np.append(rng.uniform(-30, 30, 2), rng.normal(0, 0.3, 3))
    root = rng.normal(0, 0.2, (5, 5))
    p = root @ root.T
    values = hits_near(kind, 20, s, rng)
    chi2 = np.full(20, np.inf)
    for h, value in enumerate(values):
        if h >= 3 and reaches(kind, value, s):
            res, hx, hy, variance = residual(kind, value, 0.0, s)
            chi2[h] = res**2 / (variance + p[0, 0] * hx**2 + 2 * p[0, 1] * hx * hy + p[1, 1] * hy**2)
    found = _closest(kind, 3, 20, values, s, p, largest)
    assert found == (np.argmin(chi2) if chi2.min() < largest else -1)

"""Cherenkov light against the textbook: angles, thresholds, yields."""

import numpy as np
import pytest
from tests.detailed.toy_events import event_of

pytest.importorskip("numba", reason="needs the extra 'detailed'")

from lamarr.detailed.rich.photons import photon_angles, rotate
from lamarr.detailed.rich.radiator import MASSES, Radiator
from lamarr.detector.geometry import load_geometry

GASES = {"C4F10": load_geometry().rich1, "CF4": load_geometry().rich2}


@pytest.mark.parametrize(("gas", "published"), [("C4F10", (2.64, 9.33, 17.7)), ("CF4", (4.41, 15.6, 29.7))])
def test_thresholds_are_those_of_pions_kaons_protons(gas, published):
    radiator = Radiator(GASES[gas])
    assert [radiator.threshold(m) / 1e3 for m in MASSES[2:]] == pytest.approx(published, rel=3e-3)


@pytest.mark.parametrize("gas", GASES)
def test_the_angle_obeys_cosine_theta_equals_one_over_n_beta(gas):
    radiator = Radiator(GASES[gas])
    beta = 20e3 / np.hypot(20e3, MASSES[2])
    sin2 = radiator.sin2(np.array([beta]))
    assert np.cos(np.arcsin(np.sqrt(sin2[0]))) == pytest.approx(1 / (GASES[gas].index * beta), rel=1e-12)
    assert np.arcsin(np.sqrt(radiator.sin2(np.array([1.0])))) == pytest.approx(
        GASES[gas].saturated_angle, rel=2e-3
    )


@pytest.mark.parametrize("gas", GASES)
def test_mean_yield_is_smooth_at_threshold_and_right_far_from_it(gas):
    radiator = Radiator(GASES[gas])
    p = MASSES[3] * np.array([1.0, 4.0]) / np.sqrt(GASES[gas].index ** 2 - 1)
    beta = p / np.hypot(p, MASSES[3])
    at, far = radiator.mean_sin2(beta)
    width = 2 * radiator.index_spread / GASES[gas].index / GASES[gas].index ** 2 / beta[0] ** 2
    assert at == pytest.approx(width / np.sqrt(2 * np.pi), rel=1e-3)
    assert far == pytest.approx(radiator.sin2(beta)[1], rel=1e-4)
    assert radiator.mean_sin2(np.array([0.1, 0.9]))[0] == 0.0


@pytest.mark.parametrize("gas", GASES)
def test_numbers_of_photons_are_poisson_with_the_published_mean(gas):
    rich, n = GASES[gas], 4000
    radiator = Radiator(rich)
    muons = np.zeros(n)
    event, _ = event_of(muons + 5e6, muons + 3.0, muons, np.full(n, 13), np.full(n, -1))
    rows = event.rich_segments[event.rich_segments["radiator"] == (1 if gas == "C4F10" else 2)]
    row, theta = photon_angles(rows, np.full(len(rows), radiator.length), radiator, np.random.default_rng(1))
    counts = np.bincount(row, minlength=len(rows))
    error = np.sqrt(rich.photo_electrons / len(rows))
    assert counts.mean() == pytest.approx(rich.photo_electrons, abs=4 * error + 0.002 * rich.photo_electrons)
    assert counts.var() / counts.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / len(rows)))
    assert theta.std() == pytest.approx(rich.chromatic, rel=0.05)
    assert theta.mean() == pytest.approx(radiator.saturated, abs=2e-5)


def test_no_light_below_threshold():
    n = np.zeros(50)
    event, _ = event_of(n + 9.0e3 * 0.9, n + 3.0, n, np.full(50, 321), np.full(50, 1))
    radiator = Radiator(GASES["C4F10"])
    row, _ = photon_angles(event.rich_segments[:50], np.full(50, 950.0), radiator, np.random.default_rng(1))
    assert len(row) == 0


def test_rotated_directions_keep_their_angle_and_length():
    rng = np.random.default_rng(3)
    d = rng.standard_normal((500, 3)) * [0.2, 0.2, 0] + [0, 0, 1]
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    theta, phi = rng.uniform(0, 0.06, 500), rng.uniform(0, 2 * np.pi, 500)
    r = rotate(d, theta, phi)
    assert np.allclose(np.linalg.norm(r, axis=1), 1, atol=1e-12)
    assert np.allclose((r * d).sum(axis=1), np.cos(theta), atol=1e-12)
    around = np.cross(d, r)
    assert abs(around.mean(axis=0)).max() < 0.005

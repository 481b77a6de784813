"""Pairs of noise and response: directions that matter are found, rare classes are drawn more often."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")

from lamarr.parametrizations.tracking import BEAM_CONDITIONS
from lamarr.training.tracking import pairs


def test_the_directions_that_a_response_depends_on_are_found():
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.normal(size=(pairs.NOISE, 2)))

    def response(conditions, noise):
        v = noise @ basis
        return np.stack([v[:, 0] + conditions[:, 0], np.tanh(v[:, 1]) * v[:, 0]], axis=1)

    conditions = rng.normal(size=(400, 1))
    directions, sensitivity = pairs.active_directions(response, conditions, 2, rng)
    assert np.linalg.svd(directions.T @ basis, compute_uv=False).min() == pytest.approx(1, abs=1e-3)
    assert sensitivity[2:].max() < 0.05 * sensitivity[1]


def test_rare_species_and_types_are_drawn_more_often():
    beam = np.zeros((1000, len(BEAM_CONDITIONS)))
    beam[:, BEAM_CONDITIONS.index("is_h")] = beam[:, BEAM_CONDITIONS.index("long")] = 1
    beam[:100, BEAM_CONDITIONS.index("is_h")] = 0
    beam[:100, BEAM_CONDITIONS.index("is_mu")] = 1
    chance = pairs.balanced(beam)
    assert chance.sum() == pytest.approx(1)
    assert chance[:100].sum() / chance[100:].sum() == pytest.approx((1 / 9) ** 0.4)


def test_pairs_are_physical_and_go_with_their_noise(monkeypatch):
    monkeypatch.setattr(pairs, "physical", lambda _t, p, r, _c: np.abs(r[:, 5]) < p)

    class Teacher:
        """Responses that show their noise."""

        def resolution(self, x, noise):
            return 1e3 * noise[:, :9]

        def covariance(self, x, noise):
            return np.hstack([x[:, 6:9], noise[:, :12]])

    beam = np.zeros((500, 12), np.float32)
    beam[:, 5] = 3.0
    unit = np.eye(pairs.NOISE, dtype=np.float32)
    directions = {"resolution": unit[:, 5:9], "covariance": unit[:, :2]}
    found = pairs.paired_draws(Teacher(), beam, directions, np.random.default_rng(2))
    assert 0.6 < len(found["beam"]) / 500 < 0.76  # |N(0, 1)| < 1: 68 %
    assert (np.abs(found["resolution"][:, 5]) < 1e3).all()
    np.testing.assert_allclose(found["resolution_noise"] * 1e3, found["resolution"][:, 5:9], rtol=1e-6)
    np.testing.assert_allclose(found["covariance"][:, :3], found["resolution"][:, 6:9], rtol=1e-6)
    np.testing.assert_allclose(found["covariance_noise"], found["covariance"][:, 3:5], rtol=1e-6)

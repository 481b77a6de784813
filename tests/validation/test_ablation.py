"""Ablation: the stage that was spoilt is the one that is found."""

import numpy as np
import pytest

import lamarr
from lamarr.errors import ConfigurationError, UnknownNameError
from lamarr.validation.ablation import STAGES, ablate, common_tracks, with_stage
from lamarr.validation.decays import DECAYS

DECAY = DECAYS["Lb2LcMuNu"]


@pytest.fixture(scope="module")
def samples():
    events = lamarr.generate(DECAY.descriptor, 3000, seed=5)
    return lamarr.simulate(events, seed=1), lamarr.simulate(events, seed=2)


def spoilt(batch):
    """Momenta 1 % too large."""
    tracks = batch["tracks"]
    return batch.with_columns("tracks", **{c: 1.01 * tracks[c] for c in ("p", "px", "py", "pz")})


def test_common_tracks_are_those_of_the_same_particles(samples):
    a, b = common_tracks(*samples)
    for column in ("event_id", "track_id", "particle_id", "type"):
        np.testing.assert_array_equal(a["tracks"][column], b["tracks"][column])
    assert 0 < a["tracks"].rows < samples[0]["tracks"].rows


def test_with_all_stages_exchanged_the_sample_is_the_reference(samples):
    a, b = common_tracks(*samples)
    for stage in STAGES:
        a = with_stage(a, b, stage)
    for column in ("x", "y", "z", "tx", "ty", "p", "cov00", "cov24"):
        np.testing.assert_array_equal(a["tracks"][column], b["tracks"][column])
    np.testing.assert_allclose(a["tracks"]["pz"], b["tracks"]["pz"], rtol=1e-9)


def test_the_guilty_stage_is_found(samples):
    found = {r.stage: r.ks.value for r in ablate(spoilt(samples[0]), samples[1], DECAY, ("Lc_m",))}
    assert found["none"] > 0.3
    assert found["momentum"] < 0.5 * found["none"]
    assert found["covariance"] == found["none"]
    assert found["all"] < 0.02


def test_samples_of_other_events_are_refused(samples):
    other = lamarr.simulate(lamarr.generate(DECAYS["Bs2JpsiPhi"].descriptor, 100, seed=5), seed=1)
    with pytest.raises(ConfigurationError, match="same generated events"):
        common_tracks(samples[0], other)
    with pytest.raises(UnknownNameError, match="momentum"):
        with_stage(*samples, "momenta")

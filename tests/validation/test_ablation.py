"""Ablation: the stage that was spoilt is the one that is found."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import lamarr
from lamarr.cli.validate import command
from lamarr.errors import ConfigurationError, UnknownNameError
from lamarr.validation.ablation import (
    ALL,
    AS_IT_IS,
    SAME_TRACKS,
    STAGES,
    common_tracks,
    of_the_same_particles,
    with_stage,
)
from lamarr.validation.composites import candidate_columns, true_candidates
from lamarr.validation.decays import DECAYS
from lamarr.validation.report import Comparison, ablations, in_memory

DECAY = DECAYS["Lb2LcMuNu"]


SET = "lhcb2016-magup"


@pytest.fixture(scope="module")
def samples():
    events = lamarr.generate(DECAY.descriptor, 3000, seed=5)
    return lamarr.simulate(events, SET, seed=1), lamarr.simulate(events, SET, seed=2)


def found(flash, detailed, least=100):
    return {
        a.observable: a
        for a in ablations(in_memory(flash, "a"), in_memory(detailed, "b"), models=SET, least=least)
    }


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


def test_momenta_that_are_spoilt_are_blamed(samples):
    mass = found(samples[0], spoilt(samples[1]))["m(Lc)"]
    ks = {stage: m.value for stage, m in mass.ks.items()}
    assert ks[AS_IT_IS] > 0.3
    assert ks[SAME_TRACKS] > 0.3
    assert ks["momentum"] < 0.5 * ks[SAME_TRACKS]
    assert ks["covariance"] == ks[SAME_TRACKS]
    assert ks[ALL] < 0.02
    assert mass.to_blame == "momentum"


def test_a_covariance_that_is_spoilt_is_blamed_for_what_is_in_units_of_it(samples):
    tracks = samples[1]["tracks"]
    wrong = samples[1].with_columns("tracks", **{c: 4 * tracks[c] for c in STAGES["covariance"]})
    quantities = found(samples[0], wrong)
    assert quantities["log₁₀ IP χ² of p"].to_blame.startswith("covariance")
    assert quantities["m(Lc)"].to_blame == "nothing: at the noise floor"


def test_lost_tracks_are_blamed_on_the_efficiency(samples):
    columns = candidate_columns(samples[1], DECAY, true_candidates(samples[1], DECAY))
    gone = columns["track_rows"][columns["p_ip"] < 0.15, 0]  # protons of a small impact parameter
    tracks = samples[1]["tracks"].take(~np.isin(np.arange(samples[1]["tracks"].rows), gone))
    numbers = np.arange(tracks.rows) - np.searchsorted(tracks["event_id"], tracks["event_id"])
    lost = samples[1].with_tables(tracks.with_columns(track_id=numbers))
    assert found(samples[0], lost)["log₁₀ IP χ² of p"].to_blame == "acceptance or efficiency"


def test_what_was_found_is_simulated_again(samples):
    again = of_the_same_particles(samples[1], SET, seed=7)
    a, b = common_tracks(again, samples[1])
    assert a["tracks"].rows == b["tracks"].rows == samples[1]["tracks"].rows
    assert not np.array_equal(a["tracks"]["p"], b["tracks"]["p"])


def test_samples_of_other_events_are_refused(samples):
    other = lamarr.simulate(lamarr.generate(DECAYS["Bs2JpsiPhi"].descriptor, 100, seed=5), seed=1)
    with pytest.raises(ConfigurationError, match="same generated events"):
        common_tracks(samples[0], other)
    with pytest.raises(UnknownNameError, match="momentum"):
        with_stage(*samples, "momenta")


def test_the_command_says_which_stage_if_events_are_the_same(samples, tmp_path, monkeypatch):
    monkeypatch.setattr("lamarr.validation.report.compare", lambda *_, **__: Comparison())
    page, data = tmp_path / "r.html", tmp_path / "r.json"

    def run(other, *more):
        paths = [tmp_path / f"{name}.parquet" for name in "ab"]
        for batch, path, digest in zip(samples, paths, ("ab" * 32, other), strict=True):
            lamarr.write(batch, path, metadata={"generation": digest}, force=True)
        arguments = [*map(str, paths), "-o", str(page), "--json", str(data), "--quiet", "--force", *more]
        CliRunner().invoke(command, arguments, catch_exceptions=False)
        return json.loads(data.read_text(encoding="utf-8"))["ablations"]

    assert {a["observable"] for a in run("ab" * 32)} >= {"m(Lc)"}
    assert "Which stage is to blame" in page.read_text(encoding="utf-8")
    assert run("cd" * 32) == []
    assert run("ab" * 32, "--no-ablation") == []
    assert "Which stage is to blame" not in page.read_text(encoding="utf-8")

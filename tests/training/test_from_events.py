"""Samples of the tracking models from simulated events: what the tables say, array by array."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import lamarr
from lamarr.errors import InputFileError
from lamarr.events import COVARIANCE_PAIRS, Fate
from lamarr.flash.stages.covariance import covariance_columns
from lamarr.parametrizations.tracking import BEAM_CONDITIONS, COVARIANCE, PRODUCTION_CONDITIONS, RESOLUTION
from lamarr.training.tracking.from_events import arrays_of, main, particle_arrays, track_arrays


@pytest.fixture(scope="module")
def events(tiny_set):
    generated = lamarr.generate("[D*(2010)+ -> (D0 -> K- pi+) pi+]cc", 400, seed=2)
    return lamarr.simulate(generated, tiny_set, seed=3, backend="numpy")


def test_particles_have_the_outcome_that_their_fate_names(events):
    arrays = particle_arrays(events)
    fate = events["particles"]["fate"]
    accepted = arrays["probability"][:, 0]
    assert len(accepted) == (fate >= Fate.OUT_OF_ACCEPTANCE).sum() > 500
    assert (arrays["probability"][:, 1:].sum(axis=1) == accepted).all()
    for k, name in enumerate(("NOT_RECONSTRUCTED", "LONG", "UPSTREAM", "DOWNSTREAM"), start=1):
        assert arrays["probability"][:, k].sum() == (fate == Fate[name]).sum()
    p = 10.0 ** arrays["production"][:, PRODUCTION_CONDITIONS.index("log10_p")]
    t = events["particles"].take(fate >= Fate.OUT_OF_ACCEPTANCE)
    np.testing.assert_allclose(p, np.sqrt(t["px"] ** 2 + t["py"] ** 2 + t["pz"] ** 2), rtol=1e-5)


def test_tracks_are_compared_with_their_true_states(events):
    arrays, tracks = track_arrays(events), events["tracks"]
    assert len(arrays["beam"]) == tracks.rows > 100
    states = events["true_states"].take(events["true_states"]["location"] == 1)
    key = dict(
        zip(zip(states["event_id"], states["particle_id"], strict=True), range(states.rows), strict=True)
    )
    at = [key[k] for k in zip(tracks["event_id"], tracks["particle_id"], strict=True)]
    r = dict(zip(RESOLUTION, arrays["resolution"].T, strict=True))
    for column in ("x", "tx", "p"):
        np.testing.assert_allclose(r[f"d{column}"], tracks[column] - states[column][at], atol=1e-9)
    np.testing.assert_allclose(arrays["beam"][:, BEAM_CONDITIONS.index("x")], states["x"][at], rtol=1e-6)
    assert (np.floor(r["nDoF_f"]) == tracks["nDoF"]).all()
    long = arrays["beam"][:, BEAM_CONDITIONS.index("long")]
    np.testing.assert_array_equal(long, tracks["type"] == 3)


def test_covariances_come_back(events):
    arrays, tracks = track_arrays(events), events["tracks"]
    back = covariance_columns(dict(zip(COVARIANCE, arrays["covariance"].T, strict=True)))
    for i, j in COVARIANCE_PAIRS:
        np.testing.assert_allclose(back[f"cov{i}{j}"], tracks[f"cov{i}{j}"], rtol=3e-5)
    assert arrays["physical"].mean() > 0.5


def test_ghosts_and_variances_that_are_not_positive_are_left_out(events):
    tracks = events["tracks"]
    ghosts = np.arange(tracks.rows) < 7
    broken = np.where(np.arange(tracks.rows) == 9, -1.0, tracks["cov00"])
    changed = tracks.with_columns(particle_id=np.where(ghosts, -1, tracks["particle_id"]), cov00=broken)
    arrays = track_arrays(events.with_tables(changed))
    assert len(arrays["beam"]) == tracks.rows - 7
    assert not arrays["physical"][2]


def test_the_command_writes_what_the_recipes_read(events, tmp_path):
    lamarr.write(events, tmp_path / "events.parquet")
    result = CliRunner().invoke(main, [str(tmp_path / "events.parquet"), "-o", str(tmp_path / "sample")])
    assert result.exit_code == 0, result.output
    (arrays,) = arrays_of(tmp_path / "events.parquet")
    for name, array in arrays.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"sample/{name}.npy"), array.astype(np.float32))
    assert "events.parquet" in json.loads((tmp_path / "sample/sample.json").read_text())["origin"]


def test_files_without_tracks_are_refused(tmp_path):
    lamarr.write(lamarr.generate("[D0 -> K- pi+]cc", 3), tmp_path / "generated.parquet")
    with pytest.raises(InputFileError, match="lacks true_states, tracks"):
        next(arrays_of(tmp_path / "generated.parquet"))

"""Closure of tracking: a set is like the events that it made itself, and unlike others."""

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("sklearn", reason="needs the extra 'validate'")
pytest.importorskip("torch", reason="needs the extra 'train'")

import lamarr
from lamarr.errors import ConfigurationError, InputFileError
from lamarr.parametrizations.sets import load_set
from lamarr.validation.tracking_closure import Selection, compare_chances, compare_tracks, main, read_arrays

SET = "lhcb2016-magup"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    generated = lamarr.generate("[D*(2010)+ -> (D0 -> K- pi+) pi+]cc", 5000, seed=2)
    lamarr.write(lamarr.simulate(generated, SET, seed=3), path)
    return path


@pytest.fixture(scope="module")
def arrays(path):
    return read_arrays([path], Selection(part="all"))


def test_a_set_is_like_the_events_that_it_made(arrays):
    models = load_set(SET).models
    lines = [*compare_chances(models, arrays), *compare_tracks(models, arrays, 1)]
    assert {line.species for line in lines} >= {"hadron", "hadron, long"}
    kinds = {line.kind for line in lines}
    assert {"resolution: KS", "covariance: KS", "mean of variances, relative"} <= kinds
    beyond = [line for line in lines if line.met == "no"]
    assert len(beyond) <= 0.1 * len(lines), [str(line) for line in beyond]


def test_wider_residuals_and_other_chances_are_found(arrays):
    spoiled = {
        **arrays,
        "resolution": 1.3 * arrays["resolution"],
        "probability": arrays["probability"].copy(),
    }
    spoiled["probability"][::5, 0] = 0
    models = load_set(SET).models
    found = {(x.species, x.what): x for x in compare_tracks(models, spoiled, 1)}
    assert found["hadron, long", "dx, 68 % width"].value == pytest.approx(1 - 1 / 1.3, abs=0.05)
    assert found["hadron, long", "dx, KS"].met == "no"
    assert found["hadron, long", "log_var_0, KS"].met != "no"
    assert found["hadron, long", "classifier's AUC"].value > 0.6
    chances = {x.what.partition(",")[0]: x for x in compare_chances(models, spoiled)}
    assert chances["acceptance"].value > 0.05


def test_a_selection_keeps_arrays_together(path, arrays):
    some = read_arrays([path, path], Selection(part="all", last=999, block=10))
    half = len(some["beam"]) // 2
    np.testing.assert_array_equal(some["beam"][:half], some["beam"][half:])
    np.testing.assert_array_equal(some["beam"][:half], arrays["beam"][:half])
    assert len(some["track_block"]) == len(some["beam"]) == len(some["resolution"]) == len(some["covariance"])
    assert some["track_block"][half:].min() > some["track_block"][:half].max() == 99
    signal = read_arrays([path], Selection(part="all", signal=True))
    assert 0 < len(signal["beam"]) <= len(arrays["beam"])


def test_the_command_prints_tables_and_refuses_what_it_cannot_compare(path, tmp_path):
    run = CliRunner().invoke
    result = run(main, ["--set", SET, "--data", str(path), "--events", "0:3999", "--summary"])
    assert result.exit_code == 0, result.output
    assert "| resolution: KS | " in result.output
    assert "lines are met" in result.output
    mirrored = run(main, ["--set", "lhcb2016-magdown", "--data", str(path)])
    assert isinstance(mirrored.exception, ConfigurationError)
    assert "mirrors another set" in str(mirrored.exception)
    none = run(main, ["--set", SET, "--data", str(path), "--events", "90000:"])
    assert "hold no tracks" in str(none.exception)
    lamarr.write(lamarr.generate("[D0 -> K- pi+]cc", 5), tmp_path / "generated.parquet")
    bare = run(main, ["--set", SET, "--data", str(tmp_path / "generated.parquet")])
    assert isinstance(bare.exception, InputFileError)

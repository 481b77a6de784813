"""Closure of identification: alike is found alike, different is found different, rows belong together."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("sklearn", reason="needs the extra 'validate'")
pytest.importorskip("torch", reason="needs the extra 'train'")

from lamarr.events import iterate
from lamarr.flash.stages import Identification
from lamarr.parametrizations.pid import MODELS, SPECIES
from lamarr.training.toy import _outputs, make_events, make_tracks
from lamarr.transpile import GraphBuilder, Model
from lamarr.validation.pid_closure import compare_species, draw_again, main


def columns(outputs, t):
    kinematics = {"p": t.p, "eta": t.eta, "nTracks": t.nTracks, "charge": t.charge}
    return {**kinematics, **{n: np.asarray(v, np.float32) for n, v in outputs.items()}}


@pytest.fixture(scope="module")
def pairs():
    """The same kaons, drawn twice from the known response."""
    t = make_tracks(24_000, 1, ("kaon",))
    again = _outputs(np.random.default_rng(5), t.pid, t.p, t.eta, t.nTracks)
    return columns(t.outputs, t), columns(again, t)


def test_two_draws_of_one_response_are_at_the_floor(pairs):
    lines = list(compare_species("kaon", *pairs))
    kinds = ("KS", "distance", "tails", "Δε", "correlations", "AUC")
    assert all(any(kind in line.what for line in lines) for kind in kinds)
    auc = next(line for line in lines if "AUC" in line.what)
    assert auc.value < auc.floor + 0.02
    for line in lines:
        if line.floor is not None and "AUC" not in line.what:
            assert line.value < 2.2 * line.floor, line
    assert sum(line.value <= line.target for line in lines) > 0.6 * len(lines)


def test_another_response_is_found_out(pairs):
    true, drawn = pairs
    spoiled = {
        **drawn,
        "PIDK": drawn["PIDK"] - 3,
        "RichDLLk": np.random.default_rng(1).permutation(drawn["RichDLLk"]),
    }
    lines = {line.what: line for line in compare_species("kaon", true, spoiled)}
    assert lines["PIDK, KS"].value > 0.05
    assert lines["DLLK > 5 vs p, mean |Δε|"].value > 0.005
    assert lines["largest difference of correlations"].value > 0.3
    assert lines["classifier's AUC"].value > 0.8
    assert lines["RichDLLk, KS"].value < 0.02  # as a whole it is the same


def fixed(name, species):
    """A model that yields the same numbers for every track; isMuon never."""
    m = MODELS[name]
    b = GraphBuilder(x=len(m.inputs))
    weights = np.zeros((len(m.inputs), len(m.outputs)))
    graph = b.finish(b.dense(b.input("x"), weights, np.arange(len(m.outputs))))
    columns = {"inputs": m.inputs, "outputs": m.outputs}
    return Model(name=f"{name}_{species}", **columns, n_noise=0, ranges={}, graph=graph, card={})


def test_rows_are_those_of_the_same_tracks(tmp_path):
    make_events(tmp_path / "events.parquet", 400, 1)
    stage = Identification({f"{n}_kaon": fixed(n, "kaon") for n in MODELS})
    (batch,) = iterate(tmp_path / "events.parquet", 1000)
    true, drawn = draw_again(batch, stage, 1)
    for name in ("event_id", "track_id", "p", "true_pid"):
        np.testing.assert_array_equal(true[name], drawn[name])
    assert (np.abs(true["true_pid"]) == SPECIES["kaon"]).all()
    assert (drawn["RichDLLk"] == 2).all()


def test_the_command_prints_a_table(tmp_path):
    make_events(tmp_path / "events.parquet", 8000, 1)
    models = [fixed(n, "kaon") for n in MODELS]
    for model in models:
        model.save(tmp_path / "set")
    declared = {"name": "s", "title": "t", "detector": "lhcb2016-magup", "models": [m.name for m in models]}
    (tmp_path / "set/set.json").write_text(json.dumps(declared))
    arguments = ["--set", str(tmp_path / "set"), "--data", str(tmp_path / "events.parquet"), "--part", "all"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "| kaon | RichDLLe, KS | " in result.output
    assert " lines are met, with " in result.output
    assert "pion: 0 tracks are too few" in result.output

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
from lamarr.validation.blocks import difference, kolmogorov, largest_of, mean_of
from lamarr.validation.lines import summary
from lamarr.validation.pid_closure import Line, Selection, compare_species, draw_again, main, read_pairs


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
    assert " lines are met, " in result.output
    assert "pion: 0 tracks are too few" in result.output
    assert "| KS | " in result.output  # the summary
    few = CliRunner().invoke(main, [*arguments, "--events", "0:9"])
    assert "kaon: " in few.output
    assert "tracks are too few" in few.output
    none = CliRunner().invoke(main, [*arguments, "--signal"])  # of the toy nothing is
    assert "hold no identified long tracks that are selected" in str(none.exception)
    for wrong in ("5", "7:3", "a:b"):
        answer = CliRunner().invoke(main, [*arguments, "--events", wrong])
        assert "must be FIRST:LAST" in str(answer.exception)


def test_files_are_read_one_after_the_other_and_their_events_stay_apart(tmp_path):
    for k in (1, 2):
        make_events(tmp_path / f"{k}.parquet", 400, k)
    stage = Identification({f"{n}_kaon": fixed(n, "kaon") for n in MODELS})
    selection = Selection(part="all", block=10)
    one, _ = read_pairs([tmp_path / "1.parquet"], stage, selection, 1)
    both, drawn = read_pairs([tmp_path / "1.parquet", tmp_path / "2.parquet"], stage, selection, 1)
    assert len(both["p"]) > len(one["p"])
    np.testing.assert_array_equal(both["block"][: len(one["p"])], one["event_id"] // 10)
    assert both["block"][len(one["p"]) :].min() > one["block"].max()
    np.testing.assert_array_equal(both["p"], drawn["p"])


def test_errors_know_that_tracks_of_a_block_are_alike():
    rng = np.random.default_rng(1)
    blocks = np.repeat(np.arange(400), 25)
    everything = np.ones(len(blocks), bool)
    apart = [rng.random(len(blocks)) < 0.3 for _ in range(2)]
    alike = [(rng.random(400) < 0.3)[blocks] for _ in range(2)]
    binomial = np.sqrt(2 * 0.3 * 0.7 / len(blocks))
    assert difference(*apart, blocks, everything)[1] == pytest.approx(binomial, rel=0.15)
    assert difference(*alike, blocks, everything)[1] == pytest.approx(5 * binomial, rel=0.15)
    same = difference(apart[0], apart[0], blocks, everything)
    assert same == (0, 0)


def test_floors_are_exceeded_in_one_of_twenty_cases():
    rng = np.random.default_rng(2)
    errors = rng.uniform(0.5, 1.5, 12)
    away = np.abs(rng.normal(size=(20_000, 12)) * errors)
    assert (away.mean(axis=1) > mean_of(errors)).mean() == pytest.approx(0.05, abs=0.03)
    assert (away.max(axis=1) > largest_of(errors)).mean() < 0.055
    blocks = np.arange(1000)
    inside = np.ones(1000, bool)
    pairs = (kolmogorov(*rng.normal(size=(2, 1000)), blocks, inside, inside) for _ in range(400))
    assert np.mean([d > floor for d, floor in pairs]) < 0.1


def test_the_summary_names_the_worst_of_each_kind():
    lines = [
        Line(species="kaon", what="a", kind="KS", value=0.03, target=0.01, floor=0.05),
        Line(species="kaon", what="b", kind="KS", value=0.02, target=0.01, floor=0.01),
        Line(species="pion", what="a", kind="KS", value=0.005, target=0.01, floor=0.01),
    ]
    assert [line.met for line in lines] == ["open", "no", "yes"]
    head, _, row = summary(lines)
    assert head == "| largest value (floor), lines met | kaon | pion | must hold |"
    assert row == "| KS | 0.02 (0.01), 0/2 | 0.005 (0.01) | 0.01 |"

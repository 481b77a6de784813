"""The trainer: from files to a model; killed and resumed to the bit; what it refuses; its log."""

import csv
import json
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import yaml
from scipy.stats import kstest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("sklearn", reason="needs the extra 'train'")

import lamarr
from lamarr.errors import ConfigurationError, LamarrError, ModelError, UnknownNameError
from lamarr.parametrizations.sets import load_set
from lamarr.training.build import read_sample, train_model
from lamarr.training.commands import declare_set, train_all
from lamarr.training.families.likelihood import Likelihood
from lamarr.training.recipe import load_recipe, recipe_names, resolve_recipes, shipped_recipes
from lamarr.training.recipe_changes import parse_changes
from lamarr.training.referee import kolmogorov, referee, weighted_auc
from lamarr.training.tfevents import EventFile, crc32c
from lamarr.training.toy import SPECIES, dll_cdf, is_muon_probability, make_events, make_ntuple, make_tracks
from lamarr.transpile import load_model

FAST = {
    "training.steps": 40,
    "training.batch": 128,
    "training.looks": 2,
    "training.referee_rows": 400,
}
TINY = {**FAST, "model.trunk": 16, "model.head": 8, "model.components": 3}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    make_events(path, 12_000, 1)
    return path


def one(name, **changes):
    (recipe,) = resolve_recipes(name, {**FAST, **changes})
    return recipe


def weights_of(folder, name):
    return (folder / f"{name}.safetensors").read_bytes()


def without_time(folder):
    with (folder / "log.csv").open() as file:
        return [{k: v for k, v in line.items() if k != "seconds"} for line in csv.DictReader(file)]


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, train_model(one("rich_kaon", **TINY), data, run=folder, command="lamarr train rich_kaon")


def test_a_run_leaves_model_card_log_plots_seed_and_digest(run):
    folder, model = run
    card = load_model(folder, "rich_kaon").card
    assert card == json.loads(json.dumps(model.card | {"weights": card["weights"]}))
    assert card["command"] == "lamarr train rich_kaon"
    assert card["recipe"]["training"]["seed"] == 1
    assert len(card["sample"]["sha256"]) == 64
    assert json.loads((folder / "data.json").read_text())["sha256"] == card["sample"]["sha256"]
    assert set(card["held_out"]["ks"]) == set(model.outputs)
    with (folder / "log.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["step"]) for line in lines] == [20, 40]
    assert float(lines[1]["held_out_loss"]) < float(lines[0]["held_out_loss"])
    assert {p.name for p in (folder / "plots").iterdir()} == {"losses.png", "outputs.png"}
    again = yaml.safe_load((folder / "recipe.yaml").read_text())
    assert again == card["recipe"]


def test_a_model_draws_what_it_was_shown(data, tmp_path):
    changes = {"training.steps": 250, "training.batch": 512, "model.trunk": 32, "model.head": 16}
    model = train_model(one("rich_kaon", **changes), data, run=tmp_path)
    t = make_tracks(4000, 9, ("kaon",))
    x = np.stack([t.p, t.eta, t.nTracks, t.charge], axis=1)
    y = model(x, np.random.default_rng(1).normal(size=(4000, model.n_noise)))
    below = y[:, 0] == 0
    assert (y[below] == 0).mean() > 0.9  # without light all four are exactly zero
    assert abs(below.mean() - (t.outputs["RichDLLk"] == 0).mean()) < 0.05
    u = dll_cdf("RichDLLk", y[~below, 2], 321, t.p[~below], t.eta[~below], t.nTracks[~below])
    assert kstest(u, "uniform").statistic < 0.12


def test_a_finished_run_is_not_trained_again(run, data):
    folder, _ = run
    before = weights_of(folder, "rich_kaon")
    train_model(one("rich_kaon", **TINY), data, run=folder)
    assert weights_of(folder, "rich_kaon") == before


@pytest.mark.parametrize("name", ["mixture", "bce-gan", "consistency"])
def test_an_interrupted_training_goes_on_with_the_same_bits(name, data, tmp_path):
    changes = {"model.class": name, **FAST, "training.steps": 30, "training.looks": 3}
    if name != "mixture":
        changes |= {"model.width": 16, "model.depth": 2}
    recipe = one("rich_kaon", **parse_changes([], changes))
    train_model(recipe, data, run=tmp_path / "whole")

    class KilledError(Exception):
        """Stands for whatever ends a process."""

    def killer(step, total, values):
        if step == 17:
            raise KilledError

    with pytest.raises(KilledError):
        train_model(recipe, data, run=tmp_path / "part", progress=killer, every=0)
    train_model(recipe, data, run=tmp_path / "part")
    assert weights_of(tmp_path / "whole", "rich_kaon") == weights_of(tmp_path / "part", "rich_kaon")
    assert without_time(tmp_path / "whole") == without_time(tmp_path / "part")


@pytest.mark.slow
def test_a_training_killed_by_signal_goes_on_with_the_same_bits(data, tmp_path):
    def start(folder):
        settings = [f"--set={k}={v}" for k, v in {**TINY, "training.steps": 100, "training.looks": 5}.items()]
        code = "from lamarr.cli import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", code, "train", "rich_kaon", "--data", data, "--runs", folder, *settings],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    process = start(tmp_path / "killed")
    checkpoint = tmp_path / "killed/rich_kaon/checkpoint.pt"
    end = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed/rich_kaon/rich_kaon.json").exists()
    for folder in ("killed", "whole"):
        process = start(tmp_path / folder)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert "KS up to" in said
    assert weights_of(tmp_path / "killed/rich_kaon", "rich_kaon") == weights_of(
        tmp_path / "whole/rich_kaon", "rich_kaon"
    )


def test_other_data_or_another_recipe_are_refused_with_both_digests(run, data, tmp_path):
    folder, model = run
    make_events(tmp_path / "other.parquet", 12_000, 2)
    with pytest.raises(
        ConfigurationError, match=r"its data had the SHA-256 \w{64}, now it is \w{64}"
    ) as found:
        train_model(one("rich_kaon", **TINY), tmp_path / "other.parquet", run=folder)
    assert model.card["sample"]["sha256"] in str(found.value)
    with pytest.raises(ConfigurationError, match="its recipe had"):
        train_model(one("rich_kaon", **{**TINY, "training.seed": 3}), data, run=folder)


def test_divergence_stops_with_the_step_and_keeps_the_best(data, tmp_path, monkeypatch):
    step = Likelihood.step

    def broken(self, c, t, w, progress, generator):
        losses = step(self, c, t, w, progress, generator)
        return {"loss": losses["loss"] * (float("nan") if progress > 0.7 else 1)}

    monkeypatch.setattr(Likelihood, "step", broken)
    with pytest.raises(ModelError, match=r"loss = nan at step 29; the best checkpoint, of step 20, is kept"):
        train_model(one("rich_kaon", **TINY), data, run=tmp_path)
    assert torch.load(tmp_path / "best.pt", weights_only=True)["best"]["step"] == 20


def test_a_classifier_is_calibrated_and_close_to_the_truth(tmp_path):
    make_events(tmp_path / "events.parquet", 40_000, 3)
    changes = {"training.steps": 1500, "training.looks": 8, "training.batch": 512, "model.width": 16}
    model = train_model(one("is_muon_muon", **changes), tmp_path / "events.parquet", run=tmp_path / "run")
    assert model.outputs == ("isMuonProbability",)
    t = make_tracks(5000, 8, ("muon",))
    x = np.stack(
        [t.p, t.eta, t.nTracks, t.charge, *(t.outputs[f"RichDLL{h}"] for h in ("e", "mu", "k", "p"))], 1
    )
    error = model(x)[:, 0] - is_muon_probability(SPECIES["muon"], t.p)
    assert np.abs(error).mean() < 0.03
    curve = model.card["held_out"]["isMuonProbability"]["reliability"]
    pulls = [(b["observed"] - b["predicted"]) / b["error"] for b in curve]
    assert np.abs(pulls).max() < 4.5


@pytest.mark.parametrize("name", ["trees", "perceptron"])
def test_other_classifiers_train(name, data, tmp_path):
    recipe = one("is_muon_muon", **parse_changes([], {"model.class": name, **FAST}))
    card = train_model(recipe, data, run=tmp_path).card
    assert card["recipe"]["model"] == {"class": name}
    assert card["held_out"]["isMuonProbability"]["auc"] > 0.55


def test_sweights_of_an_ntuple_take_the_background_away(tmp_path):
    make_ntuple(tmp_path / "ntuple.root", 40_000, 4)
    data = {
        "files": ["ntuple.root"],
        "event": ["runNumber", "eventNumber"],
        "columns": {
            "p": "probe_P",
            "eta": "probe_ETA",
            "charge": "probe_charge",
            "RichDLLp": "probe_RichDLLp",
        },
        "weight": "probe_sWeight",
    }
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(data))
    mine = {
        "name": "mine",
        "title": "mine",
        "inputs": ["p", "eta", "nTracks", "charge"],
        "outputs": ["RichDLLp"],
    }
    mine["model"] = {"class": "mixture", "trunk": 24, "head": 16}
    mine["training"] = {"steps": 400, "batch": 512, "looks": 8, "referee_rows": 2000}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(mine))
    (recipe,) = resolve_recipes(str(tmp_path / "mine.yaml"))
    model = train_model(recipe, tmp_path / "data.yaml", run=tmp_path / "run")
    t = make_tracks(20_000, 5, ("pion",))
    x = np.stack([t.p, t.eta, t.nTracks, t.charge], axis=1)
    y = model(x, np.random.default_rng(1).normal(size=(20_000, model.n_noise)))[:, 0]
    light = y != 0
    u = dll_cdf("RichDLLp", y[light], 211, t.p[light], t.eta[light], t.nTracks[light])
    # with the background of protons the distance would be larger than 0.15
    assert kstest(u, "uniform").statistic < 0.06


def test_the_cut_of_a_recipe_holds_for_other_data_as_far_as_they_have_its_columns(tmp_path):
    make_ntuple(tmp_path / "ntuple.root", 4000, 4)
    columns = {n: f"probe_{n}" for n in ("RichDLLe", "RichDLLmu", "RichDLLk", "RichDLLp")}
    columns |= {"p": "probe_P", "eta": "probe_ETA", "charge": "probe_charge"}
    (tmp_path / "data.yaml").write_text(yaml.safe_dump({"files": ["ntuple.root"], "columns": columns}))
    recipe = one("rich_pion", select="type == 3 and abs(true_pid) == 211 and p > 30000")
    said = []
    s = read_sample(recipe, tmp_path / "data.yaml", tmp_path / "s", said.append)
    assert s.conditions[:, 0].min() > 30_000
    assert s.selection == "(p > 30000)"
    assert "'type == 3' is not asked of data without type" in said[0]
    assert "'abs(true_pid) == 211' is not asked of data without true_pid" in said[1]
    with pytest.raises(LamarrError, match=r"in 'probe_PP > 0'.*near misses: probe_P"):
        read_sample(one("rich_pion", select="probe_PP > 0"), tmp_path / "data.yaml", tmp_path / "t")


def test_a_rare_kind_of_track_is_learned_from_a_wider_selection(data, tmp_path):
    changes = {**TINY, "smallest": 1000}
    model = train_model(one("muon_kaon", **changes), data, run=tmp_path / "few")
    assert model.card["sample"]["selection"] == "type == 3 and isMuon == 1 and abs(true_pid) != 13"
    model = train_model(one("muon_muon", **changes), data, run=tmp_path / "many")
    assert model.card["sample"]["selection"] == "type == 3 and abs(true_pid) == 13 and isMuon == 1"
    (recipe,) = [replace(r, select="p < 0") for r in [one("muon_kaon", **changes)]]
    assert train_model(recipe, data, run=tmp_path / "none").card["sample"]["selection"] == recipe.fallback


def test_small_samples_are_not_learned_by_heart(data, tmp_path):
    model = train_model(one("rich_kaon", **{**TINY, "training.epochs": 1}), data, run=tmp_path)
    assert model.card["training"]["steps"] == round(model.card["sample"]["rows"]["train"] / 128) < 40


def test_one_model_that_fails_does_not_keep_the_others(data, tmp_path):
    (tmp_path / "bad.yaml").write_text("name: bad\ntitle: t\ninputs: [p, type]\noutputs: [RichDLLk]\n")
    with pytest.raises(ModelError, match=r"1 of 2 models could not .* bad: condition 'type' must vary"):
        train_all(
            [str(tmp_path / "bad.yaml"), "rich_kaon"],
            TINY,
            everything=False,
            data=data,
            output=tmp_path / "set",
            runs=tmp_path / "runs",
            quiet=True,
        )
    assert json.loads((tmp_path / "set/set.json").read_text())["models"] == ["rich_kaon"]


@pytest.mark.slow
def test_a_whole_set_is_trained_and_simulates(data, tmp_path):
    train_all(
        [],
        {"training.steps": 20, "training.looks": 1, "training.referee_rows": 300},
        everything=True,
        data=data,
        output=tmp_path / "mine",
        runs=tmp_path / "runs",
        quiet=True,
    )
    events = lamarr.generate("[D0 -> K- pi+]cc", 40)
    out = lamarr.simulate(events, tmp_path / "mine", seed=1)
    assert out["pid"].rows == (out["tracks"]["type"] == 3).sum() > 0


def test_bfloat16_trains_too(data, tmp_path):
    model = train_model(one("rich_kaon", **{**TINY, "training.precision": "bfloat16"}), data, run=tmp_path)
    assert np.isfinite(model.card["held_out"]["held_out_loss"])


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("rich_kaon", {"inputs": ["p", "eta", "type"]}, "condition 'type' must vary, but is 3"),
        ("rich_kaon", {"inputs": ["p", "etta"]}, "near misses: .*eta"),
        ("rich_kaon", {"select": "abs(true_pid) == 411"}, "no rows are left"),
        ("rich_kaon", {"select": "abs(true_pid) == 321 and p > 99000"}, "at least 20 rows"),
        (
            "is_muon_kaon",
            {"select": "abs(true_pid) == 321 and isMuon == 0"},
            "hold both classes, but all .* class 0",
        ),
        ("is_muon_kaon", {"outputs": ["RichDLLk"]}, "must be 0 or 1"),
        ("rich_kaon", {"training.device": "cuda"}, "torch finds none"),
    ],
)
def test_samples_that_cannot_be_learned_from_are_refused(name, changes, words, data, tmp_path):
    if changes.get("training.device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(LamarrError, match=words):
        train_model(one(name, **changes), data, run=tmp_path)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("rich_poin", {}, "near misses: .*rich_pion"),
        ("rich_pion", {"model.class": "mixtrue"}, "near misses: mixture"),
        ("is_muon_pion", {"model.class": "mixture"}, "for a classifier"),
        ("rich_pion", {"trainning.steps": 3}, "near misses: training"),
        ("rich_pion", {"training.steps": 0}, "steps"),
        ("rich_pion", {"training.step": 3}, "near misses: steps"),
        ("rich_pion", {"species": ["koan"]}, "near misses: kaon"),
        ("rich_pion", {"select": "p >"}, "no expression"),
        ("rich_pion", {"name": "a-b"}, "identifier"),
        ("rich_pion", {"name.x": 1}, "holds a value"),
    ],
)
def test_wrong_recipes_are_answered_with_sentences(name, changes, words):
    with pytest.raises((ConfigurationError, UnknownNameError), match=words):
        resolve_recipes(name, changes)


def test_shipped_recipes_cover_all_models_of_identification():
    from lamarr.parametrizations.pid import MODELS, SPECIES

    assert set(recipe_names()) >= {f"{m}_{s}" for m in MODELS for s in SPECIES}
    for name in MODELS:
        recipe = load_recipe(shipped_recipes()[name])
        assert recipe.inputs == MODELS[name].inputs
        assert {*(recipe.gives or recipe.outputs), *recipe.copies} == set(MODELS[name].outputs)
        assert next(m.title for m in recipe.models()).endswith("muons")


def test_a_set_of_own_models_takes_the_others_from_the_default(run, tmp_path):
    _, model = run
    folder = tmp_path / "mine"
    model.save(folder)
    declare_set(folder, [model.name])
    declare_set(folder, [model.name])
    models = load_set(folder)
    assert models["rich_kaon"].outputs == model.outputs
    assert models["resolution"].n_noise == 18
    assert models.name == "mine"


def test_the_referee_knows_alike_from_different():
    rng = np.random.default_rng(1)
    c, real = rng.normal(size=(8000, 2)), rng.normal(size=(8000, 2))
    w = np.ones(8000)
    auc, error = referee(c, real, rng.normal(size=(8000, 2)), w)
    assert abs(auc - 0.5) < 4 * error
    auc, _ = referee(c, real, rng.normal(size=(8000, 2)) + 0.5, w)
    assert auc > 0.6


def test_weighted_measures_ignore_a_background_with_cancelling_weights():
    rng = np.random.default_rng(2)
    real, drawn = np.r_[rng.normal(size=9000), rng.normal(5, 1, 2000)], rng.normal(size=11_000)
    w = np.r_[np.ones(9000), np.tile([1.0, -1.0], 1000)]
    assert kolmogorov(real, drawn, w) < 0.035
    assert kolmogorov(real, drawn, np.ones(11_000)) > 0.15
    score, label = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])
    assert weighted_auc(score, label, np.ones(4)) == 0.75


def test_the_event_file_is_what_tensorboard_reads(tmp_path):
    """Records read back by the letter of the format: lengths, masked checksums, protocol buffers."""
    file = EventFile(tmp_path)
    file.scalars(300, {"loss": 1.5, "auc": 0.625})
    file.close()
    data, records = file.path.read_bytes(), []
    while data:
        (n,) = struct.unpack("<Q", data[:8])
        for start, stop in ((0, 8), (12, 12 + n)):
            crc = crc32c(data[start:stop])
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.unpack("<I", data[stop : stop + 4])[0] == masked
        records.append(data[12 : 12 + n])
        data = data[16 + n :]
    assert b"brain.Event:2" in records[0]
    assert records[1][9:12] == b"\x10\xac\x02"  # field 2, varint 300
    assert b"\x0a\x04loss\x15" + struct.pack("<f", 1.5) in records[1]
    assert b"\x0a\x03auc\x15" + struct.pack("<f", 0.625) in records[1]

"""Identification: one row per long track, each model after the one before, the same for every batch."""

import json

import numpy as np
import pytest

from lamarr.errors import ModelError, PipelineError
from lamarr.events import EventBatch, Fate, Table
from lamarr.flash import load_pipeline
from lamarr.flash.stages import Identification
from lamarr.parametrizations.pid import MODELS, SPECIES
from lamarr.random import Stream
from lamarr.transpile import GraphBuilder, Model
from made_up_events import made_up

RANGES = {"p": (1e3, 2e5), "nTracks": (0.0, 600.0)}


def model(name, species, *, chance=None, nan=False):
    """A linear model of inputs and noise, or a constant probability; species shift the outputs."""
    declared = MODELS[name]
    noise = 0 if name == "is_muon" else 3
    b = GraphBuilder(x=len(declared.inputs), noise=noise)
    rng = np.random.default_rng(len(name))
    scale = np.array([1e-5, 1e-1, 1e-3, 1.0, *(0.1 for _ in declared.inputs[4:])])
    x = b.add("affine", b.input("x"), scale=scale, shift=0 * scale)
    x = b.concat(x, b.input("noise")) if noise else x
    shift = list(SPECIES).index(species) + (np.nan if nan else 0.0)
    y = b.dense(x, rng.normal(size=(x.width, len(declared.outputs))), np.full(len(declared.outputs), shift))
    if chance is not None:
        y = b.add("affine", y, scale=[0.0], shift=[chance])
    return Model(
        name=f"{name}_{species}",
        inputs=declared.inputs,
        outputs=declared.outputs,
        n_noise=noise,
        ranges=RANGES,
        graph=b.finish(y),
        card={},
    )


def models(species=tuple(SPECIES), chance=0.5, **options):
    made = [
        model(n, s, chance=chance if n == "is_muon" else None, **options) for s in species for n in MODELS
    ]
    return {m.name: m for m in made}


@pytest.fixture(scope="module")
def batch():
    """Events with tracks of all kinds: of every species, long and downstream, and a ghost."""
    rng = np.random.default_rng(1)
    n, events = 300, 12
    event = np.sort(rng.integers(0, events, n))
    number = np.arange(n) - np.searchsorted(event, event)
    pid = rng.choice([11, -13, 211, -321, 2212, 3112], n)
    p = np.exp(rng.uniform(7, 11, n))
    eta, phi = rng.uniform(2, 5, n), rng.uniform(-3, 3, n)
    pt = p / np.cosh(eta)
    momentum = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    made = made_up([{}])
    whole = {"event_id": event, "particle_id": number}
    zeros = {c: np.zeros(n) for c in made["particles"] if c not in whole}
    particles = Table(
        "particles",
        {
            **{c: v.astype(made["particles"][c].dtype) for c, v in zeros.items()},
            **whole,
            "pid": pid,
            **momentum,
            "fate": np.full(n, Fate.LONG),
            "out_of_domain": np.zeros(n, bool),
        },
    )
    columns = {c: np.zeros(n) for c in ("x", "y", "z", "tx", "ty", "qop", "chi2PerDoF", "ghostProb")}
    tracks = Table(
        "tracks",
        {
            **columns,
            **whole,
            "track_id": number,
            "type": rng.choice([3, 5], n, p=[0.8, 0.2]),
            "p": p,
            **momentum,
            "charge": rng.choice([-1, 1], n),
            "nDoF": np.full(n, 20),
        }
        | {"particle_id": np.where(rng.random(n) < 0.05, -1, number)},
    )
    ids = np.arange(events)
    table = Table(
        "events",
        {
            "event_id": ids,
            "nTracks": rng.integers(20, 400, events),
            "weight": np.ones(events),
            **dict.fromkeys(("source", "run_number", "event_number", "n_collisions"), 0 * ids),
        },
    )
    return EventBatch({"events": table, "particles": particles, "tracks": tracks}, ["made up"])


def test_long_tracks_of_known_species_get_a_row(batch):
    out = Identification(models())(batch, 1)
    tracks, pid = batch["tracks"], out["pid"]
    particle = batch.rows_of("particles", tracks["event_id"], tracks["particle_id"])
    known = np.isin(np.abs(batch["particles"]["pid"][particle]), list(SPECIES.values())) & (particle >= 0)
    expected = np.flatnonzero(known & (tracks["type"] == 3))
    np.testing.assert_array_equal(pid["track_id"], tracks["track_id"][expected])
    np.testing.assert_array_equal(pid["event_id"], tracks["event_id"][expected])


def test_what_needs_muon_hits_is_absent_without(batch):
    pid = Identification(models())(batch, 1)["pid"]
    muon = pid["isMuon"]
    assert 0.3 < muon.mean() < 0.7
    for name, absent in (("MuonMuLL", -1000), ("MuonBkgLL", -1000), ("ProbNNmu", -1)):
        assert (pid[name][~muon] == absent).all()
        assert (pid[name][muon] != absent).all()
    assert (pid["isMuonProbability"] == 0.5).all()
    for chance, share in ((0.0, 0.0), (1.0, 1.0)):
        assert Identification(models(chance=chance))(batch, 1)["pid"]["isMuon"].mean() == share


def test_each_model_sees_what_the_ones_before_drew(batch):
    all_models = models()
    pid = Identification(all_models)(batch, 1)["pid"]
    rich = np.stack([pid[n] for n in ("RichDLLe", "RichDLLmu", "RichDLLk", "RichDLLp")], axis=1)
    rows = batch.rows_of("tracks", pid["event_id"], pid["track_id"])
    track = batch["tracks"].take(rows)
    kinematics = [
        track["p"],
        np.arctanh(track["pz"] / track["p"]),
        batch["events"]["nTracks"][pid["event_id"]],
        track["charge"],
    ]
    x = np.concatenate([np.stack(kinematics, axis=1), rich], axis=1)
    x[:, 0] = np.clip(x[:, 0], *RANGES["p"])
    particle = batch.rows_of("particles", track["event_id"], track["particle_id"])
    at = pid["isMuon"] & (batch["particles"]["pid"][particle] == 211)
    noise = Stream(1, "pid.muon_pion").normal(track["event_id"][at], track["particle_id"][at], 3)
    expected = all_models["muon_pion"](x[at].astype(np.float32), noise)
    np.testing.assert_allclose(np.stack([pid["MuonMuLL"][at], pid["MuonBkgLL"][at]], 1), expected, rtol=1e-5)


def test_batches_do_not_matter(batch):
    stage = Identification(models())
    whole = stage(batch, 3)
    parts = [stage(batch.select_events(a, b), 3) for a, b in ((0, 1), (1, 5), (5, 12))]
    assert EventBatch.concatenate(parts)["pid"] == whole["pid"]
    assert stage(batch, 4)["pid"] != whole["pid"]


def identified(out):
    """The tracks, and the rows of their particles, that table pid has rows for."""
    tracks = out["tracks"].take(out.rows_of("tracks", out["pid"]["event_id"], out["pid"]["track_id"]))
    return tracks, out.rows_of("particles", tracks["event_id"], tracks["particle_id"])


def test_rows_beyond_the_ranges_are_flagged(batch):
    out = Identification(models())(batch, 1)
    tracks, rows = identified(out)
    np.testing.assert_array_equal(out["particles"]["out_of_domain"][rows], tracks["p"] < RANGES["p"][0])


def test_the_other_polarity_is_fed_the_opposite_charge(batch):
    track = batch["tracks"]
    reversed_ = batch.with_tables(track.with_columns(charge=-track["charge"]))
    a = Identification(models(), reverse_charge=True)(reversed_, 1)["pid"]
    assert a == Identification(models())(batch, 1)["pid"]


def test_species_without_models_get_no_row(batch):
    out = Identification(models(("pion",)))(batch, 1)
    _, rows = identified(out)
    assert set(np.abs(out["particles"]["pid"][rows])) == {211}


def test_incomplete_or_strange_models_are_refused():
    with pytest.raises(PipelineError, match="the set has none"):
        Identification({})
    lacking = models(("kaon",))
    lacking.pop("muon_kaon")
    with pytest.raises(PipelineError, match="'muon_kaon' is missing"):
        Identification(lacking)
    strange = models(("kaon",))
    strange["rich_kaon"] = strange["muon_kaon"]
    with pytest.raises(PipelineError, match="'rich_kaon' must read from p, eta"):
        Identification(strange)


def test_a_model_that_yields_nan_is_named_with_its_particle(batch):
    with pytest.raises(ModelError, match=r"rich_electron' yields .*nan.* of event \d+"):
        Identification(models(nan=True))(batch, 1)


def test_the_default_pipeline_has_the_stage_if_the_set_has_the_models(tiny_set, tmp_path):
    assert "pid" not in [s.name for s in load_pipeline(str(tiny_set), backend="numpy").stages]
    folder = tmp_path / "with_pid"
    for m in models().values():
        m.save(folder)
    declared = {"name": "with_pid", "title": "t", "detector": "lhcb2016-magup", "derived_from": str(tiny_set)}
    (folder / "set.json").write_text(json.dumps({**declared, "models": list(models())}))
    stages = load_pipeline(str(folder), backend="numpy").stages
    assert [s.name for s in stages][-2:] == ["count_tracks", "pid"]
    out = load_pipeline(str(folder), backend="numpy")(
        made_up(*[[{"pid": k, "pz": 2e4}] for k in (211, 321, 13, 2212, 11) for _ in range(4)]), 1
    )
    assert out["pid"].rows == (out["tracks"]["type"] == 3).sum()

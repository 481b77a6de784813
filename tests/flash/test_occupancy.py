"""The number of tracks of an event, those without a generated particle included."""

import json

import numpy as np
import pytest

from lamarr.flash import load_pipeline
from lamarr.flash.link import compile_pipeline
from lamarr.flash.link.linked import LinkedPipeline
from lamarr.flash.sources import open_decay, open_gun
from lamarr.flash.stages import CountTracks, Occupancy, SignalOnly
from lamarr.parametrizations.occupancy import CONDITIONS, OUTPUTS
from lamarr.transpile import GraphBuilder, Model


def model(slope=0.3, of_signal=100.0, spread=2.0):
    """nOther = slope · nKnown + of_signal · isSignalOnly + spread · N(0, 1)."""
    b = GraphBuilder(x=2, noise=1)
    x = b.concat(b.input("x"), b.input("noise"))
    y = b.dense(x, np.array([[slope], [of_signal], [spread]]), np.zeros(1))
    return Model(
        name="occupancy",
        inputs=CONDITIONS,
        outputs=OUTPUTS,
        n_noise=1,
        ranges={"nKnownTracks": (0.0, 1000.0)},
        graph=b.finish(y),
        card={},
    )


@pytest.fixture(scope="module")
def decays():
    return next(iter(open_decay("[B_s0 -> (J/psi -> mu+ mu-) (phi -> K+ K-)]cc", 400, 3).source.batches(400)))


@pytest.fixture(scope="module")
def folder(tiny_set, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "with_occupancy"
    model().save(folder)
    declared = {"name": "x", "title": "t", "detector": "lhcb2016-magup", "derived_from": str(tiny_set)}
    (folder / "set.json").write_text(json.dumps({**declared, "models": ["occupancy"]}))
    return folder


def test_a_gun_is_signal_only_and_a_collision_is_not(decays):
    assert SignalOnly()(decays, 1)["events"]["is_signal_only"].all()
    shots = next(iter(open_gun("K+ p=log(2,100) eta=2:5", 50, 1).source.batches(50)))
    assert SignalOnly()(shots, 1)["events"]["is_signal_only"].all()
    t = decays["particles"]
    some = decays.with_columns("particles", from_signal=t["from_signal"] & (t["event_id"] != 7))
    assert np.flatnonzero(~SignalOnly()(some, 1)["events"]["is_signal_only"]).tolist() == [7]


def test_tracks_without_a_particle_are_added_and_never_taken_away(folder, decays, tiny_set):
    before = load_pipeline(str(tiny_set), backend="numpy")(decays, 5)["events"]["nTracks"]
    after = load_pipeline(str(folder), backend="numpy")(decays, 5)["events"]["nTracks"]
    added = after - before
    assert added.dtype.kind == "i"
    assert abs(added.mean() - 100 - 0.3 * before.mean()) < 5 * 2 / np.sqrt(len(added))
    none = Occupancy(model(0.0, -50.0))(CountTracks()(load_pipeline(str(tiny_set))(decays, 5), 5), 5)
    assert (none["events"]["nTracks"] == before).all()


def test_the_number_depends_on_the_event_alone(folder, decays):
    pipeline = load_pipeline(str(folder), backend="numpy")
    whole = pipeline(decays, 5)["events"]["nTracks"]
    part = pipeline(decays.select_events(100, 117), 5)["events"]["nTracks"]
    assert (whole[100:117] == part).all()


def test_the_compiled_pipeline_gives_the_same(folder, decays, tmp_path):
    library = LinkedPipeline(compile_pipeline(str(folder), tmp_path / "libx.so")[0])
    got = library(library.inputs_of(decays), 5)["events"]
    expected = load_pipeline(str(folder), backend="c")(decays, 5)["events"]
    for name in ("nTracks", "is_signal_only"):
        np.testing.assert_array_equal(got[name], expected[name])

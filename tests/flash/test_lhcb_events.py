"""Real LHCb generator events, where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from lamarr.events import Fate, read
from lamarr.flash import Run, load_pipeline
from lamarr.generation import HepMCFiles

SHARED = Path(os.environ.get("LAMARR_SHARED", Path(__file__).parents[3] / "shared"))
FILES = sorted((SHARED / "data" / "hepmc").glob("*.mc2"))
PARTICLES = [1903, 902, 1333, 1831, 2024]
COLLISIONS = [3, 1, 1, 1, 2]

pytestmark = pytest.mark.skipif(len(FILES) != 5, reason="LHCb's HepMC files are not at hand (LAMARR_SHARED)")


@pytest.fixture(scope="module", params=["all", "physical"])
def run(request, tiny_set, tmp_path_factory):
    path = tmp_path_factory.mktemp("lhcb") / "out.root"
    pipeline = load_pipeline(str(tiny_set))
    report = Run(source=HepMCFiles(FILES), pipeline=pipeline, outputs=(path,), keep=request.param)()
    return request.param, report, read(path)


def test_all_particles_of_all_collisions_are_accounted_for(run):
    keep, report, result = run
    assert report.particles == sum(PARTICLES)
    assert report.counts.fates[0].sum() == 0
    assert result["events"]["n_collisions"].tolist() == COLLISIONS
    if keep == "all":
        assert np.bincount(result["particles"]["event_id"]).tolist() == PARTICLES


def test_the_signal_decay_is_there_with_its_fates(run):
    _, _, result = run
    t = result["particles"]
    heads = t.take(t["is_signal"])
    assert heads.rows >= 5
    assert set(heads["status"]) == {889}
    signal = t.take(t["from_signal"])
    for head in range(heads.rows):
        event = heads["event_id"][head]
        daughters = signal["mother"][signal["event_id"] == event] == heads["particle_id"][head]
        assert daughters.sum() >= 1  # one where the head oscillated
    assert not set(signal["fate"]) & {Fate.UNDECIDED, Fate.DOCUMENTATION}


def test_every_collision_has_its_primary_vertex(run):
    _, _, result = run
    vertices = result["primary_vertices"]
    assert np.bincount(vertices["event_id"]).tolist() == COLLISIONS
    rows = result.rows_of("vertices", vertices["event_id"], vertices["vertex_id"])
    true = result["vertices"].take(rows)
    assert true["is_primary"].all()
    assert (np.abs(vertices["x"] - true["x"]) < 0.3).all()
    assert (np.abs(true["x"] - 0.84) < 0.3).all()

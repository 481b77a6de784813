"""The figures of docs/ecal.md are those of the events that are given."""

import numpy as np
import pytest
from click.testing import CliRunner

import lamarr
from lamarr.events import EventBatch
from lamarr.flash import PipelineConfiguration
from lamarr.validation.ecal_figures import electrons, main, photons, whole_events
from lamarr.validation.report.groups import columns_of


@pytest.fixture(scope="module")
def batch():
    guns = [("gamma p=log(2,30) eta=2:4.5", 600), ("e-,e+,pi+ p=log(5,30) eta=2.2:4.2", 600)]
    pipeline = PipelineConfiguration(set="lhcb2016-magup", ecal="parametric")
    return [lamarr.simulate(lamarr.generate(g, n, seed=3), pipeline=pipeline, seed=1) for g, n in guns]


def test_photons_and_clusters_of_a_gun(batch):
    found = photons(batch[0])
    assert len(found["energy"]) > 100
    assert np.median(found["ratio"]) == pytest.approx(1.0, abs=0.05)
    assert np.abs(found["dx"]).max() < 1.5 * 122
    every = whole_events(batch[0])
    assert len(every["energy"]) == batch[0]["clusters"].rows
    assert 0 <= every["strange"].sum() < 0.5 * every["energy"].sum()


def test_the_command_prints_every_table(batch, tmp_path):
    path = tmp_path / "photons.parquet"
    lamarr.write(batch[0], path)
    done = CliRunner().invoke(main, [str(path), "-n", "300"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "| events | 300 | 300 |" in done.output
    assert "σ(E)/E detailed" in done.output


def test_electrons_are_those_of_the_signal(batch):
    signal = batch[1].with_columns("particles", from_signal=np.ones(batch[1]["particles"].rows, bool))
    found = electrons(signal)
    mine = found["electron"]
    assert 50 < mine.sum() < len(mine)
    assert found["points"][mine].mean() > 0.4
    assert (found["after"] >= found["before"]).all()
    gun = batch[1]["particles"]["from_signal"].any()
    assert electrons(batch[1])["electron"].any() == gun


def test_electrons_of_a_report_are_the_same_with_and_without_their_table(batch):
    tables = {k: batch[1][k] for k in batch[1] if k != "electrons"}
    a, b = (columns_of(x, "electrons") for x in (batch[1], EventBatch(tables, batch[1].sources)))
    assert len(a["p"]) > 50
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
    assert np.median(a["eOverP"][a["has_cluster"]]) == pytest.approx(1, abs=0.15)
    assert 0 < a["has_brem"].mean() < 1

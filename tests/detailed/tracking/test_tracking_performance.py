"""The tables of performance, from a gun whose muons fly by the fit's own physics."""

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("numba", reason="the detailed tracking is compiled by numba")

from tests.detailed.tracking.toys import CONTEXT, event

import lamarr
from lamarr.detailed.fates import transport
from lamarr.detailed.tables import cut_to_event, primary_vertices, tracks
from lamarr.detailed.tracking import reconstruct
from lamarr.detailed.tracking.performance import main, tracking_performance
from lamarr.detailed.tracking.truth import matched_tracks
from lamarr.events import EventBatch


@pytest.fixture(scope="module")
def batch():
    generated, parts = lamarr.generate("mu- p=10:40 eta=2.5:4", 80, seed=4), []
    for i in range(generated.n_events):
        one = generated.select_events(i, i + 1)
        particle, vertex = one["particles"], one["vertices"]
        px, py, pz = (particle[c][0] for c in ("px", "py", "pz"))
        p = 1e-3 * np.sqrt(px**2 + py**2 + pz**2)
        start = [float(vertex[c][particle["production_vertex"][0]]) for c in "xyz"]
        flown = event([(*start, [(p, px / pz, py / pz, -1)])], event_id=i)
        flown.tracks["end_z"] = 12000.0
        found = reconstruct(flown, CONTEXT)
        columns = {
            "tracks": tracks(found),
            "primary_vertices": primary_vertices(found, one),
            "transport": transport(flown, found, 5000.0),
        }
        parts.append(one.with_tables(*(cut_to_event(name, i, c) for name, c in columns.items())))
    return EventBatch.concatenate(parts)


def test_widths_pulls_and_efficiency_of_muons(batch):
    result = tracking_performance(batch)
    filled = result["momentum_n"] >= 10
    assert filled.any()
    ratio = result["momentum_value"][filled] / result["momentum_reference"][filled]
    assert ((ratio > 0.5) & (ratio < 1.6)).all()
    assert (result["muon_pull_width"] > 0.7).all()
    assert (result["muon_pull_width"] < 1.5).all()
    n = result["efficiency_mu_n"]
    assert np.nansum(result["efficiency_mu_value"] * n) / n.sum() > 0.95
    assert result["efficiency_pi_n"].sum() == 0
    assert result["ghost_rate"][0] < 0.1


def test_the_truth_of_a_track_is_that_of_its_particle(batch):
    columns = matched_tracks(batch)
    good = columns["good"]
    assert (columns["pid"][good] == 13).all()
    assert np.abs(columns["dp"][good & (columns["type"] == 3)]).max() < 0.1
    assert np.abs(columns["ip_x"][good]).max() < 0.5
    assert np.isnan(columns["true_p"][~good]).all()


def test_the_command_prints_the_tables(batch, tmp_path):
    lamarr.write(batch, tmp_path / "muons.parquet")
    result = CliRunner().invoke(main, [str(tmp_path / "muons.parquet")])
    assert result.exit_code == 0, result.output
    assert "σ(p)/p" in result.output
    assert "efficiency of reconstructible mu" in result.output


def test_without_tracks_everything_is_nan(batch):
    empty = batch["tracks"].take(slice(0, 0))
    result = tracking_performance(batch.with_tables(empty, batch["primary_vertices"].take(slice(0, 0))))
    assert np.isnan(result["momentum_value"]).all()
    assert result["type_n"].tolist() == [0, 0, 0]

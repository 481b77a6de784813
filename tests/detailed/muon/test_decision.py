"""The truth table of isMuon, fields of interest, likelihoods."""

import dataclasses
import itertools

import numpy as np
import pytest
from tests.detailed.toy_events import context, event_of

from lamarr.detailed.muon import identify
from lamarr.detailed.muon.decision import Search, decide, field_of_interest, search
from lamarr.detailed.muon.likelihood import average_distance, build, load_tables, read_tables
from lamarr.detailed.muon.make_tables import join, write_tables
from lamarr.detailed.muon.pads import PAD, fire
from lamarr.detailed.records import MUON_HIT, RECO_TRACK, STATE_PLANES
from lamarr.detector.geometry import load_geometry
from lamarr.units import c_light

MUON = load_geometry().muon


def seen(p, m2, m3, m4, m5, accepted=True):
    found = np.array([[False, m2, m3, m4, m5]])
    distance = np.where(found, 0.5, np.inf)
    return Search(np.array([p]), np.array([accepted]), found, distance, np.array([1]))


def written_out(p, m2, m3, m4, m5):
    """The published table in words of one line each (refs: JINST 8 P10020)."""
    if p < 6e3:
        return m2 and m3
    if p <= 10e3:
        return m2 and m3 and (m4 or m5)
    return m2 and m3 and m4 and m5


def loose_written_out(p, m2, m3, m4, m5):
    m4, m5 = m4 and p > 3.5e3, m5 and p > 4.2e3
    return m2 + m3 + m4 >= 2 if p < 6e3 else m2 + m3 + m4 + m5 >= 3


@pytest.mark.parametrize("p", [3.2e3, 3.6e3, 5.9e3, 6.1e3, 9.9e3, 10.1e3, 80e3])
@pytest.mark.parametrize("stations", list(itertools.product([False, True], repeat=4)))
def test_truth_table(p, stations):
    is_muon, loose = decide(seen(p, *stations))
    assert is_muon[0] == written_out(p, *stations)
    assert loose[0] == loose_written_out(p, *stations)
    assert not any(d[0] for d in decide(seen(p, *stations, accepted=False)))


def track_through(tx, ty, p):
    """A track that points from the origin with these slopes."""
    track = np.zeros(1, RECO_TRACK)
    track["state"]["tx"] = np.nan
    state = track["state"][:, STATE_PLANES.index("t_end")]
    state["x"], state["y"], state["z"], state["tx"], state["ty"] = 9450 * tx, 9450 * ty, 9450, tx, ty
    state["qop"] = 1 / p
    return track


def hits_of(tx, ty, stations=range(5)):
    hits = np.zeros(len(list(stations)), MUON_HIT)
    for hit, number in zip(hits, stations, strict=True):
        z = MUON.stations[number].z
        hit["station"], hit["x"], hit["y"], hit["z"] = number, tx * z, ty * z, z
        hit["t"] = z * np.sqrt(1 + tx**2 + ty**2) / c_light
    return hits


PERFECT = dataclasses.replace(MUON, efficiency=1.0, cluster_size=1.0, background=(0.0,) * 5)


@pytest.mark.parametrize("p", [4e3, 8e3, 50e3, 2e6])
@pytest.mark.parametrize("tx", [0.03, -0.06, 0.15, 0.22])
def test_a_straight_muon_is_a_muon_unless_too_slow_or_beside(p, tx):
    pads = fire(hits_of(tx, 0.04), PERFECT, np.random.default_rng(1))
    assert decide(search(track_through(tx, 0.04, p), pads, MUON))[0].all()
    assert not decide(search(track_through(tx, 0.04, 2.9e3), pads, MUON))[0].any()
    assert not decide(search(track_through(-tx, 0.04, p), pads, MUON))[0].any()


def test_tracks_outside_of_the_stations_are_no_muons():
    pads = fire(hits_of(0.03, 0.0), PERFECT, np.random.default_rng(1))
    for tx, ty in ((0.005, 0.0), (0.4, 0.0), (0.0, 0.3)):
        assert not search(track_through(tx, ty, 2e4), pads, MUON).accepted.any()


def test_field_of_interest_shrinks_with_momentum_to_its_constant():
    p = np.array([3e3, 10e3, 100e3, 999.9e3, 1e6])
    for station in range(1, 5):
        for region in range(4):
            x, y = field_of_interest(p, station, np.array([region]), MUON)
            a = MUON.foi_factor * MUON.foi_x[station][region][0]
            assert (np.diff(x[:, 0]) <= 0).all()
            assert (np.diff(y[:, 0]) <= 0).all()
            assert x[-1, 0] == pytest.approx(a)
    # M2 R1 at 10 GeV: 1.2 (5.2 + 31 exp(-0.6)), Muon_2015_def
    assert field_of_interest(np.array([1e4]), 1, np.array([0]), MUON)[0][0, 0] == pytest.approx(
        26.656, abs=1e-3
    )


def test_distances_are_in_pads():
    track, pads = track_through(0.05, 0.02, 20e3), np.zeros(1, PAD)
    pads["station"], pads["region"], pads["half_x"], pads["half_y"] = 1, 1, 6.0, 30.0
    pads["x"], pads["y"] = 0.05 * MUON.stations[1].z + 24.0, 0.02 * MUON.stations[1].z - 30.0
    s = search(track, pads, MUON)
    assert s.distance[0, 1] == pytest.approx(2.0**2 + 0.5**2)
    assert average_distance(s)[0] == pytest.approx(4.25)


def test_nothing_found_without_tracks_or_pads():
    none = search(np.zeros(0, RECO_TRACK), np.zeros(3, PAD), MUON)
    assert none.found.shape == (0, 5)
    dark = search(track_through(0.1, 0.1, 5e4), np.zeros(0, PAD), MUON)
    assert not decide(dark)[0].any()
    assert np.isinf(average_distance(dark)).all()


def sample(rng, scale, n=4000):
    found = np.ones((n, 5), bool)
    distance = scale * rng.exponential(1.0, (n, 5))
    p = rng.uniform(3e3, 40e3, n)
    return Search(p, np.ones(n, bool), found, distance, rng.integers(0, 4, n))


def test_likelihoods_follow_the_cumulative_distributions():
    rng = np.random.default_rng(4)
    muons, others = sample(rng, 1.0), sample(rng, 6.0)
    tables = build(muons, others, np.array([10e3]), 100, {})
    mu_ll, bkg_ll = tables.likelihoods(muons)
    assert np.exp(mu_ll).mean() == pytest.approx(0.5, abs=0.03)  # uniform for what it was made of
    assert np.exp(tables.likelihoods(others)[1]).mean() == pytest.approx(0.5, abs=0.03)
    assert np.median(mu_ll - bkg_ll) > 1
    other_mu, other_bkg = tables.likelihoods(others)
    assert np.median(other_mu - other_bkg) < -1
    order = np.argsort(average_distance(muons))
    own = order[(muons.region[order] == 2) & (muons.p[order] > 10e3)]
    assert (np.diff(mu_ll[own]) <= 1e-9).all()
    assert (np.diff(bkg_ll[own]) >= -1e-9).all()


def test_tables_survive_their_file(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    tables = build(sample(rng, 1.0), sample(rng, 4.0), np.array([6e3, 12e3]), 20, {"command": "by hand"})
    write_tables(tables, tmp_path / "tables.json")
    again = read_tables((tmp_path / "tables.json").read_text())
    probe = join([sample(rng, 2.0, 50), sample(rng, 0.5, 30)])
    assert len(probe.p) == 80
    for a, b in zip(tables.likelihoods(probe), again.likelihoods(probe), strict=True):
        assert np.allclose(a, b, atol=2e-2)
    assert again.card == {"command": "by hand"}


def test_shipped_tables_say_what_they_are_made_of_and_separate():
    tables = load_tables()
    assert tables.card["command"].startswith("python -m lamarr.detailed.muon.make_tables")
    assert (np.diff(tables.muon, axis=2) <= 0).all()
    assert (np.diff(tables.other, axis=2) >= 0).all()
    # at the median of non-muons, fewer muons lie further out than non-muons lie further in
    middle = int(np.tanh(1.0) * (tables.muon.shape[2] - 1))
    assert (tables.muon[:, :, middle] < tables.other[:, :, middle]).mean() > 0.9


def test_results_of_an_event():
    n = np.ones(3)
    event, tracking = event_of(20e3 * n, 3.0 * n, np.array([0.2, 1.5, 3.0]), np.full(3, -13), np.ones(3, int))
    state = tracking.tracks["state"][0, STATE_PLANES.index("t_end")]
    hits = np.zeros(5, MUON_HIT)
    for i, s in enumerate(MUON.stations):
        hits["station"][i], hits["z"][i] = i, s.z
        hits["x"][i] = state["x"] + state["tx"] * (s.z - state["z"])
        hits["y"][i] = state["y"] + state["ty"] * (s.z - state["z"])
        hits["t"][i] = s.z / c_light
    result = identify(dataclasses.replace(event, muon_hits=hits), tracking, context())
    assert result.is_muon.tolist() == [True, False, False]
    assert (result.mu_ll[1:] == -1000).all()
    assert result.mu_ll[0] > result.bkg_ll[0] > -1000

"""Toy events from hits to tracks and vertices: efficiency, pulls, determinism, nothing at all."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba", reason="the detailed tracking is compiled by numba")

from tests.detailed.tracking.toys import CONTEXT, event, particles

from lamarr.detailed.context import Context
from lamarr.detailed.records import RECO_TRACK, STATE_PLANES, TRACKER_HIT, VERTEX
from lamarr.detailed.tracking import reconstruct
from lamarr.events import TrackType

N_EVENTS = 12


@pytest.fixture(scope="module")
def events():
    made = []
    for i in range(N_EVENTS):
        rng = np.random.Generator(np.random.Philox(i))
        spots = [(0.84, -0.18, z) for z in (-30.0, 25.0)[: 1 + i % 2]]
        made.append(event([(*spot, particles(rng, 16)) for spot in spots], event_id=i))
    return made


@pytest.fixture(scope="module")
def results(events):
    return [reconstruct(e, CONTEXT) for e in events]


def long_tracks(results):
    return [r.tracks[(r.tracks["type"] == TrackType.LONG) & (r.tracks["track"] >= 0)] for r in results]


def test_reconstructible_tracks_are_found(events, results):
    wanted = found = 0
    for result, tracks in zip(results, long_tracks(results), strict=True):
        long = {k for k, v in result.reconstructible.items() if v == TrackType.LONG}
        wanted += len(long)
        found += len(long & set(tracks["particle_id"].tolist()))
    assert wanted > 150
    assert found / wanted > 0.95


def test_pulls_are_normal(events, results):
    pulls = []
    for e, tracks in zip(events, long_tracks(results), strict=True):
        for t in tracks:
            true, s = e.tracks[t["track"] - 1], t["state"][0]
            tx, ty = true["px"] / true["pz"], true["py"] / true["pz"]
            p = np.sqrt(true["px"] ** 2 + true["py"] ** 2 + true["pz"] ** 2)
            d = s["z"] - true["z"]
            expected = [true["x"] + d * tx, true["y"] + d * ty, tx, ty, -np.sign(true["pid"]) / p]
            got = [s[name] for name in ("x", "y", "tx", "ty", "qop")]
            pulls.append((np.array(got) - expected) / np.sqrt(np.diag(t["covariance"])))
    low, middle, high = np.quantile(pulls, [0.1587, 0.5, 0.8413], axis=0)
    assert np.abs(middle).max() < 0.35
    assert ((high - low) / 2 > 0.8).all()
    assert ((high - low) / 2 < 1.3).all()


def test_states_follow_the_particle(events, results):
    """The state in front of the T stations is where the particle crossed them."""
    where = STATE_PLANES.index("t_begin")
    errors = []
    for e, tracks in zip(events, long_tracks(results), strict=True):
        for t in tracks:
            hit = e.hits[(e.hits["track"] == t["track"]) & (e.hits["layer"] == 130)]
            if len(hit):
                errors.append(t["state"][where]["x"] - hit["x"][0])
    assert len(errors) > 50
    assert np.median(np.abs(errors)) < 0.3


def test_vertices_are_found_and_matched(events, results):
    pulls = []
    for e, result in zip(events, results, strict=True):
        assert len(result.vertices) == len(np.unique(e.tracks["collision_id"]))
        for v in result.vertices:
            true = e.tracks[e.tracks["collision_id"] == v["collision_id"]][0]
            difference = np.array([v[c] - true[c] for c in "xyz"])
            pulls.append(difference / np.sqrt(np.diag(v["covariance"])))
            assert v["n_tracks"] >= 5
    assert np.std(pulls) < 1.3


def test_errors_of_vertices_are_those_of_tracks_of_400_mev():
    """The momentum that the fit of VELO tracks assumes: harder tracks, as above, make better vertices."""
    rng, pulls = np.random.Generator(np.random.Philox(8)), []
    for number in range(12):
        soft = [
            (0.4 * np.sqrt(1 + 1 / (tx**2 + ty**2)), tx, ty, charge)
            for _, tx, ty, charge in particles(rng, 25)
        ]
        made = event([(0.8, -0.2, 10.0, soft)], event_id=number)
        for v in reconstruct(made, CONTEXT).vertices:
            true = made.tracks[0]
            pulls.append([(v[c] - true[c]) / np.sqrt(v["covariance"][i, i]) for i, c in enumerate("xyz")])
    assert len(pulls) >= 12
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)


def test_the_same_event_gives_the_same_tracks(events, results):
    again = reconstruct(events[3], CONTEXT)
    assert again.tracks.tobytes() == results[3].tracks.tobytes()
    assert again.vertices.tobytes() == results[3].vertices.tobytes()
    other = Context(geometry=CONTEXT.geometry, detector=CONTEXT.detector, seed=4)
    assert reconstruct(events[3], other).tracks.tobytes() != results[3].tracks.tobytes()


def test_tracks_are_well_formed(results):
    for r in results:
        t = r.tracks
        assert t.dtype == RECO_TRACK
        assert set(np.unique(t["type"])) <= {3, 4, 5}
        assert ((t["ghost_prob"] >= 0) & (t["ghost_prob"] <= 1)).all()
        assert (np.abs(t["charge"]) == 1).all()
        assert np.isfinite(t["state"][t["type"] == 3]["x"]).all()
        symmetric = t["covariance"] - np.swapaxes(t["covariance"], 1, 2)
        assert np.abs(symmetric).max(initial=0) == 0
        assert (np.linalg.eigvalsh(t["covariance"] * 1e6) > -1e-9).all()


@pytest.mark.parametrize("what", ["no particles", "no hits", "few hits"])
def test_nothing_gives_nothing(events, what):
    if what == "no particles":
        empty = event([])
    elif what == "no hits":
        empty = replace(events[0], hits=np.zeros(0, TRACKER_HIT))
    else:
        empty = replace(events[0], hits=events[0].hits[:3])
    result = reconstruct(empty, CONTEXT)
    assert result.tracks.dtype == RECO_TRACK
    assert result.vertices.dtype == VERTEX
    assert len(result.tracks) == len(result.vertices) == result.n_velo_tracks == 0
    assert result.reconstructible == {}


def test_hits_of_other_tracks_make_a_track_no_ghost_but_random_ones_do(events):
    """Take the T hits of one particle away: it is no longer long, and is not found as such."""
    e = events[0]
    first = long_tracks([reconstruct(e, CONTEXT)])[0][0]
    hits = e.hits[(e.hits["track"] != first["track"]) | (e.hits["layer"] < 110)]
    result = reconstruct(replace(e, hits=hits), CONTEXT)
    assert result.reconstructible.get(int(first["particle_id"])) != TrackType.LONG
    longs = long_tracks([result])[0]
    assert first["track"] not in longs["track"]

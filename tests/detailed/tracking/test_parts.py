"""Parts of the tracking on their own: clusters, following, clones, vertices, ghosts, performance tables."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the detailed tracking is compiled by numba")

from tests.detailed.tracking.toys import CONTEXT, event, particles

from lamarr.detailed.context import Context
from lamarr.detailed.tracking.clones import best_of_clones, owner_of_tracks
from lamarr.detailed.tracking.ghosts import evaluate
from lamarr.detailed.tracking.hits import digitise
from lamarr.detailed.tracking.performance import ip_reference, momentum_reference, vertex_reference
from lamarr.detailed.tracking.planes import IT, OT, PHI, TT, A, B, M, R, measurement_planes
from lamarr.detailed.tracking.train_ghosts import area_under_curve, fit_network
from lamarr.detailed.tracking.vertices import fit_vertex

G = CONTEXT.geometry
SILENT = replace(
    G,
    tt=replace(G.tt, noise=0.0, efficiency=1.0),
    it=replace(G.it, noise=0.0, efficiency=1.0),
    ot=replace(G.ot, occupancy=0.0, efficiency=1.0),
    velo=replace(G.velo, efficiency=1.0),
)


@pytest.fixture(scope="module")
def one():
    rng = np.random.Generator(np.random.Philox(2))
    return event([(0.8, -0.2, 10.0, particles(rng, 30))], event_id=7)


def context(geometry):
    return Context(geometry=geometry, detector=CONTEXT.detector, seed=1)


def test_silicon_clusters_lie_where_the_particle_crossed(one):
    hits, planes = digitise(one, context(SILENT)), measurement_planes(SILENT)
    pulls = {kind: [] for kind in (R, PHI, TT, IT)}
    for plane, v, owner in zip(hits.plane, hits.values, hits.owners, strict=True):
        kind = planes.kind[plane]
        crossing = one.hits[(one.hits["track"] == owner[0]) & (one.hits["layer"] == planes.layer[plane])]
        if kind == OT or owner[1] >= 0:
            continue
        x, y = crossing["x"][0], crossing["y"][0]
        expected = np.hypot(x, y) if kind == R else v[A] * x + v[B] * y
        pulls[kind].append((v[M] - expected) / v[4])
    for values in pulls.values():
        assert len(values) > 30
        assert np.std(values) == pytest.approx(1.0, abs=0.2)
        assert abs(np.mean(values)) < 0.3


def test_straws_measure_distances_to_their_wires():
    planes, found, crossed = measurement_planes(SILENT), 0, 0
    rng = np.random.Generator(np.random.Philox(2))
    for number in range(8):
        few = event([(0.8, -0.2, 10.0, particles(rng, 30))], event_id=number)
        hits = digitise(few, context(SILENT))
        ot = planes.kind[hits.plane] == OT
        assert (hits.values[ot, 3] >= 0).all()
        found, crossed = found + int(ot.sum()), crossed + int((few.hits["layer"] >= 130).sum())
    # two monolayers whose straws cover 4.9 of 5.25 mm, more along a slope, less what shares a straw
    assert found / crossed == pytest.approx(2 * 4.9 / 5.25 * SILENT.ot.efficiency, abs=0.05)


def test_an_efficiency_of_none_leaves_nothing(one):
    blind = replace(SILENT, velo=replace(G.velo, efficiency=0.0))
    planes = measurement_planes(blind)
    assert not np.isin(planes.kind[digitise(one, context(blind)).plane], (R, PHI)).any()


def test_spill_over_has_no_owner_and_the_declared_number():
    noise = digitise(event([], event_id=3), CONTEXT)
    planes = measurement_planes(G)
    assert (noise.owners == -1).all()
    straws = 2 * 2 * G.ot.half_x / G.ot.pitch
    ot = (planes.kind[noise.plane] == OT).sum() / (planes.kind == OT).sum()
    # the densest straws are hit more than once and count once
    assert 0.5 * G.ot.occupancy * straws < ot < G.ot.occupancy * straws
    tt = (planes.kind[noise.plane] == TT).sum() / 4
    assert tt == pytest.approx(G.tt.noise, abs=4 * np.sqrt(G.tt.noise / 4))


def test_two_particles_in_one_strip_make_one_cluster():
    twins = [(20.0, 0.1, 0.05, 1), (20.0, 0.100001, 0.05, 1)]
    hits = digitise(event([(0.0, 0.0, 0.0, twins)], material=False), context(SILENT))
    planes = measurement_planes(SILENT)
    velo = np.isin(planes.kind[hits.plane], (R, PHI))
    assert (np.bincount(hits.plane[velo]) <= 1).all()
    assert {tuple(sorted(o)) for o in hits.owners[velo].tolist()} == {(1, 2)}


def test_of_clones_the_first_in_order_stays():
    hits = np.array([[0, 1, 2, 3, -1], [0, 1, 2, 4, -1], [5, 6, 7, -1, -1], [0, 5, 8, 9, 10]])
    assert best_of_clones(hits, np.array([1, 0, 2, 3]), 11).tolist() == [False, True, True, True]
    assert best_of_clones(hits, np.array([0, 1, 2, 3]), 11).tolist() == [True, False, True, True]


def test_a_track_belongs_to_whom_seventy_percent_of_its_hits_are_from():
    owners = np.array([[1, -1]] * 7 + [[2, -1]] * 4)
    assert owner_of_tracks(np.array([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]), owners).tolist() == [1]
    assert owner_of_tracks(np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]), owners).tolist() == [-1]
    shared = np.array([[1, 2]] * 10)
    assert owner_of_tracks(np.arange(10)[None], shared)[0] in (1, 2)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-100, 100), st.integers(0, 1000))
def test_vertex_of_tracks_without_errors_is_where_they_cross(x, y, z, seed):
    rng = np.random.Generator(np.random.Philox(seed))
    n = 8
    tx, ty = rng.uniform(-0.3, 0.3, (2, n))
    at = rng.uniform(-50, 50, n)
    beam = np.stack([x + tx * (at - z), y + ty * (at - z), at, tx, ty, np.full(n, 0.1)], axis=1)
    covariance = np.tile(np.diag([1e-4, 1e-4, 1e-8, 1e-8, 1e-6]), (n, 1, 1))
    start = np.array([x, y, z + 0.1])
    vertex, cov, chi2, weights, _ = fit_vertex(beam, covariance, np.ones(n, bool), start)
    np.testing.assert_allclose(vertex, [x, y, z], atol=1e-5)
    assert chi2 < 1e-6
    assert weights.min() > 0.999
    assert (np.linalg.eigvalsh(cov) > 0).all()


def test_a_stray_track_has_no_weight_in_the_vertex():
    rng = np.random.Generator(np.random.Philox(1))
    n = 10
    tx, ty = rng.uniform(-0.2, 0.2, (2, n))
    beam = np.stack([0.01 * rng.standard_normal(n), 0 * tx, 0 * tx, tx, ty, 0 * tx + 0.1], axis=1)
    beam[0, 0] = 2.0
    covariance = np.tile(np.diag([1e-4, 1e-4, 1e-8, 1e-8, 1e-6]), (n, 1, 1))
    vertex, _, _, weights, each = fit_vertex(beam, covariance, np.ones(n, bool), np.zeros(3))
    assert weights[0] == 0
    assert each[0] > 100
    assert np.abs(vertex[:2]).max() < 0.05


def test_the_ghost_network_learns_what_can_be_learned():
    rng = np.random.Generator(np.random.Philox(5))
    x = rng.normal(size=(4000, 3))
    chance = 1 / (1 + np.exp(-(3 * x[:, 0] - 1)))
    ghost = rng.random(4000) < chance
    network = fit_network(x, ghost, seed=1, steps=500)
    score = evaluate(network, x)
    assert area_under_curve(score, ghost) == pytest.approx(area_under_curve(chance, ghost), abs=0.02)
    assert np.abs(score - chance).mean() < 0.06
    assert fit_network(x, ghost, seed=1, steps=20) == fit_network(x, ghost, seed=1, steps=20)


def test_references_are_the_published_ones():
    assert momentum_reference(np.array([10.0, 90.0])).tolist() == pytest.approx([0.48, 0.83])
    assert ip_reference(np.array([1.0])).tolist() == pytest.approx([35.0])
    assert [float(v) for v in vertex_reference(np.array(25.0))] == pytest.approx([15.75, 71.7], abs=0.1)

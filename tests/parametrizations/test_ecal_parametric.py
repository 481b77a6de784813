"""The parametric engine: energy is in clusters or losses, clusters are where photons are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.parametrizations.ecal import SOURCE_COLUMNS, Kind
from lamarr.parametrizations.ecal.deposits import kernel_shares
from lamarr.parametrizations.ecal.matter import EDGES, matter
from lamarr.parametrizations.ecal.parametric import Parametric
from lamarr.parametrizations.ecal.response import CLUSTER_COLUMNS, LOSSES
from lamarr.parametrizations.ecal.showers import shower_table

UP, GEOMETRY = load_detector("lhcb2016-magup"), load_geometry()
ENGINE = Parametric(UP, GEOMETRY)
ALONE = Parametric(UP, GEOMETRY, background=False)
Z = GEOMETRY.calorimeter.ecal.shower_max


def objects(rows, z_origin=0.0):
    """Source objects (event, kind, x, y, energy) that fly straight from (0, 0, z_origin)."""
    event, kind, x, y, energy = (np.array(v) for v in zip(*rows, strict=True)) if rows else [np.empty(0)] * 5
    columns = {
        "event_id": event,
        "particle_id": np.arange(len(event)),
        "kind": kind,
        "x": x,
        "y": y,
        "tx": x / Z,
        "ty": y / Z,
        "x_line": x,
        "y_line": y,
        "z_origin": np.full(len(event), z_origin),
        "energy": energy,
        "from_signal": np.zeros(len(event), bool),
    }
    order = np.lexsort((-columns["energy"], columns["event_id"]))
    return {c: columns[c][order].astype(t) for c, t in SOURCE_COLUMNS.items()}


some = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([int(k) for k in Kind]),
        st.floats(-4000, 4000),
        st.floats(-3200, 3200),
        st.floats(200, 2e5),
    ),
    max_size=12,
)


@given(some, st.integers(0, 1000))
@settings(max_examples=20)
def test_the_energy_of_every_object_is_in_clusters_or_in_losses(rows, seed):
    source = objects(rows)
    r = ENGINE(source, seed)
    total = r.linked() + sum(r.losses[k] for k in LOSSES)
    np.testing.assert_allclose(total, source["energy"], atol=1e-6)
    for k in ("upstream", "outside", "below"):
        assert (r.losses[k] > -0.01).all(), k
    assert (r.links["energy"] > 0).all()
    order = np.lexsort((r.links["source"], r.links["cluster"]))
    assert (order == np.arange(len(order))).all()
    assert (r.clusters["event_id"][r.links["cluster"]] == source["event_id"][r.links["source"]]).all()
    assert set(CLUSTER_COLUMNS) <= set(r.clusters)
    assert (np.diff(r.clusters["event_id"]) >= 0).all()


@given(some, st.integers(0, 1000))
@settings(max_examples=10)
def test_an_event_alone_gives_what_it_gives_in_company(rows, seed):
    source = objects(rows)
    whole = ENGINE(source, seed)
    for event in range(4):
        mine = source["event_id"] == event
        alone = ENGINE({k: v[mine] for k, v in source.items()}, seed)
        for name in CLUSTER_COLUMNS:
            assert np.array_equal(
                alone.clusters[name], whole.clusters[name][whole.clusters["event_id"] == event]
            )


@pytest.mark.parametrize(("x", "y"), [(3000.0, 1500.0), (-1400.0, 700.0), (500.0, -400.0)])
def test_a_photon_behind_all_matter_gives_a_cluster_at_its_place_with_its_energy(x, y):
    n, energy = 60, 20e3
    r = ALONE(objects([(e, 0, x, y, energy) for e in range(n)], z_origin=12280.0), 3)
    c = r.clusters
    main = c["energy"] > 0.5 * energy
    assert main.sum() >= 0.98 * n
    assert np.median(c["energy"][main]) == pytest.approx(energy, rel=0.02)
    assert 0.01 < np.std(c["energy"][main]) / energy < 0.05
    plane = GEOMETRY.calorimeter.ecal.plane
    for k, where in (("x", x), ("y", y)):
        assert np.median(c[k][main]) == pytest.approx(where * plane / Z, abs=8.0)
    assert (c["particle_id"][main] >= 0).all()


def test_two_photons_are_one_cluster_when_close_and_two_when_far():
    def mean(distance):
        rows = [(e, 0, x, 1500.0, 15e3) for e in range(20) for x in (3000.0, 3000.0 + distance)]
        c = ALONE(objects(rows, z_origin=12280.0), 1).clusters
        return np.count_nonzero(c["energy"] > 5e3) / 20

    assert mean(20.0) == pytest.approx(1.0, abs=0.1)
    assert mean(400.0) == pytest.approx(2.0, abs=0.1)


def test_conversions_are_as_many_as_the_matter_says():
    n = 4000
    x = np.full(n, 1200.0)
    depth = matter()
    place = depth.place(
        depth.photons, np.hypot(x, 0) / Z, np.zeros(n), np.random.default_rng(1).uniform(size=n)
    )
    expected = depth.below(depth.photons, x / Z, EDGES[-1]) - depth.below(depth.photons, x / Z, 0.0)
    assert np.isfinite(place).mean() == pytest.approx(-np.expm1(-expected[0]), abs=0.03)
    assert (place[np.isfinite(place)] > 0).all()


@given(st.floats(-300, 300), st.floats(-50, 50))
def test_kernels_share_all_of_the_energy(centre, width):
    edges = np.linspace(-4000, 4000 + width, 21)[None]
    shares = kernel_shares(edges, np.array([[centre]]))
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0)


def test_the_showers_scale_with_the_energy_but_for_muons():
    table = shower_table()
    energy = np.array([1e3, 3e4, 3e4])
    rows, scale = table.choose(np.array([0, 0, 4], np.int8), energy, np.array([0.1, 0.5, 0.9]))
    assert table.kind[rows].tolist() == [0, 0, 4]
    assert (table.kinetic[rows] * scale)[:2] == pytest.approx(energy[:2])
    assert scale[2] == 1.0


def test_the_background_comes_on_top_and_is_nobodys():
    rows = [(e, 0, 1200.0, 800.0, 1e4) for e in range(20)]
    alone, more = ALONE(objects(rows), 5), ENGINE(objects(rows), 5)
    assert len(more) > len(alone)
    assert (more.clusters["background"] > 0).any()
    assert (alone.clusters["background"] == 0).all()
    strange = more.clusters["particle_id"] < 0
    assert strange.any()
    mine = np.bincount(more.links["cluster"], more.links["energy"], minlength=len(more))
    assert (more.clusters["background"][strange] >= mine[strange]).all()


def test_no_objects_and_thousands():
    assert len(ENGINE(objects([]), 1)) == 0
    rng = np.random.default_rng(1)
    many = [(0, 0, *rng.uniform(-3000, 3000, 2), 1e3) for _ in range(3000)]
    r = ENGINE(objects(many), 1)
    assert 100 < len(r) < 3000
    assert len(r.linked()) == 3000

"""Learned engines with untrained weights: what must hold whatever a network says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the networks are made here")

from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.errors import PipelineError
from lamarr.parametrizations.ecal import CLUSTER_COLUMNS
from lamarr.parametrizations.ecal.company import COMPANY, FARTHEST, company
from lamarr.parametrizations.ecal.engines import best_engine, idle_models, make_engine
from lamarr.parametrizations.ecal.pairs import near_pairs, pairs_between, pairs_within
from lamarr.parametrizations.ecal.queries import (
    CLUSTERS,
    SOURCES,
    needed_models,
)
from lamarr.parametrizations.ecal.separation import NEAREST, crowded, merged_into
from lamarr.parametrizations.ecal.shapes import (
    SHAPE_INPUTS,
    SHAPE_OUTPUTS,
    shape_columns,
    shape_conditions,
    shape_outputs,
)
from lamarr.parametrizations.ecal.tokens import cell_size, tokens
from lamarr.training.ecal.toy import toy_events
from lamarr.training.ecal.train import models_of, network_of
from lamarr.transpile import GraphBuilder, Model
from lamarr.transpile.backend import compiled

DETECTOR, GEOMETRY = load_detector("lhcb2016-magup"), load_geometry("lhcb2016")
NAMES = ("translation", "graph")


def shape_model() -> Model:
    b = GraphBuilder(x=len(SHAPE_INPUTS), noise=len(SHAPE_OUTPUTS))
    weight = np.zeros((len(SHAPE_INPUTS), len(SHAPE_OUTPUTS)))
    y = b.add("add", b.dense(b.input("x"), weight, np.ones(len(SHAPE_OUTPUTS))), b.input("noise"))
    return Model(
        name="ecal_shape",
        inputs=SHAPE_INPUTS,
        outputs=SHAPE_OUTPUTS,
        n_noise=len(SHAPE_OUTPUTS),
        ranges={},
        graph=b.finish(y),
        card={},
    )


@pytest.fixture(scope="module", params=NAMES)
def engine(request: Any) -> Any:
    network = network_of(request.param)
    models = {m.name: m for m in (*models_of(request.param, network, {}), shape_model())}
    runs = compiled(list(models.values()), "c", f"untrained_{request.param}")
    return make_engine(request.param, DETECTOR, GEOMETRY, models, runs)


def test_every_column_is_there_and_in_range(engine: Any) -> None:
    sources, _, _ = toy_events(30, seed=1)
    c = engine(sources, 1).clusters
    assert set(CLUSTER_COLUMNS) | {"particle_id", "background", "other_track"} == set(c)
    assert all(np.isfinite(np.asarray(v, float)).all() for v in c.values())
    assert (np.diff(c["event_id"]) >= 0).all()
    assert (c["energy"] > 0).all()
    assert (np.abs(c["spread_xy"]) <= np.sqrt(c["spread_xx"] * c["spread_yy"]) + 1e-9).all()
    outer, hole = GEOMETRY.calorimeter.regions[0], GEOMETRY.calorimeter.hole
    module = GEOMETRY.calorimeter.module
    assert (np.abs(c["x"]) < outer.half_x * module).all()
    assert not ((np.abs(c["x"]) < hole[0] * module) & (np.abs(c["y"]) < hole[1] * module)).any()


def test_energy_of_every_source_is_traced(engine: Any) -> None:
    sources, _, _ = toy_events(30, seed=2)
    r = engine(sources, 1)
    total = r.linked() + sum(r.losses.values())
    np.testing.assert_allclose(total, sources["energy"], rtol=1e-9)
    of_cluster = np.bincount(r.links["cluster"], r.links["energy"], minlength=len(r))
    np.testing.assert_allclose(of_cluster + r.clusters["background"], r.clusters["energy"], rtol=1e-9)
    assert (r.clusters["background"] > -1e-6).all()
    assert (of_cluster[r.clusters["particle_id"] < 0] == 0).all()
    assert 0 < (r.clusters["particle_id"] >= 0).mean() <= 1
    same = r.clusters["event_id"][r.links["cluster"]] == sources["event_id"][r.links["source"]]
    assert same.all()


def test_an_event_does_not_depend_on_its_company(engine: Any) -> None:
    sources, _, _ = toy_events(80, seed=3)
    whole = engine(sources, 7).clusters
    for event in (0, 41, 79):
        one = engine({k: v[sources["event_id"] == event] for k, v in sources.items()}, 7).clusters
        for k, v in one.items():
            np.testing.assert_array_equal(v, whole[k][whole["event_id"] == event], err_msg=k)
    assert len(engine(sources, 8)) != len(whole["x"])


def test_no_sources_no_clusters(engine: Any) -> None:
    sources, _, _ = toy_events(3, seed=1)
    r = engine({k: v[:0] for k, v in sources.items()}, 1)
    assert len(r) == 0
    assert set(r.clusters) == {*CLUSTER_COLUMNS, "particle_id"}


def test_thousands_of_sources_are_all_answered_and_flagged(engine: Any) -> None:
    sources, _, _ = toy_events(300, seed=4)
    one = {**sources, "event_id": np.zeros_like(sources["event_id"])}
    order = np.argsort(-one["energy"], kind="stable")
    one = {k: v[order] for k, v in one.items()}
    one["particle_id"] = np.arange(len(order), dtype=np.int32)
    assert len(order) > 10 * SOURCES
    r = engine(one, 1)
    assert len(r) > 2 * CLUSTERS
    linked = np.unique(r.links["source"])
    assert len(linked) > 0.1 * len(order)
    assert linked.max() > 0.99 * len(order)  # the softest are asked, too


def test_more_clusters_than_the_model_takes_are_drawn_in_passes_and_flagged() -> None:
    network = network_of("translation")
    with torch.no_grad():
        network.counts.owned.layers[-1].bias[-1] += 20.0  # every source has three clusters
    models = {m.name: m for m in (*models_of("translation", network, {}), shape_model())}
    runs = compiled(list(models.values()), "c", "many_clusters")
    sources, _, _ = toy_events(40, seed=5)
    one = {**sources, "event_id": np.zeros_like(sources["event_id"])}
    few = np.argsort(-one["energy"], kind="stable")[: SOURCES // 2]
    one = {k: v[few] for k, v in one.items()}
    r = make_engine("translation", DETECTOR, GEOMETRY, models, runs)(one, 1)
    assert 3 * len(few) > CLUSTERS  # some of them lie too near to others
    assert len(r) > 0
    assert r.flagged.all()


def test_a_set_without_the_models_is_refused_and_not_preferred() -> None:
    with pytest.raises(PipelineError, match="needs the models ecal_graph_counts, ecal_graph, ecal_shape"):
        make_engine("graph", DETECTOR, GEOMETRY, {})
    assert best_engine({}) == "parametric"
    assert needed_models("graph")[-1] == needed_models("translation")[-1]


def looks(n: int, rng: np.random.Generator) -> dict[str, Any]:
    spread = rng.uniform(100, 2000, (2, n))
    return {
        "n_cells": rng.integers(2, 10, n),
        "E19": rng.uniform(0.2, 1, n),
        "spread_xx": spread[0],
        "spread_yy": spread[1],
        "spread_xy": rng.uniform(-1, 1, n) * np.sqrt(spread[0] * spread[1]),
        **{f"E_{p}": rng.exponential(100, n) for p in ("prs", "hcal")},
        "E_spd": 0.125 * rng.integers(0, 200, n),
        "is_merged_pi0": rng.random(n) < 0.5,
    }


def rows_of_outputs(c: Any, shape: Any, **more: Any) -> np.ndarray:
    out = {**shape_outputs({**c, **shape}, GEOMETRY.calorimeter), **more}
    return np.stack([out[k] for k in SHAPE_OUTPUTS], axis=1)


def test_shapes_can_be_turned_back() -> None:
    _, c, _ = toy_events(30, seed=1)
    rng, n = np.random.default_rng(1), len(c["x"])
    shape = looks(n, rng)
    shape["spread_xx"][:9] = shape["spread_xy"][:9] = 0.0  # a column of cells
    shape["spread_yy"][9:20] = shape["spread_xy"][9:20] = 0.0  # a row
    for k in ("spread_xx", "spread_yy", "spread_xy"):
        shape[k][20:30] = 0.0  # a cell
    shape["n_cells"][20:30], shape["E19"][20:30] = 1, 1.0
    other = rng.random(n) < 0.5
    y = rows_of_outputs(c, shape, other_track=other, share=np.ones(n))
    back = shape_columns(c, y, GEOMETRY.calorimeter)
    for k, v in {**shape, "other_track": other}.items():
        np.testing.assert_allclose(
            np.asarray(back[k], float), np.asarray(v, float), rtol=1e-9, atol=1e-9, err_msg=k
        )


def test_a_mirror_changes_neither_conditions_nor_outputs() -> None:
    sources, c, owner = toy_events(30, seed=1)
    shape = looks(len(c["x"]), np.random.default_rng(2))

    def seen(sign_x: int, sign_y: int) -> tuple[np.ndarray, np.ndarray]:
        odd_x, odd_y = ("x", "tx", "x_line"), ("y", "ty", "y_line")
        s = {k: v * (sign_x if k in odd_x else sign_y if k in odd_y else 1) for k, v in sources.items()}
        d = {**c, "x": sign_x * c["x"], "y": sign_y * c["y"]}
        moments = {**shape, "spread_xy": sign_x * sign_y * shape["spread_xy"]}
        zero = np.zeros(len(d["x"]))
        token = tokens(s, GEOMETRY.calorimeter)
        x = shape_conditions(d, s, token, owner, GEOMETRY.calorimeter)
        return x, rows_of_outputs(d, moments, other_track=zero, share=zero)

    for one, other in zip(seen(1, 1), seen(-1, -1), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    assert np.abs(seen(1, 1)[0][:, SHAPE_INPUTS.index("out_x_0")]).max() > 1


def test_the_company_of_a_cluster_is_its_nearest_neighbours() -> None:
    clusters = {
        "event_id": np.array([0, 0, 0, 1]),
        "x": np.array([1000.0, 1100.0, 1000.0, 1040.0]),
        "y": np.array([500.0, 500.0, 420.0, 500.0]),
        "energy": np.array([1e3, 2e3, 4e3, 5e3]),
    }
    cell, one = np.full(4, 40.0), np.ones(4)
    first = dict(zip(COMPANY, np.array(company(clusters, cell, one, one))[:, 0], strict=True))
    assert first["out_x_0"] == 0
    assert first["out_y_0"] == pytest.approx(-2)
    assert first["other_0"] == pytest.approx(np.log(4))
    assert first["out_x_1"] == pytest.approx(2.5)
    assert first["close_1"] == pytest.approx(FARTHEST - 2.5)
    alone = np.array(company(clusters, cell, one, one))[:, 3]
    assert not alone.any()


@given(st.integers(0, 2**31), st.floats(1, 3000), st.floats(1, 3000))
@settings(max_examples=30, deadline=None)
def test_near_pairs_are_those_of_all_pairs_that_are_near(seed: int, reach: float, reach_y: float) -> None:
    rng = np.random.default_rng(seed)

    def places(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.sort(rng.integers(0, 4, n)), rng.uniform(-4000, 4000, n), rng.uniform(-3000, 3000, n)

    a, b = places(40), places(50)
    got = set(zip(*(r.tolist() for r in near_pairs(a, b, reach, reach_y)), strict=True))
    i, j = pairs_between(a[0], b[0])
    near = (np.abs(a[1][i] - b[1][j]) <= reach) & (np.abs(a[2][i] - b[2][j]) <= reach_y)
    assert got == set(zip(i[near].tolist(), j[near].tolist(), strict=True))


def test_clusters_keep_their_distance(engine: Any) -> None:
    sources, _, _ = toy_events(60, seed=6)
    c = engine(sources, 3).clusters
    a, b = pairs_within(c["event_id"])
    cell = cell_size(c["x"], c["y"], GEOMETRY.calorimeter)
    larger = np.maximum(cell[a], cell[b])
    far = np.maximum(np.abs(c["x"][a] - c["x"][b]), np.abs(c["y"][a] - c["y"][b])) / larger
    assert (far < NEAREST).mean() < 2e-3  # a merged one may have moved towards a third


def test_what_is_too_near_is_merged_with_its_energy() -> None:
    clusters = {
        "event_id": np.array([0, 0, 0, 0, 1]),
        "x": np.array([1000.0, 1010.0, 1025.0, 1500.0, 1000.0]),
        "y": np.full(5, 500.0),
        "energy": np.array([4e3, 3e3, 1e3, 2e3, 1e3]),
    }
    into = crowded(clusters, np.zeros(5), GEOMETRY.calorimeter)
    assert into.tolist() == [-1, 0, 1, -1, -1]
    after, stay = merged_into(clusters, into)
    assert stay.tolist() == [True, False, False, True, True]
    assert after["energy"][stay].tolist() == [8e3, 2e3, 1e3]
    assert after["x"][0] == pytest.approx((4000 * 1000 + 3000 * 1010 + 1000 * 1025) / 8000)


def test_models_of_engines_that_do_not_run_are_idle() -> None:
    models = dict.fromkeys(("acceptance", "ecal_efficiency", *needed_models("graph"), "ecal_translation"), 0)
    assert idle_models(models, "graph") == {"ecal_efficiency", "ecal_translation"}
    assert idle_models(models, "parametric") == set(models) - {"acceptance"} == idle_models(models, None)

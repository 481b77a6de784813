"""The comparison of the ECAL's engines, on made-up events whose response is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for needed in ("torch", "sklearn", "matplotlib"):
    pytest.importorskip(needed, reason="the comparison needs the extras train and validate")

from lamarr.detector.geometry import load_geometry
from lamarr.parametrizations.ecal import LOSSES, Response
from lamarr.training.ecal.toy import toy_events
from lamarr.validation.ecal_engines import judge
from lamarr.validation.ecal_engines.comparison import DETAILED, compare
from lamarr.validation.ecal_engines.held_out import COLUMNS, HeldOut
from lamarr.validation.ecal_engines.page import write
from lamarr.validation.ecal_engines.photons import (
    DISTANCES,
    Photons,
    pi0_numbers,
    single_photons,
    two_photons,
)
from lamarr.validation.ecal_engines.whole_events import class_of, event_numbers, nearest, occupancy

CALORIMETER = load_geometry("lhcb2016").calorimeter
EVENTS = 600


def dressed(clusters: dict[str, Any]) -> dict[str, Any]:
    """Clusters with shapes that are all the same."""
    n = len(clusters["x"])
    return {**{c: np.zeros(n) for c in COLUMNS}, **clusters}


@pytest.fixture(scope="module")
def held() -> HeldOut:
    sources, clusters, _ = toy_events(EVENTS, seed=1)
    sources = {**sources, "pi0": np.full(len(sources["x"]), -1)}
    return HeldOut(sources=sources, clusters=dressed(clusters), events=np.arange(EVENTS))


def test_a_sample_does_not_differ_from_itself_and_a_biased_one_does(held: HeldOut) -> None:
    of = class_of(held.sources, held.events)
    same = event_numbers(held.clusters, held.clusters, held.events, of)
    assert max(v["ks"] for c in same.values() for v in c.values()) < 1e-12
    high = {**held.clusters, "energy": 1.3 * held.clusters["energy"]}
    other = event_numbers(held.clusters, high, held.events, of)["few"]
    assert other["energy"]["ks"] > 5 * other["energy"]["floor"]
    assert other["x"]["ks"] < 1e-12


def test_the_floor_is_what_another_sample_of_the_same_differs_by(held: HeldOut) -> None:
    of = class_of(held.sources, held.events)
    _, clusters, _ = toy_events(EVENTS, seed=2)
    numbers = event_numbers(held.clusters, clusters, held.events, of)["few"]
    for name in ("energy", "nearest", "x"):
        assert numbers[name]["ks"] < 3 * numbers[name]["floor"], name
    maps = occupancy(held.clusters, clusters, held.events)
    assert 0.5 < maps["difference"] / maps["floor"] < 1.6


def test_nearest_clusters_are_those_of_brute_force(held: HeldOut) -> None:
    near = nearest(held.clusters)
    for event in (0, 100, 599):
        rows = np.flatnonzero(held.clusters["event_id"] == event)
        d = np.hypot(*(held.clusters[a][rows][:, None] - held.clusters[a][rows] for a in "xy"))
        np.fill_diagonal(d, np.inf)
        np.testing.assert_allclose(near[rows], d.min(axis=1))


def test_two_photons_merge_as_the_made_up_response_says(held: HeldOut) -> None:
    one = two_photons(Photons(held.sources, held.clusters, CALORIMETER))["one"]
    assert one["value"][0] > 0.97  # 1 / (1 + exp(-5)) and more, as one of two may be lost
    assert one["value"][-1] < 0.03
    middle = np.flatnonzero(DISTANCES == 60)[0]
    assert one["value"][middle - 1] > 0.5 > one["value"][middle + 1]


def test_resolution_and_efficiency_of_photons_are_those_of_the_response() -> None:
    rng, n = np.random.default_rng(2), 5000
    one, _, _ = toy_events(1, seed=1)
    sources = {c: np.zeros(n, v.dtype) for c, v in one.items()}
    x, y, energy = rng.uniform(1000, 3000, n), rng.uniform(1000, 2500, n), rng.uniform(1e3, 5e4, n)
    sources |= {"event_id": np.arange(n), "x": x, "y": y, "energy": energy, "pi0": np.full(n, -1)}
    found = rng.random(n) < 0.8
    clusters = {
        "event_id": np.flatnonzero(found),
        "x": (x + 5 * rng.normal(size=n))[found],
        "y": y[found],
        "energy": (energy * (1.02 + 0.05 * rng.normal(size=n)))[found],
    }
    photons = single_photons(Photons(sources, clusters, CALORIMETER))
    for k, number in enumerate(photons["number"]):
        few = 3 / np.sqrt(number)
        assert photons["efficiency"][k] == pytest.approx(0.8, abs=0.4 * few)
        assert photons["resolution"][k] == pytest.approx(0.05, rel=few)
        assert photons["place"][k] == pytest.approx(5.0, rel=few)
        assert photons["bias"][k] == pytest.approx(1.02, abs=0.07 * few)


def test_a_pi0_has_its_mass() -> None:
    rng = np.random.default_rng(1)
    n, z = 2000, CALORIMETER.ecal.plane
    event = np.repeat(np.arange(n), 2)
    x, y = np.repeat(rng.uniform(1000, 3000, (2, n)), 2, axis=1)
    energy = np.repeat(rng.uniform(4000, 8000, n), 2)
    far = np.sqrt(x**2 + y**2 + z**2)
    half = far * 134.9768 / (2 * energy)  # sin of half the angle, of two photons of one energy
    y = y + np.where(np.arange(2 * n) % 2, 1, -1) * half * far / np.hypot(x, z)
    sources, _, _ = toy_events(1, seed=1)
    zeros = {c: np.zeros(2 * n, v.dtype) for c, v in sources.items()}
    sources = {**zeros, "event_id": event, "x": x, "y": y, "energy": energy, "pi0": np.zeros(2 * n, int)}
    numbers = pi0_numbers(
        Photons(sources, {"event_id": event, "x": x, "y": y, "energy": energy}, CALORIMETER)
    )
    assert numbers["number"] > 0.95 * n
    assert numbers["peak"] == pytest.approx(134.98, rel=0.02)
    assert numbers["width"] < 3


def test_a_judge_cannot_tell_equals_and_can_tell_others(held: HeldOut, monkeypatch: Any) -> None:
    monkeypatch.setattr(judge, "_STEPS", 120)
    monkeypatch.setattr(judge, "_RUNS", 1)
    every = np.arange(EVENTS)

    def features(clusters: dict[str, Any]) -> Any:
        f = judge.set_features(dressed(clusters), CALORIMETER, shapes=False)
        return f, np.searchsorted(held.events, clusters["event_id"])

    _, equal, _ = toy_events(EVENTS, seed=2)
    reference = features(held.clusters)
    assert abs(judge.judged(reference, features(equal), (every, every))[0] - 0.5) < 0.12
    wrong = {**equal, "energy": 1.25 * equal["energy"]}
    assert judge.judged(reference, features(wrong), (every, every))[0] > 0.65


def test_the_page_has_all_numbers_and_plots(held: HeldOut, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(judge, "_STEPS", 10)
    _, clusters, _ = toy_events(EVENTS, seed=2)

    def engine(sources: dict[str, Any], seed: int) -> Response:
        del seed
        n = len(sources["x"])
        links = {"cluster": np.empty(0, int), "source": np.empty(0, int), "energy": np.empty(0)}
        return Response(
            clusters=dressed(clusters),
            links=links,
            losses=dict.fromkeys(LOSSES, np.zeros(n)),
            flagged=np.zeros(n, bool),
        )

    numbers = compare({"again": engine}, held, CALORIMETER, 1)
    about = {"command": "python -m lamarr.validation.ecal_engines", "sample": "Made-up events."}
    write(numbers, about, tmp_path / "out", tmp_path / "docs", "Said before.\n")
    text = (tmp_path / "docs" / "ecal-engines.md").read_text()
    assert "Said before." in text
    assert all((tmp_path / "docs" / link).exists() for link in _links(text))
    assert len(_links(text)) == 4
    data = json.loads((tmp_path / "out" / "ecal-engines.json").read_text())
    assert set(data) == {DETAILED, "again"}
    assert data["again"]["events"]["few"]["energy"]["ks"] < 0.05


def _links(text: str) -> list[str]:
    return [part.split(")")[0] for part in text.split("](")[1:]]

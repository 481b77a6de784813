"""Pads: where they are, which fire."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.detailed.muon.pads import fire, pads_at, regions
from lamarr.detailed.records import MUON_HIT
from lamarr.detector.geometry import load_geometry
from lamarr.units import c_light

MUON = dataclasses.replace(load_geometry().muon, background=(0.0,) * 5)


def hits_at(x, y, station, late=0.0):
    hits = np.zeros(len(x), MUON_HIT)
    hits["x"], hits["y"], hits["z"], hits["station"] = x, y, MUON.stations[station].z, station
    hits["t"] = np.sqrt(hits["x"] ** 2 + hits["y"] ** 2 + hits["z"] ** 2) / c_light + late
    return hits


@given(st.integers(0, 4), st.floats(-7000, 7000), st.floats(-5500, 5500))
def test_a_pad_holds_the_position_that_it_was_asked_for(number, x, y):
    station = MUON.stations[number]
    pad = pads_at(np.array([x]), np.array([y]), number, station)
    region = regions(np.array([x]), np.array([y]), station)[0]
    assert len(pad) == (region >= 0)
    if len(pad):
        assert abs(pad["x"][0] - x) <= pad["half_x"][0] * (1 + 1e-9)
        assert abs(pad["y"][0] - y) <= pad["half_y"][0] * (1 + 1e-9)
        assert (2 * pad["half_x"][0], 2 * pad["half_y"][0]) == pytest.approx(station.pads[region])


def test_regions_follow_from_the_published_sizes():
    m2 = MUON.stations[1]
    x = np.array([0.0, 310.0, 700.0, 1300.0, 2500.0, 4950.0])
    assert regions(x, np.zeros(6), m2).tolist() == [-1, 0, 1, 2, 3, -1]


def test_efficiency_and_cluster_size_are_the_declared_ones():
    n = 20000
    rng = np.random.default_rng(2)
    hits = hits_at(rng.uniform(-4800, 4800, n), rng.uniform(1100, 4000, n), 1)
    seen = double = 0
    for i in range(0, n, 20):  # few at once, so that pads rarely coincide
        pads = fire(hits[i : i + 20], MUON, rng)
        columns = [int(np.floor(h["x"] / 51.0)) for h in hits[i : i + 20]]
        fired = {(int(p["column"]), int(p["row"])) for p in pads[pads["region"] == 3]}
        for h, column in zip(hits[i : i + 20], columns, strict=True):
            if regions(h["x"], h["y"], MUON.stations[1]) != 3:
                continue
            row = int(np.floor(h["y"] / 252.56))
            seen += (column, row) in fired
            double += (column - 1, row) in fired or (column + 1, row) in fired
    n3 = int((regions(hits["x"], hits["y"], MUON.stations[1]) == 3).sum())
    assert seen / n3 == pytest.approx(MUON.efficiency, abs=0.006)
    assert double / n3 == pytest.approx((MUON.cluster_size - 1) * MUON.efficiency, abs=0.03)


def test_late_hits_do_not_count():
    x = np.linspace(400, 3000, 200)
    early, late = (hits_at(x, x * 0.1, 2, late=t) for t in (1.0, 25.0))
    assert len(fire(early, MUON, np.random.default_rng(1))) > 100
    assert len(fire(late, MUON, np.random.default_rng(1))) == 0


def test_no_hits_no_pads():
    assert len(fire(np.zeros(0, MUON_HIT), MUON, np.random.default_rng(1))) == 0


def test_background_hits_are_as_many_as_declared_and_densest_at_the_beam():
    noisy = dataclasses.replace(MUON, background=(0.0, 4000.0, 0.0, 0.0, 1000.0))
    pads = fire(np.zeros(0, MUON_HIT), noisy, np.random.default_rng(2))
    assert set(pads["station"]) == {1, 4}
    fired = np.bincount(pads["station"])
    assert 0.75 * 4000 < fired[1] < 4000  # less what falls into the hole and what shares a pad
    counts = np.bincount(pads["region"][pads["station"] == 4], minlength=4)
    areas = np.diff([0.0, *(4 * x * y for x, y in noisy.stations[4].half)])
    assert (np.diff(counts / areas) < 0).all()

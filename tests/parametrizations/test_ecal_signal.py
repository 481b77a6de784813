"""The engine ``signal`` with models whose answers are known, and the matching that it learns from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.calorimetry.cells import calo_cells
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.errors import ModelError, PipelineError
from lamarr.parametrizations.ecal import SOURCE_COLUMNS, Kind
from lamarr.parametrizations.ecal.engines import make_engine
from lamarr.parametrizations.ecal.signal import CONDITIONS, RESOLUTION, signal_conditions

UP, GEOMETRY = load_detector("lhcb2016-magup"), load_geometry()
CALO = GEOMETRY.calorimeter
Z = CALO.ecal.shower_max


class Known:
    """A model that gives constants."""

    def __init__(self, inputs, outputs, values, ranges=None):
        self.inputs, self.outputs, self.values = inputs, outputs, values
        self.n_noise, self.ranges = 0, ranges or {}

    def __call__(self, x, noise=None):
        return np.broadcast_to(np.asarray(self.values, np.float32), (len(x), len(self.outputs))).copy()


DRAWN = {
    "dx_side": 3.0,
    "dy_side": -2.0,
    "log_ratio": np.log(1.05),
    "E19": 0.7,
    "log_spread_xx": np.log(900.0),
    "log_spread_yy": np.log(400.0),
    "spread_side": 50.0,
    "n_cells": 8.6,
    "E_spd": -0.5,
    "E_prs": 12.0,
    "E_hcal": 0.0,
}


def models(efficiency=1.0, conversion=0.3, **changes):
    drawn = {**DRAWN, **changes}
    return {
        "ecal_efficiency": Known(CONDITIONS, ("efficiency",), [efficiency], {"log_energy": (5.0, 12.0)}),
        "ecal_conversion": Known(CONDITIONS, ("conversion",), [conversion]),
        "ecal_resolution": Known((*CONDITIONS, "converted"), RESOLUTION, [drawn[n] for n in RESOLUTION]),
    }


def photons(rows, kind=Kind.PHOTON):
    event, x, y, energy = (np.array(v) for v in zip(*rows, strict=True)) if rows else [np.empty(0)] * 4
    columns = {
        "event_id": event,
        "particle_id": np.arange(len(event)),
        "kind": np.full(len(event), kind),
        "x": x,
        "y": y,
        "tx": x / Z,
        "ty": y / Z,
        "x_line": x,
        "y_line": y,
        "z_origin": np.zeros(len(event)),
        "energy": energy,
        "from_signal": np.zeros(len(event), bool),
    }
    order = np.lexsort((-columns["energy"], columns["event_id"]))
    return {c: columns[c][order].astype(t) for c, t in SOURCE_COLUMNS.items()}


def engine(**options):
    return make_engine("signal", UP, GEOMETRY, models(**options))


def test_a_photon_becomes_what_the_models_draw_mirrored_into_its_quadrant():
    source = photons([(0, 1500.0, 900.0, 1e4), (0, -1500.0, -900.0, 8e3)])
    r = engine()(source, 1)
    c, scale = r.clusters, CALO.ecal.plane / Z
    assert c["x"] == pytest.approx(np.array([1503.0, -1503.0]) * scale)
    assert c["y"] == pytest.approx(np.array([898.0, -898.0]) * scale)
    assert c["energy"] == pytest.approx([1.05e4, 8.4e3])
    assert c["n_cells"].tolist() == [9, 9]
    assert c["spread_xy"] == pytest.approx([50.0, 50.0])
    assert c["E_spd"].tolist() == [0.0, 0.0]
    assert c["region"].tolist() == [1, 1]
    assert (c["cov_ee"] > 0).all()
    assert r.links["source"].tolist() == [0, 1]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(-4e3, 4e3), st.floats(-3e3, 3e3), st.floats(201, 2e5)))
)
def test_the_energy_of_every_photon_is_in_its_cluster_or_unmatched(rows):
    source = photons(rows)
    r = engine(efficiency=0.6)(source, 3)
    total = r.linked() + sum(r.losses.values())
    np.testing.assert_allclose(total, source["energy"], rtol=1e-9)
    lost = np.ones(len(rows), bool)
    lost[r.links["source"]] = False
    np.testing.assert_allclose(r.losses["unmatched"], np.where(lost, source["energy"], 0.0))
    for event in range(4):  # in company as alone
        mine = source["event_id"] == event
        if mine.any():
            alone = engine(efficiency=0.6)({k: v[mine] for k, v in source.items()}, 3)
            assert np.array_equal(alone.clusters["x"], r.clusters["x"][r.clusters["event_id"] == event])


def test_as_many_are_found_as_the_efficiency_says():
    r = engine(efficiency=0.37)(photons([(e, 1000.0, 500.0, 5e3) for e in range(20_000)]), 1)
    assert len(r) / 20_000 == pytest.approx(0.37, abs=0.012)


def test_only_photons_are_answered_and_energies_out_of_range_are_flagged():
    hadrons = photons([(0, 1000.0, 500.0, 5e3)], kind=Kind.CHARGED_HADRON)
    r = engine()(hadrons, 1)
    assert len(r) == 0
    assert r.losses["unmatched"] == pytest.approx([5e3])
    r = engine()(photons([(0, 1000.0, 500.0, 1e6), (0, 1000.0, 500.0, 1e4)]), 1)
    assert r.flagged.tolist() == [True, False]


def test_no_photons():
    assert len(engine()(photons([]), 1)) == 0


def test_models_are_checked():
    wrong = models() | {"ecal_efficiency": Known(("energy",), ("efficiency",), [0.5])}
    with pytest.raises(PipelineError, match="'ecal_efficiency' must read from log_energy"):
        make_engine("signal", UP, GEOMETRY, wrong)
    with pytest.raises(PipelineError, match="needs the models ecal_efficiency, ecal_conversion"):
        make_engine("signal", UP, GEOMETRY, {})
    with pytest.raises(ModelError, match=r"'ecal_efficiency' yields \[nan\] for particle 0 of event 0"):
        engine(efficiency=np.nan)(photons([(0, 1000.0, 500.0, 1e4)]), 1)


@given(st.floats(-3900, 3900), st.floats(-3100, 3100))
def test_conditions_are_those_of_the_mirrored_photon(x, y):
    cells = calo_cells(CALO).ecal
    a, b = (signal_conditions(photons([(0, s * x, s * y, 1e4)]), cells, np.array([0])) for s in (1, -1))
    for name in CONDITIONS:
        if min(abs(x), abs(y)) > 1 and cells.at(x, y) == _mirrored(cells, x, y):
            assert a[name] == pytest.approx(b[name], abs=1e-9), name
    assert abs(a["u_side"][0]) <= 1


def _mirrored(cells, x, y):
    """The cell at (x, y), if that at (-x, -y) is its mirror image: not so on borders."""
    other = cells.at(-x, -y)
    return cells.at(x, y) if np.isclose(cells.x[other], -cells.x[cells.at(x, y)]) else -2

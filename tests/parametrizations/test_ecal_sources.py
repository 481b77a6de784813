"""Source objects of the ECAL: where particles arrive, and the account of those that do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.errors import InputFileError, SchemaError
from lamarr.events import EventBatch
from lamarr.flash.stages import Classify
from lamarr.parametrizations.ecal import SOURCE_COLUMNS, THRESHOLD, Kind, LeftOut, source_objects
from made_up_events import made_up

UP, DOWN = load_detector("lhcb2016-magup"), load_detector("lhcb2016-magdown")
GEOMETRY = load_geometry()
CALO = GEOMETRY.calorimeter
Z = CALO.ecal.shower_max
MASS = {22: 0.0, 11: 0.511, 13: 105.66, 211: 139.57, 2112: 939.57, 12: 0.0, 321: 493.68}


def particle(pid, p, tx, ty, forward=True):
    pz = p / np.sqrt(1 + tx**2 + ty**2) * (1 if forward else -1)
    m = MASS[abs(pid)]
    return {"pid": pid, "pe": np.hypot(p, m), "px": tx * pz, "py": ty * pz, "pz": pz, "m": m}


def sources(*events, detector=UP, **options):
    batch = Classify()(made_up(*events), 0)
    return source_objects(batch, detector, GEOMETRY, **options)


some = st.builds(
    particle,
    st.sampled_from([22, 11, -11, 13, 211, -211, 321, 2112, 12]),
    st.floats(50.0, 2e5),
    st.floats(-0.5, 0.5),
    st.floats(-0.4, 0.4),
    st.booleans(),
)
some_events = st.lists(st.lists(some, max_size=6), min_size=1, max_size=4)


@given(some_events)
def test_every_particle_is_a_source_object_or_has_a_reason(events):
    found = sources(*events)
    n = sum(map(len, events))
    kept = np.count_nonzero(found.reason == LeftOut.KEPT)
    assert len(found.reason) == n
    assert len(found) == kept
    account = found.account()
    assert sum(number for number, _ in account.values()) == n
    assert account["kept"] == (kept, pytest.approx(found.columns["energy"].sum()))
    assert sum(e for _, e in account.values()) == pytest.approx(found.kinetic.sum())


@given(some_events)
def test_source_objects_are_ordered_above_threshold_and_on_the_calorimeter(events):
    c = sources(*events).columns
    assert {k: str(v.dtype) for k, v in c.items()} == SOURCE_COLUMNS
    order = np.lexsort((c["particle_id"], -c["energy"], c["event_id"]))
    assert (order == np.arange(len(order))).all()
    assert (c["energy"] > THRESHOLD).all()
    outer, m = CALO.regions[0], CALO.module
    assert (np.abs(c["x"]) < (outer.half_x + 1) * m).all()
    assert (np.abs(c["y"]) < (outer.half_y + 1) * m).all()
    hole = [(h - 1 / 3) * m for h in CALO.hole]
    assert ((np.abs(c["x"]) >= hole[0]) | (np.abs(c["y"]) >= hole[1])).all()


@given(some_events)
def test_an_event_alone_has_the_source_objects_that_it_has_in_company(events):
    batch = Classify()(made_up(*events), 0)
    whole = source_objects(batch, UP, GEOMETRY).columns
    parts = [source_objects(batch.select_events(e, e + 1), UP, GEOMETRY).columns for e in range(len(events))]
    for name, column in whole.items():
        assert np.array_equal(column, np.concatenate([p[name] for p in parts]))


@given(st.floats(1e3, 1e5), st.floats(-0.2, 0.2), st.floats(-0.18, 0.18))
def test_neutral_particles_fly_straight(p, tx, ty):
    c = sources([particle(22, p, tx, ty)], threshold=0.0).columns
    if len(c["x"]):
        assert c["x"] == pytest.approx(0.8 + tx * Z)
        assert c["y"] == pytest.approx(-0.2 + ty * Z)
        assert np.array_equal(c["x"], c["x_line"])
        assert np.array_equal(c["y"], c["y_line"])
        assert c["energy"] == pytest.approx(p)


@given(st.floats(5e3, 1e5), st.floats(-0.1, 0.1), st.floats(0.06, 0.15))
def test_opposite_charges_and_fields_bend_alike(p, tx, ty):
    plus = sources([particle(211, p, tx, ty)]).columns
    minus = sources([particle(-211, p, tx, ty)], detector=DOWN).columns
    bend = float(abs(plus["x"] - plus["x_line"])[0])  # the two kicks were fitted one by one: one part in 1000
    for name, size in {"x": bend, "y": bend, "tx": bend / Z, "ty": bend / Z}.items():
        assert plus[name] == pytest.approx(minus[name], rel=1e-3, abs=1e-3 * size)
    assert plus["x_line"] == pytest.approx(0.8 + tx * Z)
    bent = (plus["x"] - plus["x_line"]) * p
    assert abs(bent) == pytest.approx(abs(UP.single_kick.delta_px) * (Z - UP.single_kick.a0), rel=0.2)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (particle(22, 150.0, 0.1, 0.1), LeftOut.SOFT),
        (particle(2112, 500.0, 0.1, 0.1), LeftOut.SOFT),  # kinetic energy 125 MeV
        (particle(12, 1e4, 0.1, 0.1), LeftOut.INVISIBLE),
        (particle(22, 1e4, 0.4, 0.0), LeftOut.OUTSIDE),
        (particle(22, 1e4, 0.005, 0.005), LeftOut.BEAM_HOLE),
        (particle(22, 1e4, 0.1, 0.1, forward=False), LeftOut.BACKWARD),
        (particle(11, 300.0, 0.1, 0.1), LeftOut.TURNED),
        ({**particle(22, 1e4, 0.1, 0.1), "status": 3}, LeftOut.BOOKKEEPING),
        ({**particle(22, 1e4, 0.1, 0.1), "status": 2, "end_vertex": 0}, LeftOut.DECAYED),
        (particle(22, 1e4, 0.1, 0.1), LeftOut.KEPT),
    ],
)
def test_reasons(what, reason):
    assert sources([what]).reason.tolist() == [reason]
    assert reason.meaning


def test_kinds():
    found = sources([particle(p, 2e4, 0.1, 0.1) for p in (22, -11, 13, 211, 2112)])
    c = found.columns
    kinds = dict(zip(c["particle_id"].tolist(), c["kind"].tolist(), strict=True))
    assert kinds == {0: Kind.PHOTON, 1: Kind.ELECTRON, 2: 4, 3: Kind.CHARGED_HADRON, 4: 3}


def test_events_without_photons_and_batches_without_events():
    assert len(sources([])) == 0
    empty = Classify()(made_up([particle(22, 1e4, 0.1, 0.1)]), 0).select_events(5, 6)
    assert len(source_objects(empty, UP, GEOMETRY)) == 0


def test_thousands_of_photons():
    found = sources([particle(22, 1e3 + i, 0.1, 0.1) for i in range(3000)])
    assert len(found) == 3000
    assert found.columns["particle_id"][0] == 2999


@pytest.mark.parametrize(("column", "value"), [("pe", np.nan), ("px", np.inf)])
def test_nan_is_refused_with_event_and_particle(column, value):
    good = particle(22, 1e4, 0.1, 0.1)
    with pytest.raises(InputFileError, match=rf"event 1: particle 1 must have finite .*\({column}={value}\)"):
        sources([good], [good, {**good, column: value}])


def test_what_the_source_objects_need():
    batch = made_up([particle(22, 1e4, 0.1, 0.1)])
    with pytest.raises(SchemaError, match="classify"):
        source_objects(batch, UP, GEOMETRY)
    batch = made_up([{**particle(22, 1e4, 0.1, 0.1), "production_vertex": -1}])
    with pytest.raises(InputFileError, match="no production vertex"):
        source_objects(Classify()(batch, 0), UP, GEOMETRY)
    assert isinstance(batch, EventBatch)

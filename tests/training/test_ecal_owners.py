"""Owners of clusters, on events whose clusters the parametric engine makes of known photons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the room of trainings needs torch")

from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.events import EventBatch
from lamarr.flash.stages import Classify, Ecal, Propagate, Resolution
from lamarr.parametrizations.ecal import source_objects
from lamarr.parametrizations.ecal.engines import make_engine
from lamarr.parametrizations.ecal.queries import MOST_OWNED
from lamarr.parametrizations.ecal.shapes import SHAPE_INPUTS, SHAPE_OUTPUTS
from lamarr.parametrizations.ecal.truth import shares_of
from lamarr.parametrizations.tracking import BEAM_CONDITIONS, RESOLUTION
from lamarr.training.ecal.events import collect
from lamarr.training.ecal.owners import SHARE, owners_of
from lamarr.training.ecal.shapes import shape_table
from made_up_events import made_up

UP, GEOMETRY = load_detector("lhcb2016-magup"), load_geometry("lhcb2016")
CALORIMETER = GEOMETRY.calorimeter


class Exact:
    """A resolution model without errors, for the table of tracks."""

    inputs, outputs, n_noise, ranges = BEAM_CONDITIONS, RESOLUTION, 0, {}

    def __call__(self, x: Any, noise: Any = None) -> Any:
        return np.zeros((len(x), len(RESOLUTION)), np.float32)


def photon(energy: float, x: float, y: float) -> dict[str, float]:
    """A photon from the origin to a place (mm) at the shower maximum."""
    tx, ty = x / CALORIMETER.ecal.shower_max, y / CALORIMETER.ecal.shower_max
    pz = energy / np.sqrt(1 + tx**2 + ty**2)
    return {"pid": 22, "pe": energy, "px": tx * pz, "py": ty * pz, "pz": pz, "m": 0.0, "status": 1}


@pytest.fixture(scope="module")
def batch() -> EventBatch:
    near = [photon(2e4, 1000, 800), photon(1.5e4, 1015, 800), photon(1e4, 2500, 1500)]
    apart = [photon(2e4, 1000, 800), photon(1.5e4, 1400, 800)]
    events = Propagate(UP)(Classify()(made_up(*([near] * 20), *([apart] * 20)), 0), 0)
    return Resolution(Exact())(events, 0)


def clustered(batch: EventBatch) -> EventBatch:
    return Ecal(make_engine("parametric", UP, GEOMETRY, {}), UP, GEOMETRY)(batch, 1)


def test_of_two_photons_in_a_cluster_the_harder_one_owns_it(batch: EventBatch) -> None:
    done = clustered(batch)
    sources = source_objects(done, UP, GEOMETRY).columns
    owner = owners_of(done, sources, CALORIMETER)
    mine = np.bincount(owner[owner >= 0], minlength=len(sources["x"]))
    first = np.searchsorted(sources["event_id"], np.arange(40))
    assert mine.max() <= MOST_OWNED
    cluster, source, share = shares_of(done, sources)
    gave = {(c, s) for c, s, f in zip(cluster, source, share, strict=True) if f >= SHARE}
    both = [(c, h) for h in first[:20] for c in range(len(owner)) if {(c, h), (c, h + 1)} <= gave]
    assert len(both) > 10
    assert all(owner[c] == h for c, h in both)
    assert (mine[first[20:]] > 0).mean() > 0.8
    assert (mine[first[20:] + 1] > 0).mean() > 0.8


def test_shares_of_a_cluster_add_up_to_what_sources_gave(batch: EventBatch) -> None:
    done = clustered(batch)
    sources = source_objects(done, UP, GEOMETRY).columns
    cluster, source, share = shares_of(done, sources)
    links = done["cluster_links"]
    row = done.rows_of("clusters", links["event_id"], links["cluster_id"])
    n = done["clusters"].rows
    total = np.bincount(cluster, share, minlength=n)
    assert total == pytest.approx(np.bincount(row, links["fraction_of_cluster"], minlength=n))
    assert (total < 1 + 1e-5).all()  # the rest is of what no source object is
    assert (total > 0.9).mean() > 0.5
    same = done["clusters"]["event_id"][cluster] == sources["event_id"][source]
    assert same.all()
    assert 0 < SHARE < 0.5


def test_units_and_tables_come_out_of_events(batch: EventBatch) -> None:
    done = clustered(batch)
    sample = collect(done, "made-up", "lhcb2016-magup", "lhcb2016")
    assert len(sample) == 40
    assert len(sample.targets) == len(done["clusters"]["x"])
    table: Any = shape_table(done, "made-up", "lhcb2016-magup", "lhcb2016")
    assert set(table) == {"file", "event", *SHAPE_INPUTS, *SHAPE_OUTPUTS}
    assert 0 < len(table["event"]) <= len(done["clusters"]["x"])
    assert all(np.isfinite(v).all() for v in table.values())

"""Photons and clusters are matched by Lamarr's condition, and every removal is counted."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")

from lamarr.detector.geometry import load_geometry
from lamarr.events import Table
from lamarr.training.calorimeter.signal import match

GEOMETRY = load_geometry()
SCALE = GEOMETRY.calorimeter.ecal.plane / GEOMETRY.calorimeter.ecal.shower_max


def clusters(*rows):
    event, x, energy = (np.array(v) for v in zip(*rows, strict=True))
    table = Table.empty("clusters")
    columns = {c: np.zeros(len(x), table[c].dtype) for c in table}
    columns |= {"event_id": event, "cluster_id": np.arange(len(x)), "x": x * SCALE, "energy": energy}
    return Table("clusters", columns | {"cov_ee": np.full(len(x), 100.0**2)})


def photons(*rows):
    event, x, energy = (np.array(v, float) for v in zip(*rows, strict=True))
    return {"event_id": event.astype(int), "x": x, "y": 0 * x, "energy": energy}


def test_pairs_that_are_near_and_alike_and_alone_are_kept():
    found, counts = match(
        photons(
            (0, 100.0, 5e3), (0, 500.0, 5e3), (0, 900.0, 5e3), (1, 100.0, 5e3), (1, 120.0, 5.1e3), (2, 0, 1e3)
        ),
        clusters(
            (0, 120.0, 5.1e3),
            (0, 540.0, 5e3),
            (0, 905.0, 5.3e3),
            (1, 110.0, 5.05e3),
            (2, 5, 1e3),
            (2, -5, 1e3),
        ),
        GEOMETRY,
    )
    assert found.tolist() == [0, -1, -1, -1, -1, -1]  # far, unlike, two photons of one cluster, two clusters
    assert dict(counts) == {
        "photons": 6,
        "photons_near": 5,
        "photons_near_and_alike": 4,
        "photons_with_several_clusters": 1,
        "photons_whose_cluster_has_another": 2,
        "photons_matched": 1,
    }


def test_no_clusters():
    found, counts = match(photons((0, 100.0, 5e3)), Table.empty("clusters"), GEOMETRY)
    assert found.tolist() == [-1]
    assert counts["photons_matched"] == 0

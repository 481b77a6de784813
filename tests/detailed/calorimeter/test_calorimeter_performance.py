"""The performance that is measured is the one that was put in."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from lamarr.detailed.calorimeter.performance import calorimeter_performance, main
from lamarr.events import SCHEMA, EventBatch, Table, open_writer

MASS = 134.9768


def zeros(name, n, **columns):
    table = {c.name: np.zeros(n, c.dtype) for c in SCHEMA[name].columns if not c.optional}
    return Table(name, table | columns)


def sample(n=3000, seed=1):
    """Events with a π0 at the origin whose photons have clusters with the design resolution."""
    rng = np.random.default_rng(seed)
    event = np.repeat(np.arange(n), 2)
    which = np.tile([0, 1], n)
    total = rng.uniform(10e3, 60e3, n)
    first = rng.uniform(0.2, 0.8, n) * total
    energy = np.stack([first, total - first], 1).ravel()
    angle = MASS / np.sqrt(first * (total - first))
    place = 12280 * np.stack([0.05 + 0 * angle, 0.05 + angle], 1).ravel()
    direction = np.stack([place, 0 * place, 0 * place + 12280], 1)
    cosine = np.cos(np.arctan2(place[1::2], 12280) - np.arctan2(place[::2], 12280))
    energy *= np.repeat(MASS / np.sqrt(2 * energy[::2] * energy[1::2] * (1 - cosine)), 2)
    sigma = np.hypot(0.1 / np.sqrt(energy * 1e-3), 0.01)
    seen = energy * (1 + sigma * rng.standard_normal(2 * n))
    slope = direction[:, 0] / 12280
    keys = {"event_id": event}
    particles = zeros(
        "particles",
        3 * n,
        event_id=np.repeat(np.arange(n), 3),
        particle_id=np.tile([0, 1, 2], n),
        pid=np.tile([111, 22, 22], n),
        mother=np.tile([-1, 0, 0], n),
    )
    photons = zeros(
        "calo_particles",
        2 * n,
        **keys,
        calo_particle_id=which,
        particle_id=which + 1,
        pid=np.full(2 * n, 22),
        mother_pid=np.full(2 * n, 111),
        x=place,
        z=np.full(2 * n, 12280.0),
        tx=slope,
        energy=energy,
    )
    clusters = zeros(
        "clusters",
        2 * n,
        **keys,
        cluster_id=which,
        x=12689 * slope + rng.normal(0, 3, 2 * n),
        y=rng.normal(0, 3, 2 * n),
        z=np.full(2 * n, 12689.0),
        energy=seen,
    )
    one = np.ones(2 * n)
    links = zeros(
        "cluster_links",
        2 * n,
        **keys,
        cluster_id=which,
        calo_particle_id=which,
        energy=seen,
        fraction_of_cluster=one,
        fraction_of_particle=one,
    )
    events = zeros("events", n, event_id=np.arange(n))
    tables = (events, particles, photons, clusters, links)
    return EventBatch({t.name: t for t in tables}, ("made up",))


BATCH = sample()


def test_resolution_is_the_one_put_in():
    result = calorimeter_performance(BATCH)
    assert sum(r["photons"] for r in result["photons"]) > 5000
    for row in result["photons"]:
        assert row["over_design"] == pytest.approx(1, abs=5 * row["error"] / row["width"])
        assert row["bias"] == pytest.approx(0, abs=6 * row["error"])
        assert row["sigma_x"] == pytest.approx(3, rel=0.2)


def test_pi0_peak_is_at_its_mass():
    pi0 = calorimeter_performance(BATCH)["pi0"]
    assert pi0["pairs"] == 3000
    assert pi0["over_true"] == pytest.approx(1, abs=0.01)


def test_multiplicity():
    assert calorimeter_performance(BATCH)["clusters"] == {
        "events": 3000, "mean": 2.0, "median": 2.0, "90 %": 2.0,
    }  # fmt: skip


def test_no_events():
    result = calorimeter_performance(BATCH.select_events(0, 0))
    assert result["photons"] == []
    assert result["pi0"] is None
    assert result["clusters"]["events"] == 0


def test_the_program_prints_it(tmp_path):
    path = tmp_path / "sample.parquet"
    few = BATCH.select_events(0, 50)
    with open_writer(path, sources=few.sources, metadata={}) as writer:
        writer.write(few)
    printed = CliRunner().invoke(main, [str(path)])
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.output) == json.loads(json.dumps(calorimeter_performance(few)))

"""Tracks and vertices in the report: samples smeared as published meet the targets, others do not."""

import numpy as np
import pytest
from tests.made_up_events import made_up
from tests.validation.test_detailed_report import table

from lamarr.events import Table
from lamarr.validation.detailed_report.findings import Finding
from lamarr.validation.detailed_report.tracks import tracks_section
from lamarr.validation.detailed_report.truth import residuals
from lamarr.validation.detailed_report.vertices import expected, vertices_section
from lamarr.validation.plots import RAPIDSIM_MOMENTUM, ip_reference


def smeared(n=20000, seed=2, worse=1.0):
    """Muons from the vertex of `made_up`, with published errors of p and x (times `worse`)."""
    rng = np.random.default_rng(seed)
    p = np.exp(rng.uniform(np.log(4.5), np.log(200), n))
    pt = np.minimum(rng.uniform(0.4, 3.5, n), p / 3)
    phi = rng.uniform(-np.pi, np.pi, n)
    px, py, pz = 1e3 * pt * np.cos(phi), 1e3 * pt * np.sin(phi), 1e3 * np.sqrt(p**2 - pt**2)
    batch = made_up(*[[{"pid": -13, "px": a, "py": b, "pz": c}] for a, b, c in zip(px, py, pz, strict=True)])
    vertex = {c: batch["vertices"][c][0] for c in "xyz"}
    z = 5.0 + rng.uniform(-3, 3, n)
    sigma_p = worse * np.interp(p, *RAPIDSIM_MOMENTUM) / 100
    sigma_x = worse * ip_reference(1 / pt) * 1e-3
    reco = 1e3 * p * (1 + sigma_p * rng.standard_normal(n))
    error = rng.standard_normal((4, n)) * [sigma_x, sigma_x, np.full(n, 1e-9), np.full(n, 1e-9)]
    columns = {
        "event_id": np.arange(n), "type": np.full(n, 3), "charge": np.ones(n, int), "p": reco, "z": z,
        "x": vertex["x"] + px / pz * (z - vertex["z"]) + error[0],
        "y": vertex["y"] + py / pz * (z - vertex["z"]) + error[1],
        "tx": px / pz + error[2], "ty": py / pz + error[3], "qop": 1 / reco,
        "cov00": sigma_x**2, "cov11": sigma_x**2, "cov22": np.full(n, 1e-18), "cov33": np.full(n, 1e-18),
        "cov44": (sigma_p / (1e3 * p)) ** 2,
    }  # fmt: skip
    return batch.with_tables(table("tracks", n, **columns))


def named(section, start) -> Finding:
    return next(f for f in section.findings if f.name.startswith(start))


def test_published_resolutions_meet_their_targets():
    section = tracks_section(smeared())
    momentum, ip = named(section, "σ(p)/p"), named(section, "σ(IPx)")
    for finding in (momentum, ip):
        assert finding.verdict == "met"
        assert abs(finding.value - 1) < 4 * finding.error
    pulls = [f for f in section.findings if f.name.startswith("pull")]
    assert len(pulls) == 5
    assert {f.verdict for f in pulls} == {"met"}


def test_worse_resolutions_miss_them_by_what_they_are_worse():
    section = tracks_section(smeared(worse=1.4))
    for start in ("σ(p)/p", "σ(IPx)"):
        finding = named(section, start)
        assert finding.verdict == "missed"
        assert finding.missed_by == pytest.approx(0.25, abs=5 * finding.error)


def test_ghosts_and_other_types_do_not_count():
    batch = smeared(300)
    columns = {c: batch["tracks"][c].copy() for c in batch["tracks"]}
    columns["particle_id"][:100], columns["type"][100:150] = -1, 4
    assert len(residuals(batch.with_tables(Table("tracks", columns))).p) == 150


def test_efficiency_counts_particles_whose_hits_allow_a_track():
    n = 400
    batch = made_up(*[[{"pid": 13, "pz": 2e4}]] * n)
    found = np.arange(n) % 10 > 0
    batch = batch.with_columns("particles", fate=np.where(found, 13, 7).astype(np.int8))
    columns = {"event_id": np.arange(n), "reconstructible": np.where(np.arange(n) < 300, 3, 0)}
    batch = batch.with_tables(table("transport", n, **columns), table("tracks", 0))
    finding = named(tracks_section(batch), "long-track efficiency of muons")
    assert finding.value == pytest.approx(0.9)
    assert finding.verdict == "missed"
    assert finding.note == "270 of 300"


def test_vertices_as_published_meet_their_target():
    n = 6000
    rng = np.random.default_rng(3)
    batch = made_up(*[[{}]] * n)
    tracks = rng.integers(5, 60, n)
    columns = {"event_id": np.arange(n), "n_tracks": tracks.astype(np.int32)}
    for c in "xyz":
        columns[c] = batch["vertices"][c] + 1e-3 * expected(c, tracks) * rng.standard_normal(n)
    section = vertices_section(batch.with_tables(table("primary_vertices", n, **columns)))
    assert [f.verdict for f in section.findings] == ["met"] * 6
    for finding in section.findings[:3]:  # the other three are at 25 tracks, beside another number
        assert abs(finding.value - 1) < 4 * finding.error

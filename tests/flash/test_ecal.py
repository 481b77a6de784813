"""The stage ``ecal``: references that hold, photons, pi0 and electrons of known clusters."""

import numpy as np
import pytest

import lamarr
from lamarr.detector import behind_the_magnet, load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.errors import ConfigurationError, InputFileError, PipelineError
from lamarr.events import EventBatch, Table
from lamarr.events.integrity import check_keys, check_references
from lamarr.flash import PipelineConfiguration
from lamarr.flash.link import compile_pipeline
from lamarr.flash.stages import Classify, Ecal, Propagate, Resolution
from lamarr.parametrizations.ecal import LOSSES, LeftOut, Response
from lamarr.parametrizations.ecal.candidates import PI0_MASS
from lamarr.parametrizations.ecal.engines import make_engine
from lamarr.parametrizations.ecal.reconstructed import with_candidates
from lamarr.parametrizations.tracking import BEAM_CONDITIONS, RESOLUTION
from made_up_events import made_up

UP, GEOMETRY = load_detector("lhcb2016-magup"), load_geometry()
PLANE = GEOMETRY.calorimeter.ecal.plane


class Placed:
    """An engine that puts clusters (event, x, y, energy) where it is told."""

    def __init__(self, *clusters, **columns):
        self.clusters, self.columns = sorted(clusters), columns

    def __call__(self, source, seed):
        event, x, y, energy = (np.array(v) for v in zip(*self.clusters, strict=True))
        n, m = len(x), len(source["event_id"])
        ones = np.ones(n)
        clusters = {
            "event_id": event.astype(int),
            "region": np.zeros(n, int),
            "x": x,
            "y": y,
            "z": ones * PLANE,
            "energy": energy,
            "cov_xx": ones * 25,
            "cov_yy": ones * 16,
            "cov_ee": (0.03 * energy) ** 2,
            "n_cells": np.full(n, 9),
            **dict.fromkeys(("spread_xx", "spread_yy", "spread_xy", "E19", "E_spd", "E_prs", "E_hcal"), ones),
            "is_merged_pi0": np.zeros(n, bool),
            "particle_id": np.full(n, -1),
        }
        for k, v in self.columns.items():
            clusters[k] = np.array(v)
        nothing = {"cluster": np.empty(0, int), "source": np.empty(0, int), "energy": np.empty(0)}
        losses = {
            "upstream": source["energy"],
            **dict.fromkeys(("response", "outside", "below", "unmatched"), np.zeros(m)),
        }
        return Response(clusters=clusters, links=nothing, losses=losses, flagged=np.zeros(m, bool))


class Exact:
    """A resolution model without errors."""

    inputs, outputs, n_noise, ranges = BEAM_CONDITIONS, RESOLUTION, 0, {}

    def __call__(self, x, noise=None):
        return np.zeros((len(x), len(RESOLUTION)), np.float32)


def electron(p, tx, ty, pid=11):
    pz = p / np.sqrt(1 + tx**2 + ty**2)
    return {"pid": pid, "pe": p, "px": tx * pz, "py": ty * pz, "pz": pz, "m": 0.511, "status": 1}


def tracked(*events):
    """Events whose charged particles are long tracks with their true states."""
    batch = Classify()(made_up(*events), 0)
    fate = np.where(batch.particles.charge != 0, 13, batch.particles.fate)
    batch = batch.with_columns("particles", fate=fate)
    return Resolution(Exact())(Propagate(UP)(batch, 0), 0)


def simulated(n=12, seed=2):
    pytest.importorskip("pythia8mc", reason="needs the extra 'generate'")
    events = lamarr.generate("minbias", n, seed)
    return events, PipelineConfiguration(ecal="parametric")


def test_minimum_bias_gives_tables_that_hold_together_whatever_the_batch():
    events, pipeline = simulated()
    whole = lamarr.simulate(events, pipeline=pipeline, seed=5)
    check_keys(whole)
    check_references(whole)
    for table in ("clusters", "cluster_links", "calo_particles", "neutrals", "electrons"):
        assert whole[table].rows > 0
    assert whole.electrons.rows == whole.tracks.rows
    part = lamarr.simulate(events.select_events(4, 7), pipeline=pipeline, seed=5)
    for name, table in part.items():
        assert table == whole.select_events(4, 7)[name], name


def test_candidates_of_a_file_without_them_are_the_same():
    events, pipeline = simulated(6)
    whole = lamarr.simulate(events, pipeline=pipeline, seed=5)
    without = EventBatch({k: whole[k] for k in whole if k not in ("neutrals", "electrons")}, whole.sources)
    again = with_candidates(without, UP, load_geometry())
    assert again.neutrals == whole.neutrals
    assert again.electrons == whole.electrons


def test_a_track_that_is_in_no_table_takes_the_cluster_from_the_photons():
    events, pipeline = simulated(6)
    whole = lamarr.simulate(events, pipeline=pipeline, seed=5)
    free = (whole.clusters.track_id < 0) & (np.arange(whole.clusters.rows) % 2 == 0)
    taken = with_candidates(whole.with_columns("clusters", other_track=free), UP, load_geometry())
    key = whole.clusters.event_id[free] * 10_000 + whole.clusters.cluster_id[free]
    used = taken.neutrals.event_id * 10_000 + taken.neutrals.cluster_id
    assert 0 < taken.neutrals.rows < whole.neutrals.rows
    assert not np.isin(used, key).any()
    brem = taken.electrons.event_id * 10_000 + taken.electrons.brem_cluster_id
    assert not np.isin(brem, key).any()


def test_what_is_kept_refers_to_what_is_kept():
    from lamarr.flash.keep import keep

    events, pipeline = simulated(4)
    whole = lamarr.simulate(events, pipeline=pipeline, seed=5)
    for choice in ("physical", "reconstructed"):
        out = keep(whole, choice)
        check_keys(out)
        check_references(out)
        assert out.clusters == whole.clusters
    assert 0 < out.cluster_links.rows < whole.cluster_links.rows


def test_every_photon_is_traced_to_clusters_losses_or_a_reason():
    events, pipeline = simulated()
    out = lamarr.simulate(events, pipeline=pipeline, seed=5)
    p, cp, links = out.particles, out.calo_particles, out.cluster_links
    photons = p["pid"] == 22
    sources = out.rows_of("particles", cp["event_id"], cp["particle_id"])
    kept = np.flatnonzero(p["ecal_fate"] == LeftOut.KEPT)
    assert np.array_equal(np.sort(sources), kept)
    assert photons[kept].sum() > 20
    linked = np.bincount(
        out.rows_of("calo_particles", links["event_id"], links["calo_particle_id"]), links["energy"], cp.rows
    )
    lost = sum(cp[f"lost_{k}"] for k in LOSSES)
    np.testing.assert_allclose(linked + lost, cp["energy"], rtol=1e-9)
    share = np.bincount(
        out.rows_of("clusters", links["event_id"], links["cluster_id"]), links["fraction_of_cluster"]
    )
    assert (share < 1 + 1e-5).all()  # the rest is of what is no source object
    assert np.median(share) > 0.99


def test_photons_are_massless_and_pairs_have_the_mass_of_their_angle():
    energy, d = (6e3, 5e3), 300.0
    stage = Ecal(Placed((0, 1000.0, 500.0, energy[0]), (0, 1000.0 + d, 500.0, energy[1])), UP, GEOMETRY)
    out = stage(tracked([electron(100.0, 0.4, 0.1)]), 0)
    n = out.neutrals
    photons = n.take(n["kind"] == 1)
    assert photons["pe"].tolist() == pytest.approx(energy)
    np.testing.assert_allclose(
        photons["px"] ** 2 + photons["py"] ** 2 + photons["pz"] ** 2, photons["pe"] ** 2
    )
    pair = n.take(n["kind"] == 2)
    a, b = (np.array([x, 500.0, PLANE]) for x in (1000.0, 1000.0 + d))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert pair["m"] == pytest.approx(np.sqrt(2 * energy[0] * energy[1] * (1 - cosine)))
    assert (pair["cluster_id"][0], pair["second_cluster_id"][0]) == (0, 1)


def test_covariances_are_those_of_many_draws():
    rng = np.random.default_rng(1)
    x, y, e = 1000 + 5 * rng.standard_normal(200_000), 500 + 4 * rng.standard_normal(200_000), 1.0
    e = 6e3 * (1 + 0.03 * rng.standard_normal(200_000))
    place = np.stack([x, y, np.full_like(x, PLANE)])
    p4 = np.concatenate([e * place / np.linalg.norm(place, axis=0), e[None]])
    stage = Ecal(Placed((0, 1000.0, 500.0, 6e3)), UP, GEOMETRY)
    n = stage(tracked([electron(100.0, 0.4, 0.1)]), 0).neutrals
    drawn = np.cov(p4)
    for j in range(4):
        for i in range(j + 1):
            scale = np.sqrt(drawn[i, i] * drawn[j, j])
            assert n[f"cov{i}{j}"][0] == pytest.approx(drawn[i, j], abs=0.02 * scale)


def test_a_merged_pi0_has_the_energy_of_its_cluster_and_the_mass_of_a_pi0():
    stage = Ecal(Placed((0, 1000.0, 500.0, 30e3), is_merged_pi0=[True]), UP, GEOMETRY)
    n = stage(tracked([electron(100.0, 0.4, 0.1)]), 0).neutrals
    assert n["kind"].tolist() == [1, 3]
    p2 = (n["px"] ** 2 + n["py"] ** 2 + n["pz"] ** 2)[1]
    assert n["pe"][1] == pytest.approx(30e3)
    assert np.sqrt(n["pe"][1] ** 2 - p2) == pytest.approx(PI0_MASS, rel=1e-3)


def test_bremsstrahlung_is_added_to_the_electron():
    p, f, tx, ty = 20e3, 0.4, 0.05, 0.08
    left = (1 - f) * p  # the track is bent, and measured, with what is left
    batch = tracked([electron(left, tx, ty)])
    start = batch.tracks
    from lamarr.detector import States

    s = States(**{k: start[k] for k in ("x", "y", "z", "tx", "ty", "qop")})
    behind, _ = behind_the_magnet(UP.single_kick, s)
    bent = [float((getattr(behind, k) + getattr(behind, f"t{k}") * (PLANE - behind.z))[0]) for k in "xy"]
    line = [float((start[k] + start[f"t{k}"] * (PLANE - start["z"]))[0]) for k in "xy"]
    stage = Ecal(Placed((0, *bent, left), (0, *line, f * p), (0, line[0], -line[1], 9e3)), UP, GEOMETRY)
    out = stage(batch, 0)
    e = out.electrons
    energy = {
        k: out.clusters["energy"][out.rows_of("clusters", [0], e[k])][0]
        for k in ("cluster_id", "brem_cluster_id")
    }
    assert energy == {"cluster_id": pytest.approx(left), "brem_cluster_id": pytest.approx(f * p)}
    assert e["brem_energy"][0] == pytest.approx(f * p)
    assert e["p"][0] == pytest.approx(p, rel=1e-3)
    assert np.sqrt(e["px"] ** 2 + e["py"] ** 2 + e["pz"] ** 2)[0] == pytest.approx(p, rel=1e-3)
    assert e["eOverP"][0] == pytest.approx(left / p, rel=1e-3)
    assert sorted(out.neutrals["cluster_id"][out.neutrals["kind"] == 1].tolist()) == sorted(
        out.clusters["cluster_id"][out.clusters["track_id"] < 0].tolist()
    )


def test_what_the_track_of_an_electron_lacks_arrives_on_its_first_direction():
    from lamarr.parametrizations.ecal import source_objects
    from lamarr.parametrizations.ecal.matter import matter
    from lamarr.parametrizations.ecal.upstream import arrivals

    p, f = 20e3, 0.4
    c = source_objects(tracked([electron(p, 0.05, 0.08)]), UP, GEOMETRY).columns
    z = GEOMETRY.calorimeter.ecal.shower_max
    found = arrivals({**c, "measured": np.array([(1 - f) * p])}, UP, z, matter(), np.random.default_rng(1))
    photon, left = found["kind"] == 0, found["kind"] == 1
    assert found["energy"][photon] == pytest.approx([f * p], rel=1e-3)
    assert found["x"][photon] == pytest.approx(c["x_line"])
    assert found["energy"][left] == pytest.approx([(1 - f) * p], rel=1e-3)
    bend = (c["x"] - c["x_line"]) / (1 - f)  # bent as what is left is
    assert found["x"][left] - c["x_line"] == pytest.approx(bend, rel=0.03)
    whole = arrivals({**c, "measured": np.array([1.005 * p])}, UP, z, matter(), np.random.default_rng(1))
    assert whole["energy"][whole["kind"] == 1] == pytest.approx([p], rel=1e-3)


def test_a_nan_energy_is_refused_with_its_event():
    photon = {**electron(1e4, 0.1, 0.1, pid=22), "pe": np.nan}
    with pytest.raises(InputFileError, match="event 0: particle 0 must have finite"):
        Ecal(make_engine("parametric", UP, GEOMETRY, {}), UP, GEOMETRY)(tracked([photon]), 0)


def test_events_without_photons_and_batches_without_events():
    stage = Ecal(make_engine("parametric", UP, GEOMETRY, {}), UP, GEOMETRY)
    batch = tracked([electron(100.0, 0.4, 0.1)])
    out = stage(batch, 0)
    assert out.calo_particles.rows == 0
    empty = stage(batch.select_events(7, 8), 0)
    check_keys(empty)
    assert isinstance(empty.neutrals, Table)
    assert empty.neutrals.rows == 0


def test_a_pipeline_with_the_ecal_is_not_compiled_to_c(tmp_path):
    (tmp_path / "p.yaml").write_text("ecal: parametric\n")
    with pytest.raises(PipelineError, match="stage 'ecal' cannot be compiled"):
        compile_pipeline(tmp_path / "p.yaml", tmp_path / "libx.so")


def test_engines_are_named_and_checked(tmp_path):
    with pytest.raises(ConfigurationError, match="near misses: parametric"):
        PipelineConfiguration(ecal="parametrik").build()
    with pytest.raises(ConfigurationError, match="contradict"):
        PipelineConfiguration(ecal="parametric", stages=("classify",)).build()
    (tmp_path / "off.yaml").write_text("ecal: off\n")
    assert "ecal" not in repr(PipelineConfiguration.load(tmp_path / "off.yaml").build())
    assert "ecal" in repr(PipelineConfiguration(ecal="parametric").build())

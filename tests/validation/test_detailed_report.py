"""The report of the detailed simulation: verdicts follow from the numbers, pages hold together."""

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from tests.made_up_events import made_up

from lamarr import write
from lamarr.cli.main import cli
from lamarr.errors import ConfigurationError
from lamarr.events import EventBatch, Table
from lamarr.events.schema import table_schema
from lamarr.validation.detailed_report import make_report
from lamarr.validation.detailed_report.findings import Finding
from lamarr.validation.detailed_report.offset import offset_finding
from lamarr.validation.detailed_report.references import misidentification, pidcalib
from lamarr.validation.detailed_report.rich import rich_section
from lamarr.validation.detailed_report.selection import LongTracks, long_tracks

pytest.importorskip("matplotlib", reason="needs lamarr[validate]")


UP = "lhcb2016-magup"


def table(name, n, **columns):
    """A table of n rows with zeros in the columns that are not given."""
    zeros = {c.name: np.zeros(n, c.dtype) for c in table_schema(name).columns if not c.optional}
    return Table(name, {**zeros, **columns})


def sample(n=12000, seed=1, pion_shift=0.0):
    """One particle and one long track per event; kaons and pions are identified as PIDCalib says."""
    rng = np.random.default_rng(seed)
    pid = rng.choice([211, 321, 13, 2212], n, p=[0.4, 0.4, 0.1, 0.1])
    p, eta, phi = (
        np.exp(rng.uniform(np.log(3), np.log(100), n)),
        rng.uniform(2.3, 3.0, n),
        rng.uniform(-3, 3, n),
    )
    published = pidcalib()
    row = np.clip(np.searchsorted(published["p_high_GeV"], p), 0, len(published["p_low_GeV"]) - 1)
    right = np.where(pid == 321, published["eff_kaon_DLLK_gt_0"][row], published["eff_pion_DLLK_lt_0"][row])
    right = right - np.where(pid == 211, pion_shift, 0)
    sign = np.where(pid == 321, 1, -1) * np.where(rng.uniform(size=n) < right, 1, -1)
    muon = np.select(
        [pid == k for k in (13, 211, 321)], [0.97, *(misidentification(k, p) for k in (211, 321))], 0.002
    )
    pt = 1e3 * p / np.cosh(eta)
    batch = made_up(*[[{"pid": int(k)}] for k in pid])
    ids, px, py, pz = np.arange(n), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    tracks = table(
        "tracks", n, event_id=ids, type=np.full(n, 3), charge=np.ones(n, int), p=1e3 * p, px=px, py=py, pz=pz,
        tx=px / pz, ty=py / pz, qop=1e-3 / p, chi2PerDoF=np.ones(n),
    )  # fmt: skip
    decided = {"PIDK": 5.0 * sign, "isMuon": rng.uniform(size=n) < muon}
    return batch.with_tables(tracks, table("pid", n, event_id=ids, **decided))


def by_name(section):
    return {f.name.split(":")[0]: f for f in section.findings if "mean" in f.name or "found" in f.name}


def test_verdicts():
    inside = Finding(name="x", value=0.02, error=0.01, high=0.03)
    assert (inside.verdict, inside.missed_by) == ("met", 0)
    beyond = Finding(name="x", value=-0.05, low=-0.03, high=0.03)
    assert beyond.verdict == "missed"
    assert beyond.missed_by == pytest.approx(0.02)
    assert Finding(name="x", value=1.0).verdict == "no target"
    unknown = Finding(name="x", value=np.nan, high=1.0)
    assert unknown.verdict == "not measured"
    assert json.loads(json.dumps(unknown.as_json()))["value"] is None


def test_a_sample_that_obeys_the_references_meets_them_and_a_shifted_one_does_not():
    good = by_name(rich_section(long_tracks(sample(), UP)))
    assert [f.verdict for f in good.values()] == ["met", "met"]
    shifted = by_name(rich_section(long_tracks(sample(pion_shift=0.06), UP)))
    kaons, pions = shifted.values()
    assert (kaons.verdict, pions.verdict) == ("met", "missed")
    assert pions.value == pytest.approx(-0.06, abs=4 * pions.error)


def test_muon_verdicts(tmp_path):
    write(sample(), tmp_path / "a.parquet")
    section = make_report([tmp_path / "a.parquet"]).sections[3]
    found = {f.name: f for f in section.findings}
    assert found["isMuon efficiency of muons, p > 6 GeV"].verdict == "met"
    assert found["isMuon of pions, 3–10 GeV: found over published"].verdict == "met"


def test_selection_leaves_out_ghosts_and_tracks_that_point_beside_the_muon_stations():
    batch = sample(400)
    tracks = batch["tracks"]
    changed = {c: tracks[c].copy() for c in tracks}
    changed["particle_id"][:100] = -1
    changed["chi2PerDoF"][100:200] = 5
    changed["ty"][200:] = 0.6
    kept = long_tracks(batch.with_tables(Table("tracks", changed)), UP)
    assert len(kept.p) == 200
    assert not kept.in_muon.any()


def test_the_page_is_one_well_formed_file_with_every_plot(tmp_path):
    write(sample(3000, 1), tmp_path / "a.parquet")
    write(sample(3000, 2), tmp_path / "b.parquet")
    page = tmp_path / "report.html"
    call = [
        "detailed-report",
        str(tmp_path / "a.parquet"),
        str(tmp_path / "b.parquet"),
        "-o",
        str(page),
        "--json",
    ]
    result = CliRunner().invoke(cli, call, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    text = page.read_text()
    body = text[text.index("<body>") : text.index("</html>")].replace("<body>", '<body xmlns:xlink="x">')
    tree = ET.fromstring(body)
    assert len(tree.findall(".//figure")) >= 4
    assert "src=" not in text
    assert "6,000 events" in text
    numbers = json.loads(page.with_suffix(".json").read_text())
    assert sum(numbers["verdicts"].values()) == sum(map(len, numbers["sections"].values()))
    with pytest.raises(ConfigurationError, match="--force"):
        CliRunner().invoke(cli, call, catch_exceptions=False)


def test_files_without_identification_are_refused(tmp_path):
    write(made_up([{}]), tmp_path / "generated.parquet")
    with pytest.raises(ConfigurationError, match="detailed"):
        make_report([tmp_path / "generated.parquet"])


def test_a_sample_without_tracks_measures_nothing():
    batch = made_up([{}]).with_tables(table("tracks", 0), table("pid", 0))
    assert isinstance(batch, EventBatch)
    assert {f.verdict for f in rich_section(long_tracks(batch, UP)).findings} == {"not measured"}


def test_files_of_different_polarity_are_refused(tmp_path):
    for name in ("magup", "magdown"):
        write(sample(50), tmp_path / f"{name}.parquet", metadata={"seed": 3, "set": f"lhcb2016-{name}, x"})
    with pytest.raises(ConfigurationError, match="lhcb2016-magdown, lhcb2016-magup"):
        make_report([tmp_path / "magup.parquet", tmp_path / "magdown.parquet"])


def test_the_polarity_decides_which_slow_tracks_reach_the_muon_stations():
    batch = sample(3000)
    up, down = (long_tracks(batch, f"lhcb2016-{name}") for name in ("magup", "magdown"))
    differ = up.in_muon != down.in_muon
    assert differ.any()
    assert up.p[differ].max() < 30


def test_the_offset_of_a_likelihood_difference_is_found():
    rng = np.random.default_rng(4)
    n = 40_000
    pid, p = rng.choice([211, 321], n), rng.uniform(10, 50, n)
    right = rng.normal(2, 2, n)  # Φ(1) are identified, cut at 0
    dll = np.where(pid == 321, right, -right) + 0.7
    tracks = LongTracks(pid=pid, p=p, pt=p / 10, eta=p * 0 + 3, columns={}, in_muon=p > 0)
    edges, efficiency = np.array([10.0, 20.0, 30.0, 50.0]), np.full(3, 0.8413)
    published = {211: (efficiency, efficiency * 0), 321: (efficiency, efficiency * 0)}
    found = offset_finding(tracks, dll, edges, published, (5.0, 90.0), 0.03)
    assert found.value == pytest.approx(0.7, abs=0.11)
    assert found.note.startswith("0 of 6 bins")

"""The demonstration, with models of made-up weights: its files, its page, its sums."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

import lamarr
from lamarr.events import Fate, Table, TrackType, table_schema
from lamarr.parametrizations.sets import load_set
from lamarr.parametrizations.tracking import EFFICIENCY, PRODUCTION_CONDITIONS
from lamarr.validation import demo
from lamarr.validation.measurements import fate_table, measure
from lamarr.validation.page import Speed
from lamarr.validation.plots import RAPIDSIM_MOMENTUM, ip_reference, overview, plots_of
from tiny_set import network, save_set

pytest.importorskip("matplotlib")
VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """Checks that tags are balanced; collects ids and what is loaded or referred to."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "action"):
                self.links.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def good_set(tmp_path_factory):
    """The tiny set with a detector that finds most particles: else too few of 400 decays are left."""
    folder = tmp_path_factory.mktemp("sets") / "good"
    folder.mkdir()
    save_set(folder)
    likely = {"scale": 1.0, "shift": 3.0, "end": ("sigmoid",)}
    network("acceptance", PRODUCTION_CONDITIONS, ("acceptance",), **likely).save(folder)
    long = {"scale": 1.0, "shift": [0.0, 4.0, 0.0, 0.0], "end": ("softmax",)}
    network("efficiency", PRODUCTION_CONDITIONS, EFFICIENCY, **long).save(folder)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory, good_set):
    folder = tmp_path_factory.mktemp("demonstration") / "new" / "demo"
    return folder, demo.run(folder, events=400, set_name=str(good_set), seed=3)


def test_everything_is_written(made):
    folder, _ = made
    assert sorted(p.name for p in folder.iterdir()) == sorted(demo.FILES)
    assert (folder / "overview.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", demo.FILES[:2])
def test_files_hold_the_sample(made, name):
    folder, result = made
    found = lamarr.read(folder / name)
    assert found["tracks"] == result.events["tracks"]
    assert found["particles"] == result.events["particles"]


def test_fates_add_up(made):
    _, result = made
    table, particles = result.measurements.fates, result.events["particles"]
    assert table.counts.sum() == particles.rows == 7 * 400
    assert table.species == ("Lambda_b0", "Lambda_c+", "mu-", "nu_mu", "p+", "K+", "pi+")
    assert (table.counts.sum(axis=0) == 400).all()
    assert table.counts[table.fates.index(Fate.LONG)].sum() == (result.events["tracks"]["type"] == 3).sum()


def test_the_page_is_self_contained_and_well_formed(made):
    page = Page((made[0] / "index.html").read_text())
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    local = {link for link in page.links if not link.startswith("#")}
    assert local == set(demo.FILES[:2])
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_the_page_says_the_numbers(made):
    folder, result = made
    text = (folder / "index.html").read_text()
    (width, error), n = result.measurements.mass.width, len(result.measurements.mass.values)
    assert f"{width:.2f} ± {error:.2f} MeV" in text
    assert f"{n:,} of 400 decays have three long tracks" in text
    assert plots_of(result.measurements) == ("mass", "momentum", "ip", "efficiency")
    assert re.findall(r'<figure id="(\w+)"', text) == list(plots_of(result.measurements))
    assert "The card does not say what it was trained on." in text
    assert all(str(s) in text for s in result.speeds)
    for count in result.measurements.fates.counts.sum(axis=1):
        assert f"<td>{count:,}</td></tr>" in text


def test_ink_follows_the_page(made):
    text = (made[0] / "index.html").read_text()
    svg = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert "currentColor" in svg
    assert not re.search(r"fill: #(fff|000)|#ffffff|#000000|#20242b", svg)


def test_measurements_see_the_definitions(made):
    """Set every track to known residuals: the profiles must show them."""
    batch = made[1].events
    states = batch["true_states"].take(batch["true_states"]["location"] == 1)
    key = {(e, p): i for i, (e, p) in enumerate(zip(states["event_id"], states["particle_id"], strict=True))}
    t = batch["tracks"]
    true = states.take([key[k] for k in zip(t["event_id"], t["particle_id"], strict=True)])
    rng = np.random.default_rng(5)
    long = t["type"] == TrackType.LONG
    wide = np.where(long, 1.0, 100.0)
    dz = rng.normal(0, 5, t.rows)
    new = t.with_columns(
        p=true["p"] * (1 + 0.01 * wide * rng.standard_normal(t.rows)),
        tx=true["tx"],
        z=true["z"] + dz,
        x=true["x"] + true["tx"] * dz + 0.05 * wide * rng.standard_normal(t.rows),
    )
    m = measure(batch.with_tables(new))
    for profiles, expected in [(m.momentum, 0.01), (m.ip, 50.0)]:
        pulls = np.concatenate([(p.value - expected) / p.above for p in profiles.values()])
        assert len(pulls) > 3
        assert np.abs(pulls).max() < 4.5


def test_efficiency_counts_long_tracks_of_candidates_only(made):
    batch = made[1].events
    particles = batch["particles"]
    n = sum(int(p.entries.sum()) + p.left_out for p in measure(batch).efficiency.values())
    pt = np.hypot(particles["px"], particles["py"])
    eta, p = np.arcsinh(particles["pz"] / pt), np.hypot(pt, particles["pz"])
    candidates = particles["fate"] >= Fate.OUT_OF_ACCEPTANCE
    assert n == (candidates & (eta > 1.8) & (eta < 5) & (p > 2e3) & (p < 2e5)).sum()
    only_decayed = batch.with_columns("particles", fate=np.full(particles.rows, Fate.DECAYED, np.int8))
    assert all(len(p.x) == 0 for p in measure(only_decayed).efficiency.values())


def test_identification_counts_cuts_of_long_tracks(made, tmp_path):
    """Every muon passes isMuon, no pion; every second kaon has DLL(K-pi) > 0."""
    batch = made[1].events
    t, particles = batch["tracks"], batch["particles"]
    species = np.abs(particles["pid"][batch.rows_of("particles", t["event_id"], t["particle_id"])])
    columns = {c: np.zeros(t.rows, np.float32) for c in pid_columns()}
    columns |= {"event_id": t["event_id"], "track_id": t["track_id"], "isMuon": species == 13}
    columns["PIDK"] = np.where((species == 321) & (np.arange(t.rows) % 2 == 0), 3.0, -3.0)
    m = measure(batch.with_tables(Table("pid", columns)))
    assert plots_of(m)[-2:] == ("kaons", "muons")
    assert (m.muons["μ"].value == 1).all()
    assert (m.muons["π as μ"].value == 0).all()
    assert (m.kaons["p as K"].value == 0).all()
    kaons = m.kaons["K"]
    pulls = (kaons.value - 0.5) / np.maximum(kaons.above, kaons.below)
    assert kaons.entries.sum() + kaons.left_out <= ((species == 321) & (t["type"] == TrackType.LONG)).sum()
    assert np.abs(pulls).max() < 4.5
    overview(tmp_path / "overview.png", m)
    assert (tmp_path / "overview.png").read_bytes().startswith(b"\x89PNG")


def pid_columns():
    return [c.name for c in table_schema("pid").columns]


def test_caveats_are_notes_and_origins(tiny_set):
    models = load_set(tiny_set)
    (line,) = demo.caveats(models)
    assert line.startswith("acceptance, efficiency, resolution, covariance: The card does not say")


def test_references():
    assert ip_reference(np.array([1.0])).tolist() == [35.0]
    p, sigma = RAPIDSIM_MOMENTUM
    assert len(p) == len(sigma)
    assert np.interp(25, p, sigma) == pytest.approx(0.55)


def test_speed_in_words():
    assert str(Speed(what="simulation", n=5000, things="events", seconds=2.0, cpu=1.5)) == (
        "simulation: 5,000 events in 2.00 s (1.50 s of CPU), 2,500 events/s"
    )


def command(*arguments):
    return CliRunner().invoke(demo.main, [str(a) for a in arguments])


def test_the_command_again_replaces_what_it_made(tmp_path, made, tiny_set):
    folder = shutil.copytree(made[0], tmp_path / "copy")
    result = command("-o", folder, "--set", tiny_set, "--events", 3)
    assert result.exit_code == 0, result.output
    assert "3 decays" in result.output
    assert "events/s" in result.output
    assert lamarr.read(folder / "lambda_b.root").n_events == 3
    assert "3 decays have three long tracks" in (folder / "index.html").read_text()


def test_what_others_made_is_replaced_only_by_force_and_one_event_is_enough(tmp_path, tiny_set):
    (tmp_path / "index.html").write_text("mine")
    arguments = ("-o", tmp_path, "--set", tiny_set, "--events", 1)
    result = command(*arguments)
    assert result.exit_code == 1
    assert "exists and no demonstration wrote it" in result.output
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text() == "mine"
    assert command(*arguments, "--force").exit_code == 0
    assert fate_table(lamarr.read(tmp_path / "lambda_b.parquet")["particles"]).counts.sum() == 7


def test_a_wrong_set_and_a_wrong_folder_are_one_sentence(tmp_path, tiny_set):
    wrong = command("-o", tmp_path / "a", "--set", "lhcb2016-magupp")
    assert wrong.exit_code == 1
    assert "no set of models is called 'lhcb2016-magupp'" in wrong.output
    (tmp_path / "file").write_text("")
    unwritable = command("-o", tmp_path / "file", "--set", tiny_set)
    assert unwritable.exit_code == 1
    assert "cannot be made" in unwritable.output
    assert not (tmp_path / "a").exists()


def test_importing_does_not_import_matplotlib():
    code = (
        "import sys, lamarr.validation.demo, lamarr.validation.plots; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

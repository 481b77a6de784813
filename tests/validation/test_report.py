"""The report: a sample agrees with its like, what is spoilt is found, what cannot be compared is said."""

import json
import re

import numpy as np
import pytest
import uproot
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import lamarr
from lamarr.cli.validate import command
from lamarr.errors import ConfigurationError, MissingNameError, OutputFileError
from lamarr.events import EventBatch
from lamarr.flash import PipelineConfiguration
from lamarr.validation.decays import DECAYS
from lamarr.validation.report import (
    Observable,
    Verdict,
    check_independence,
    compare,
    in_memory,
    open_source,
    refuse_different,
    register,
    to_json,
    write_report,
)
from lamarr.validation.report.catalogue import OBSERVABLES, WIDTHS
from lamarr.validation.report.groups import columns_of
from lamarr.validation.report.independence import training_digests
from lamarr.validation.report.judgements import judge_observable, judge_width
from lamarr.validation.report.verdicts import FAILED, NOISE, PASSED, SHOWN


def made(seed, n=3000):
    """Tracks alone."""
    events = lamarr.generate(DECAYS["Lb2LcMuNu"].descriptor, n, seed=seed)
    return lamarr.simulate(events, "lhcb2016-magup", seed=seed)


@pytest.fixture(scope="module")
def pair():
    return made(1), made(2)


@pytest.fixture(scope="module")
def comparison(pair):
    return compare(in_memory(pair[0], "a"), in_memory(pair[1], "b"), classifiers=False, least=100)


def test_a_sample_agrees_with_its_like(comparison):
    judged = [v for v in comparison.verdicts if v.outcome != SHOWN]
    assert len(judged) > 60
    missed = [v for v in judged if v.outcome == FAILED]
    # Two standard deviations of a hundred comparisons leave a few.
    assert len(missed) <= 0.08 * len(judged), [(v.name, v.what, v.value) for v in missed]


def test_what_is_spoilt_is_found(pair):
    tracks = pair[0]["tracks"]
    wrong = tracks.with_columns(
        **{c: tracks[c] * 1.01 for c in ("p", "px", "py", "pz")}, chi2PerDoF=tracks["chi2PerDoF"] * 1.3
    )
    spoilt = pair[0].with_tables(wrong)
    samples = in_memory(spoilt, "a"), in_memory(pair[1], "b")
    groups = ("long_tracks", "candidates_Lb2LcMuNu")
    found = compare(*samples, classifiers=False, least=100, groups=groups)
    missed = {v.name for v in found.verdicts if v.outcome == FAILED}
    assert {"Δp / p (π)", "χ² / ndof of the track (μ)", "m(Lc)"} <= missed
    assert not any(name.startswith("Δx") for name in missed)


def test_a_classifier_sees_what_no_single_variable_shows(pair):
    rng = np.random.default_rng(1)
    n = 4000
    x = rng.normal(size=n)
    columns = {"species": np.full(n, 13), "event_id": np.arange(n), "p": rng.uniform(2, 100, n)}
    alike = {**columns, "a": x, "b": x + 0.1 * rng.normal(size=n)}
    shuffled = {**columns, "a": x, "b": rng.permutation(alike["b"])}
    from lamarr.validation.report.two_samples import tell_apart

    (same,) = tell_apart((alike, alike), "pid", "μ", 13, 100)
    (found,) = tell_apart((shuffled, alike), "pid", "μ", 13, 100)
    assert same.outcome in (PASSED, NOISE)
    assert found.value > 0.8
    assert found.outcome == FAILED


def test_a_classifier_does_not_know_events_again():
    """Tracks of an event share a number that is the event's own: rows apart would give an AUC near 1."""
    from lamarr.validation.report.two_samples import tell_apart

    rng = np.random.default_rng(2)
    event = np.repeat(np.arange(200), 20)

    def sample():
        shared = rng.normal(size=200)[event]
        return {"species": np.full(4000, 13), "event_id": event, "a": shared, "b": rng.normal(size=4000)}

    (found,) = tell_apart((sample(), sample()), "pid", "μ", 13, 100)
    assert abs(found.value - 0.5) < 0.1


def test_what_was_not_compared_is_named(comparison):
    reasons = " ".join(n.reason for n in comparison.not_made)
    assert "needs the table 'pid'" in reasons
    assert "fewer than 100 entries" in reasons


@given(value=st.floats(0, 1), error=st.floats(0, 0.1), floor=st.floats(0, 0.5), target=st.floats(0, 0.5))
def test_outcomes(value, error, floor, target):
    v = Verdict(
        section="s", name="n", what="w", value=value, error=error, floor=floor, target=target,
        n_flash=1, n_detailed=1,
    )  # fmt: skip
    assert (v.outcome == PASSED) == (value <= target)
    if v.outcome == FAILED:
        assert value > floor
        assert value > target
    assert json.loads(json.dumps(v.to_json()))["outcome"] == v.outcome


def test_the_page_stands_alone_and_the_json_says_the_same(comparison, tmp_path):
    comparison.panels = comparison.panels[:6]
    path, data = tmp_path / "r.html", tmp_path / "r.json"
    write_report(path, comparison, {"Flash": "a <b>"}, json_path=data)
    page = path.read_text(encoding="utf-8")
    assert "a &lt;b&gt;" in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert "<script" not in page
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    content = json.loads(data.read_text(encoding="utf-8"))
    assert content["version"] == 1
    assert len(content["verdicts"]) == len(comparison.verdicts)
    assert to_json(comparison, {})["verdicts"] == content["verdicts"]
    with pytest.raises(OutputFileError, match="--force"):
        write_report(path, comparison, {})


def test_samples_that_took_part_in_a_training_are_refused():
    digest = "ab" * 32
    cards = {"good": {"sample": {"sha256": "cd" * 32}}, "bad": {"data": {"files": [{"sha256": digest}]}}}
    assert training_digests(cards["bad"]) == (digest,)
    with pytest.raises(ConfigurationError, match="training of bad"):
        check_independence(cards, [digest])
    found = {i.model: i for i in check_independence(cards, [digest], force=True)}
    assert found["bad"].shared == (digest,)
    assert "took part" in str(found["bad"])
    assert "other samples" in str(found["good"])
    assert "not shown" in str(check_independence({"x": {}}, [])[0])


def test_samples_of_different_kinds_are_refused(pair):
    a, b = (in_memory(s, n, {"decay": n}) for s, n in zip(pair, ("one", "two"), strict=True))
    with pytest.raises(ConfigurationError, match="decay 'one' and 'two'"):
        refuse_different(a, b)
    assert refuse_different(a, b, force=True) == ["decay 'one' and 'two'"]


def test_files_of_anybody_with_a_map_of_branches(tmp_path):
    rng = np.random.default_rng(2)
    path, branches = tmp_path / "theirs.root", tmp_path / "map.yaml"
    with uproot.recreate(path) as file:
        tree = file.mktree("T", {"P": "float64", "ID": "int32", "K": "float64"})
        tree.extend({"P": rng.uniform(2e3, 9e4, 500), "ID": np.full(500, -321), "K": rng.normal(size=500)})
    branches.write_text(
        "groups:\n  pid:\n    tree: T\n    cut: P > 3000\n"
        "    columns: {p: P / 1000, species: abs(ID), PIDK: K}\nfacts: {year: '2016'}\n"
    )
    source = open_source(path, branches)
    columns = source.columns("pid")
    assert set(columns["species"]) == {321}
    assert columns["p"].min() > 3
    assert source.facts == {"year": "2016"}
    with pytest.raises(MissingNameError, match="no group 'events'"):
        source.columns("events")
    with pytest.raises(MissingNameError, match="near misses: PIDK"):
        OBSERVABLES["RichDLLk"].__class__(name="PIDk", group="pid", title="", low=0, high=1)(columns)


def test_an_observable_of_ones_own(pair):
    mine = Observable(
        name="asymmetry",
        group="events",
        title="long per track",
        low=0,
        high=1,
        values=lambda c: c["nLong"] / np.maximum(c["nTracks"], 1),
    )
    try:
        register(mine)
        with pytest.raises(ConfigurationError, match="called 'asymmetry' already"):
            register(mine)
        samples = in_memory(pair[0], "a"), in_memory(pair[1], "b")
        found = compare(*samples, classifiers=False, groups=("events",))
        assert any(v.name == "long per track" for v in found.verdicts)
    finally:
        OBSERVABLES.pop("asymmetry", None)


def test_the_command(pair, tmp_path):
    paths = [tmp_path / "a.parquet", tmp_path / "b.root"]
    for batch, path in zip(pair, paths, strict=True):
        lamarr.write(batch.select_events(0, 400), path)
    arguments = [*map(str, paths), "-o", str(tmp_path / "r.html"), "--no-classifiers", "--quiet"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "Independence" in (tmp_path / "r.html").read_text(encoding="utf-8")
    with pytest.raises(OutputFileError):
        CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def calorimeter():
    """Photons of a gun through the ECAL of the flash simulation."""
    events = lamarr.generate("gamma p=log(1,50) eta=2:4.5", 1500, seed=4)
    pipeline = PipelineConfiguration(ecal="parametric")
    return [lamarr.simulate(events, pipeline=pipeline, seed=seed) for seed in (1, 2)]


GROUPS = ("clusters", "photons", "photon_clusters", "neutrals")


def test_the_calorimeter_agrees_with_its_like_and_a_wrong_energy_is_found(calorimeter):
    a, b = calorimeter
    alike = compare(in_memory(a, "a"), in_memory(b, "b"), classifiers=False, groups=GROUPS)
    judged = [v for v in alike.verdicts if v.outcome != SHOWN]
    assert {"ΔE / E of photons' clusters", "photon has a cluster in bins of p"} <= {v.name for v in judged}
    assert all(v.section == "calorimeter" for v in judged)
    assert sum(v.outcome == FAILED for v in judged) <= 2
    wrong = a.with_columns("clusters", energy=1.05 * a["clusters"]["energy"])
    found = compare(in_memory(wrong, "a"), in_memory(b, "b"), classifiers=False, groups=GROUPS)
    missed = {v.name for v in found.verdicts if v.outcome == FAILED}
    assert "ΔE / E of photons' clusters" in missed
    assert "Δx of photons' clusters" not in missed


def test_candidates_are_made_where_a_sample_has_none(calorimeter):
    batch = calorimeter[0]
    tables = {name: batch[name] for name in batch if name != "neutrals"}
    without = EventBatch(tables, batch.sources)
    ours, theirs = (columns_of(x, "neutrals") for x in (batch, without))
    assert ours["is_photon"].sum() > 500
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


@pytest.mark.parametrize("which", ["both", "one", "empty", "nan"])
def test_columns_that_say_nothing_are_judged_or_named(which):
    mass = OBSERVABLES["Lb2LcMuNu_Lc_m"]
    varied = np.random.default_rng(3).normal(2286, 6, 500)
    same = np.full(500, 2286.0)
    pair = {
        "both": (same, same),
        "one": (varied, same),
        "empty": (varied[:0], varied),
        "nan": (varied * np.nan, varied),
    }[which]
    columns = [{"Lc_m": v} for v in pair]
    if which in ("empty", "nan"):
        with pytest.raises(MissingNameError, match="fewer than 100"):
            list(judge_observable(columns, mass, "", 0, 100))
        return
    verdicts = {v.what: v for v in judge_observable(columns, mass, "", 0, 100) if isinstance(v, Verdict)}
    assert verdicts["KS"].outcome == (PASSED if which == "both" else FAILED)
    assert "relative difference of the width" not in verdicts


def test_bins_without_overlap_are_named():
    slow, fast = (
        {"p": np.full(300, p), "dp": np.zeros(300), "species": np.full(300, 13)} for p in (3.0, 60.0)
    )
    with pytest.raises(MissingNameError, match="no bin of p"):
        list(judge_width((slow, fast), WIDTHS["sigma_p"], "μ", 13, 100))

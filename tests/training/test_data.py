"""Data in: expressions, ROOT, Parquet and event files, splits by event, digests, wrong input."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from lamarr.errors import ConfigurationError, InputFileError, LamarrError
from lamarr.training.data import Expression, load_data, part_of_event, prepare
from lamarr.training.toy import SPECIES, dll_cdf, make_events, make_ntuple, make_tracks

CALIBRATION = {
    "files": ["ntuple.root"],
    "event": ["runNumber", "eventNumber"],
    "columns": {"p": "probe_P", "eta": "probe_ETA", "charge": "probe_charge", "RichDLLk": "probe_RichDLLk"},
    "weight": "probe_sWeight",
    "cuts": ["probe_P > 5000 and probe_P < 50000"],
}
NAMES = {"inputs": ["p", "eta", "charge"], "outputs": ["RichDLLk"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    make_ntuple(path / "ntuple.root", 6000, 1)
    make_events(path / "events.parquet", 6000, 2)
    return path


def specification(folder, **changes):
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump({**CALIBRATION, **changes}))
    return load_data(path)


def sample(folder, tmp_path, *, select=None, **changes):
    names = (
        NAMES if "columns" not in changes else {"inputs": list(changes["columns"]), "outputs": ["nTracks"]}
    )
    return prepare(*specification(folder, **changes), **names, folder=tmp_path / "s", select=select)


@given(x=st.floats(-100, 100), y=st.floats(-100, 100))
def test_expressions_mean_what_python_means(x, y):
    columns = {"x": np.array([x]), "y": np.array([y])}
    for text in ("x + 2 * y - -y", "x > 1 and y <= x or not (x < y)", "-3 < x < y", "x ** 2 + 7.5"):
        assert Expression(text)(columns)[0] == eval(text, {"x": x, "y": y})
    assert Expression("maximum(abs(x), sqrt(y * y + 1))")(columns)[0] == max(abs(x), math.sqrt(y * y + 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("__import__('os')", "no function .*called '__import__'"),
        ("x.__class__", r"holds 'x.__class__'"),
        ("[x for x in y]", "holds"),
        ("x +", "no expression"),
        ("loge(x)", "near misses: log"),
        ("'text'", "holds"),
        ("x if y else x", "holds"),
    ],
)
def test_expressions_do_nothing_else(text, words):
    with pytest.raises(ConfigurationError, match=words):
        Expression(text)


def test_an_ntuple_becomes_a_sample(folder, tmp_path):
    s = sample(folder, tmp_path)
    with uproot.open({folder / "ntuple.root": "DecayTree"}) as tree:
        t = tree.arrays(library="np")
    keep = (t["probe_P"] > 5000) & (t["probe_P"] < 50000)
    np.testing.assert_allclose(s.conditions[:, 0], t["probe_P"][keep], rtol=1e-6)
    np.testing.assert_array_equal(s.outputs[:, 0], t["probe_RichDLLk"][keep])
    np.testing.assert_allclose(s.weights, t["probe_sWeight"][keep], rtol=1e-6)
    assert (s.weights < 0).any()


def test_parquet_and_root_give_the_same_sample(folder, tmp_path):
    with uproot.open({folder / "ntuple.root": "DecayTree"}) as tree:
        pq.write_table(pa.table(tree.arrays(library="np")), folder / "ntuple.parquet")
    a = sample(folder, tmp_path / "a")
    b = sample(folder, tmp_path / "b", files=["ntuple.parquet"])
    assert a.digest == b.digest
    np.testing.assert_array_equal(a.part, b.part)


def test_event_files_join_their_tables(folder, tmp_path):
    s = prepare(
        *load_data(folder / "events.parquet"),
        inputs=["p", "eta", "nTracks", "true_p"],
        outputs=["RichDLLp"],
        derived={"true_p": "sqrt(true_px**2 + true_py**2 + true_pz**2)"},
        select="abs(true_pid) == 321",
        folder=tmp_path,
    )
    t = make_tracks(6000, 2)
    at = t.pid == SPECIES["kaon"]
    np.testing.assert_allclose(s.conditions[:, 0], t.p[at], rtol=1e-5)
    np.testing.assert_allclose(s.conditions[:, 1], t.eta[at], rtol=1e-5)
    np.testing.assert_array_equal(s.conditions[:, 2], t.nTracks[at])
    np.testing.assert_allclose(s.conditions[:, 3], t.p[at], rtol=1e-5)
    np.testing.assert_array_equal(s.outputs[:, 0], t.outputs["RichDLLp"][at].astype(np.float32))
    parts = part_of_event([t.event[at]])
    np.testing.assert_array_equal(s.part, parts)


def test_the_cut_of_a_model_knows_the_columns_by_the_names_of_the_model(folder, tmp_path):
    s = sample(folder, tmp_path, select="p < 20000 and charge == 1")
    assert (s.conditions[:, 0] < 20_000).all()
    assert (s.conditions[:, 2] == 1).all()
    assert len(s.part) < len(sample(folder, tmp_path / "all").part)
    with pytest.raises(InputFileError, match=r"'probe_P > 5000.*' leaves \d+; 'p < 0' leaves 0"):
        sample(folder, tmp_path / "none", select="p < 0")


def test_an_expression_falls_into_the_parts_that_and_joins():
    parts = Expression("a > 1 and (b < 2 or c == 3) and not d").parts()
    assert [sorted(p.names) for p in parts] == [["a"], ["b", "c"], ["d"]]
    assert [p.text for p in Expression("a > 1 or b").parts()] == ["a > 1 or b"]


@given(events=st.integers(50, 400), tracks=st.integers(1, 9), seed=st.integers(0, 99))
def test_events_are_never_split(events, tracks, seed):
    run, event = np.repeat(np.arange(events) // 10, tracks), np.repeat(np.arange(events), tracks)
    part = part_of_event([run, event], seed).reshape(events, tracks)
    assert (part == part[:, :1]).all()


def test_parts_have_their_shares_and_the_seed_counts():
    part = part_of_event([np.arange(100_000)])
    np.testing.assert_allclose(np.bincount(part) / 1e5, [0.8, 0.1, 0.1], atol=0.005)
    assert (part != part_of_event([np.arange(100_000)], 1)).mean() > 0.2


def test_the_digest_sees_every_number(folder, tmp_path):
    whole = sample(folder, tmp_path / "a").digest
    assert sample(folder, tmp_path / "b").digest == whole
    less = sample(folder, tmp_path / "c", cuts=["probe_P > 5000.5 and probe_P < 50000"])
    assert less.digest != whole or len(less.part) == len(sample(folder, tmp_path / "d").part)
    assert sample(folder, tmp_path / "e", weight="1").digest != whole


def test_chunks_do_not_matter(folder, tmp_path, monkeypatch):
    import lamarr.training.data.sources as sources

    whole = sample(folder, tmp_path / "a")
    monkeypatch.setattr(sources, "CHUNK", 700)
    parts = sample(folder, tmp_path / "b")
    np.testing.assert_array_equal(whole.conditions, parts.conditions)
    np.testing.assert_array_equal(whole.part, parts.part)


def test_toy_likelihoods_have_the_distribution_that_is_claimed():
    t = make_tracks(60_000, 3)
    for code in SPECIES.values():
        at = (t.pid == code) & (t.outputs["RichDLLk"] != 0)
        for h in ("e", "mu", "k", "p"):
            u = dll_cdf(f"RichDLL{h}", t.outputs[f"RichDLL{h}"][at], code, t.p[at], t.eta[at], t.nTracks[at])
            assert kstest(u, "uniform").pvalue > 1e-4


def test_weights_of_the_ntuple_are_those_of_its_signal(folder):
    with uproot.open({folder / "ntuple.root": "DecayTree"}) as tree:
        t = tree.arrays(["D_M", "probe_sWeight", "probe_P"], library="np")
    assert t["probe_sWeight"].sum() == pytest.approx(0.8 * 6000, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"files": ["ntupel.root"]}, "near misses: ntuple.root"),
        ({"files": ["*.rot"]}, "no file matches"),
        ({"files": []}, "at least one file"),
        ({"tree": "DecayTre"}, "near misses: DecayTree"),
        ({"weight": "probe_sweight"}, "near misses: probe_sWeight"),
        ({"weight": "0 * probe_P"}, "weights must sum to a positive number, but sum to 0"),
        ({"cuts": ["probe_P > 1e9"]}, "no rows are left .*6000 rows were read; 'probe_P > 1e9' leaves 0"),
        ({"cuts": ["probe_P >"]}, "no expression"),
        ({"cut": ["probe_P > 3"]}, "near misses: cuts"),
        ({"nan": "ignore"}, "'nan'"),
        (
            {"columns": {**CALIBRATION["columns"], "eta": "log(probe_charge)"}},
            "'eta' must be finite.*nan: drop",
        ),
        ({"columns": {**CALIBRATION["columns"], "eta": "probe_Eta"}}, "near misses: probe_ETA"),
    ],
)
def test_wrong_data_are_answered_with_sentences(folder, tmp_path, changes, words):
    with pytest.raises(LamarrError, match=words):
        sample(folder, tmp_path, **changes)


def test_rows_with_nan_can_be_dropped(folder, tmp_path):
    s = sample(folder, tmp_path, columns={"eta": "log(probe_charge)", "p": "probe_P"}, nan="drop")
    assert (s.conditions[:, 0] == 0).all()
    assert 0 < len(s.part) < 4000


def test_damaged_files_and_columns_that_are_not_flat_are_named(folder, tmp_path):
    (tmp_path / "ntuple.root").write_bytes((folder / "ntuple.root").read_bytes()[:5000])
    with pytest.raises(InputFileError, match=r"ntuple\.root"):
        sample(tmp_path, tmp_path)
    pq.write_table(pa.table({"probe_P": [[1.0], [2.0]]}), tmp_path / "lists.parquet")
    with pytest.raises(InputFileError, match="one number per row"):
        prepare(
            *specification(tmp_path, files=["lists.parquet"], event=[], weight=None, cuts=[]),
            inputs=["p"],
            outputs=["p"],
            folder=tmp_path,
        )


def test_a_file_that_is_not_of_lamarr_asks_for_yaml(folder):
    with pytest.raises(InputFileError, match="name its columns in a YAML file"):
        load_data(folder / "ntuple.root")

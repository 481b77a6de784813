"""The Python API in four words: generate, simulate, read, write."""

import subprocess
import sys

import numpy as np
import pytest

import lamarr
from lamarr.errors import ConfigurationError, InputFileError, OutputFileError, UnknownNameError

DECAY = "[B_s0 -> (D_s- -> K+ K- pi-) pi+]cc"


@pytest.fixture(scope="module")
def events():
    return lamarr.generate(DECAY, 50, seed=3)


def test_public_names_are_frozen():
    assert lamarr.__all__ == [
        "EventBatch",
        "Fate",
        "LamarrError",
        "Table",
        "__version__",
        "generate",
        "read",
        "simulate",
        "write",
    ]
    assert all(hasattr(lamarr, name) for name in lamarr.__all__)
    assert dir(lamarr) == sorted(lamarr.__all__)
    with pytest.raises(AttributeError, match="simulates"):
        _ = lamarr.simulates


def test_generate_and_simulate(events, tiny_set):
    reco = lamarr.simulate(events, set=tiny_set)
    assert reco.n_events == 50
    assert reco["particles"].rows == events["particles"].rows
    assert reco["tracks"].rows > 0
    assert reco == lamarr.simulate(events, set=tiny_set, threads=2)
    assert reco != lamarr.simulate(events, set=tiny_set, seed=1)


def test_simulate_takes_a_back_end(events, tiny_set):
    c, numpy = (lamarr.simulate(events, set=tiny_set, seed=2, backend=b).tracks for b in ("c", "numpy"))
    assert c == lamarr.simulate(events, set=tiny_set, seed=2).tracks  # there is a compiler, or "c" had raised
    assert c.rows == numpy.rows
    np.testing.assert_allclose(c.p, numpy.p, rtol=1e-5)
    with pytest.raises(UnknownNameError, match="no back end is called 'fortran'"):
        lamarr.simulate(events, set=tiny_set, backend="fortran")


def test_simulate_cuts_large_batches_without_a_trace(events, tiny_set, monkeypatch):
    import lamarr.api

    whole = lamarr.simulate(events, set=tiny_set)
    original = lamarr.api._pieces
    monkeypatch.setattr(lamarr.api, "_pieces", lambda e: original(e, rows=40))
    assert len(lamarr.api._pieces(events)) > 5
    assert lamarr.simulate(events, set=tiny_set) == whole


def test_write_and_read(events, tmp_path):
    path = tmp_path / "events.parquet"
    lamarr.write(events, path)
    assert lamarr.read(path) == events
    with pytest.raises(OutputFileError, match="exists already"):
        lamarr.write(events, path)
    assert lamarr.generate(str(path)) == events
    assert lamarr.generate(str(path), n=7).n_events == 7


def test_generate_understands_particles():
    events = lamarr.generate("mu- p=2:100 eta=2:5", 20)
    assert set(events["particles"]["pid"]) == {13}


@pytest.mark.parametrize(
    ("source", "n", "error", "sentence"),
    [
        (DECAY, None, ConfigurationError, "the number of events n must be given"),
        ("mmu-", 5, UnknownNameError, "near misses: mu-"),
        ("absent.hepmc", None, InputFileError, "no file is called 'absent.hepmc'"),
    ],
)
def test_generate_refuses(source, n, error, sentence):
    with pytest.raises(error, match=sentence):
        lamarr.generate(source, n)


def test_simulate_names_the_bad_event(events, tiny_set):
    bad = events["particles"]["pid"].copy()
    bad[events["particles"]["end_vertex"] < 0] = 98765432
    with pytest.raises(InputFileError, match=r"event 0 .*PDG id 98765432"):
        lamarr.simulate(events.with_columns("particles", pid=bad), set=tiny_set)


def test_simulate_refuses_wrong_names(events):
    with pytest.raises(UnknownNameError, match="no set of models is called"):
        lamarr.simulate(events, set="lhcb1816-magup")
    with pytest.raises(ConfigurationError, match="threads >= 1"):
        lamarr.simulate(events, threads=0)


def test_import_brings_nothing_heavy():
    code = (
        "import sys, lamarr; heavy = {'numpy', 'uproot', 'pyarrow', 'torch', 'pydantic', 'rich'};"
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

"""The detailed simulation as a whole: all sub-detectors, workers that die, order and number of workers."""

import os
import signal
import threading
import time
import warnings
from importlib.util import find_spec

import numpy as np
import pytest

from lamarr.errors import UnknownNameError
from lamarr.events import Fate, check_keys, check_references, read
from lamarr.flash import Run
from lamarr.flash.sources import open_gun, open_pythia

for name in ("geant4_pybind", "numba", "pythia8mc"):
    if find_spec(name) is None:  # importing Geant4 would ask for its data
        pytest.skip(f"the detailed simulation needs {name}", allow_module_level=True)

from lamarr.detailed.transport.data import StandInWarning
from lamarr.detailed.workers import Settings, Workers


@pytest.fixture(scope="module")
def pool(cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMARR_SHOWERS", "small")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StandInWarning)  # where the official data are not
            workers = Workers(Settings(), 2)
        with workers:
            yield workers


def simulate(pool, path, source, **options):
    run = Run(
        source=source, pipeline=pool, outputs=(path,), seed=7, threads=2, batch_size=1, keep="all", **options
    )
    return run()


@pytest.fixture(scope="module")
def simulated(pool, tmp_path_factory):
    path = tmp_path_factory.mktemp("detailed") / "out.parquet"
    begin = time.perf_counter()
    report = simulate(pool, path, open_pythia("minbias", 20, 7, nu=1.6).source)
    return report, read(path), time.perf_counter() - begin


def test_twenty_events_give_all_tables_in_order(simulated):
    report, batch, _ = simulated
    assert not report.failures
    assert batch.n_events == 20
    check_keys(batch)
    check_references(batch)
    calorimeter = ("clusters", "cluster_links", "calo_particles", "neutrals", "electrons")
    for table in ("tracks", "pid", *calorimeter, "transport", "true_states"):
        assert batch[table].rows > 50
    assert batch["primary_vertices"].rows >= 15
    events = batch["events"]
    for column in ("nTracks", "nVeloTracks", "nSPDHits", "nRich1Hits", "nRich2Hits"):
        assert events[column].max() > 5
    assert batch["pid"].rows == batch["tracks"].rows
    assert batch["pid"]["isMuon"].any()


def test_fates_add_up_and_agree_with_the_tracks(simulated):
    report, batch, _ = simulated
    particles = batch["particles"]
    assert report.counts.fates.sum() == particles.rows
    assert not np.any(particles["fate"] == Fate.UNDECIDED)
    tracks = batch["tracks"]
    owned = tracks["particle_id"] >= 0
    rows = batch.rows_of("particles", tracks["event_id"][owned], tracks["particle_id"][owned])
    charged = np.isin(np.abs(particles["pid"][rows]), (11, 13, 211, 321, 2212)) & (particles["pz"][rows] > 1)
    assert np.all(particles["fate"][rows][charged] >= Fate.LONG)
    with_track = np.unique(rows[charged])
    assert np.count_nonzero(particles["fate"] >= Fate.LONG) == len(with_track)


def test_momenta_are_those_that_were_generated(simulated):
    _, batch, _ = simulated
    tracks = batch["tracks"].take(
        np.flatnonzero((batch["tracks"]["particle_id"] >= 0) & (batch["tracks"]["type"] == 3))
    )
    rows = batch.rows_of("particles", tracks["event_id"], tracks["particle_id"])
    t = batch["particles"]
    true = np.sqrt(sum(t[c][rows] ** 2 for c in ("px", "py", "pz")))
    hadron = np.abs(t["pid"][rows]) != 11
    assert np.median(np.abs(tracks["p"] / true - 1)[hadron]) < 0.02
    assert np.mean(tracks["charge"] == t["charge"][rows]) > 0.97


def test_the_batch_does_not_matter(pool, simulated, tmp_path):
    _, batch, _ = simulated
    run = Run(
        source=open_pythia("minbias", 20, 7, nu=1.6).source, pipeline=pool, outputs=(tmp_path / "a.parquet",),
        seed=7, batch_size=3, n_events=3, keep="all",
    )  # fmt: skip
    run()
    again = read(tmp_path / "a.parquet")
    for name, table in again.items():
        assert table == batch.select_events(0, 3)[name], name


def test_a_worker_that_dies_costs_one_event_which_the_report_names(pool, tmp_path):
    def kill_a_busy_one():
        for _ in range(600):
            time.sleep(0.05)
            busy = [w for w in pool._all if w not in pool._free.queue and w.process is not None]
            if busy and busy[0].process.is_alive():
                # one that is stopped answers no more; one that answered just before is not busy any longer
                os.kill(busy[0].process.pid, signal.SIGSTOP)
                time.sleep(0.2)
                still = busy[0] not in pool._free.queue
                os.kill(busy[0].process.pid, signal.SIGKILL if still else signal.SIGCONT)
                if still:
                    return

    thread = threading.Thread(target=kill_a_busy_one)
    thread.start()
    report = simulate(pool, tmp_path / "b.parquet", open_pythia("minbias", 12, 8, nu=1.6).source)
    thread.join()
    assert len(report.failures) == 1
    assert "SIGKILL" in report.failures[0].reason
    events = read(tmp_path / "b.parquet")["events"]["event_id"]
    assert sorted([*events.tolist(), report.failures[0].event]) == list(range(12))


def test_a_particle_that_geant4_does_not_know_is_named(pool, tmp_path):
    source = open_gun("mu-", 2, 1).source
    batches = list(source.batches(1))
    pid = np.array([9900015])
    batches[1] = batches[1].with_columns("particles", pid=pid)

    class Source:
        sources, n_events = source.sources, 2

        def batches(self, size, first=0):
            yield from batches[first:]

    report = simulate(pool, tmp_path / "c.parquet", Source())
    assert [f.event for f in report.failures] == [1]
    assert "9900015" in report.failures[0].reason


def test_an_unknown_end_is_refused_with_a_near_miss():
    with pytest.raises(UnknownNameError, match="muon"):
        Settings(stop="mouns")

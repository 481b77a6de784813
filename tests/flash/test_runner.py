"""Runs: nothing lost, nothing invented, the same bits however they are cut."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lamarr.errors import ConfigurationError, InputFileError, OutputFileError, UnknownNameError
from lamarr.events import EventBatch, Fate, read
from lamarr.flash import Run, load_pipeline
from lamarr.flash.files import EventFiles
from lamarr.flash.runner import ordered_map, process
from lamarr.flash.spool import Spool
from lamarr.generation import DecayGun, EventFailure
from made_up_events import made_up

DECAY = "[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc"


class Prepared:
    """A source that gives prepared items: lists of particles, or failures."""

    def __init__(self, *events):
        self.events, self.sources, self.n_events = events, ("by hand",), len(events)

    def batches(self, size, first=0):
        waiting = []
        for number, event in enumerate(self.events):
            if number < first:
                continue
            if isinstance(event, str):
                if waiting:
                    yield self._batch(waiting)
                waiting = []
                yield EventFailure(source="by hand", event=number, reason=event)
            else:
                waiting.append(number)
            if len(waiting) == size:
                yield self._batch(waiting)
                waiting = []
        if waiting:
            yield self._batch(waiting)

    def _batch(self, numbers):
        batch = made_up(*(self.events[i] for i in numbers)).with_columns("events", event_number=numbers)
        ids = np.array(numbers)
        return EventBatch(
            {n: t.with_columns(event_id=ids[t["event_id"]]) for n, t in batch.items()}, batch.sources
        )


@pytest.fixture(scope="module")
def pipeline(tiny_set):
    return load_pipeline(str(tiny_set))


def run(pipeline, path, source=None, **options):
    source = source or DecayGun(DECAY, 60, seed=2)
    report = Run(source=source, pipeline=pipeline, outputs=(path,), **options)()
    return report, read(path)


@pytest.fixture(scope="module")
def reference(pipeline, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "reference.root"
    return run(pipeline, path, batch_size=10_000)[1]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_same_bits_for_every_batch_size_and_number_of_threads(
    pipeline, tmp_path, reference, batch_size, threads, checkpoint
):
    """Peers: the last batch is lost, all but the last file of a batch are, results depend on it."""
    options = {"batch_size": batch_size, "threads": threads, "checkpoint": checkpoint}
    report, result = run(pipeline, tmp_path / "out.root", **options)
    assert result == reference
    assert report.counts.events == result.n_events == 60
    assert [p.name for p in tmp_path.iterdir()] == ["out.root"]


def test_other_seeds_give_other_events(pipeline, tmp_path, reference):
    assert run(pipeline, tmp_path / "out.root", seed=1)[1] != reference


def test_fates_add_up_to_all_particles(pipeline, tmp_path):
    report, result = run(pipeline, tmp_path / "out.root")
    t = result["particles"]
    assert report.particles == t.rows == 60 * 7
    assert not np.any(t["fate"] == Fate.UNDECIDED)
    assert report.counts.fates.sum(axis=1).tolist() == [int((t["fate"] == f).sum()) for f in Fate]
    assert report.counts.out_of_domain.sum() == t["out_of_domain"].sum()
    lines = report.summary().splitlines()
    total = next(line for line in lines if line.startswith("all particles"))
    assert int(total.split()[-1]) == t.rows


def test_dropped_particles_are_counted_all_the_same(pipeline, tmp_path):
    events = [[{"status": 3, "pid": 21}, {"pid": 211}, {"status": 21}]]
    counts = []
    for keep, rows in [("all", 3), ("physical", 1)]:
        report, result = run(pipeline, tmp_path / f"{keep}.root", Prepared(*events), keep=keep)
        assert result["particles"].rows == rows
        counts.append(report.counts.to_json())
    assert counts[0] == counts[1]
    assert sum(counts[0]["fates"]["DOCUMENTATION"].values()) == 2


def test_several_outputs_hold_the_same(pipeline, tmp_path):
    outputs = (tmp_path / "a.root", tmp_path / "a.parquet")
    Run(source=DecayGun(DECAY, 20, seed=2), pipeline=pipeline, outputs=outputs)()
    assert read(outputs[0]) == read(outputs[1])


def test_n_events_stops_and_does_not_change_what_comes_before(pipeline, tmp_path, reference):
    report, result = run(pipeline, tmp_path / "out.root", n_events=25, batch_size=10)
    assert result == reference.select_events(0, 25)
    assert report.counts.events == 25


def test_generating_only(tmp_path):
    report, result = run(None, tmp_path / "out.root")
    assert "fate" not in result["particles"]
    assert report.counts.fates[0].sum() == 60 * 7


# ------------------------------------------------------------------ bad events

BAD = {
    "NaN momentum": ([{}, {"px": float("nan")}], "particle 1 .* must have a finite momentum"),
    "infinite momentum": ([{"pz": float("inf")}], "particle 0 .* must have a finite momentum"),
    "no vertex": ([{"production_vertex": -1}], "particle 0 .* has no vertex"),
    "wrong vertex": ([{"production_vertex": 5}], "'vertices' has no row"),
    "unknown id": ([{"pid": 98765432}], "PDG id 98765432"),
    "unreadable": ("line 12 is truncated", "line 12 is truncated"),
}


@pytest.mark.parametrize("batch_size", [1, 2, 100])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_event_is_reported_and_the_others_are_kept(pipeline, tmp_path, kind, batch_size):
    bad, sentence = BAD[kind]
    good = [{"px": 10.0 * i, "pid": 211} for i in range(30)]
    with_bad, without = [good, good, bad, good, good], [good, good, good, good, good]
    path = tmp_path / "out.root"
    report, result = run(pipeline, path, Prepared(*with_bad), batch_size=batch_size)
    _, expected = run(pipeline, tmp_path / "good.root", Prepared(*without))
    assert [f.event for f in report.failures] == [2]
    assert result["events"]["event_id"].tolist() == [0, 1, 3, 4]
    for first, last in [(0, 2), (3, 5)]:
        assert result.select_events(first, last) == expected.select_events(first, last)
    [written] = json.loads(Path(f"{path}.errors.json").read_text())
    assert written["event"] == 2
    assert re.search(sentence, written["reason"])


def test_a_run_without_any_good_event_writes_nothing(pipeline, tmp_path):
    source = Prepared("it is empty", "so is this")
    with pytest.raises(
        InputFileError, match=r"no event could be read or simulated: .*it is empty.*1 further"
    ):
        run(pipeline, tmp_path / "out.root", source)
    assert not list(tmp_path.iterdir())


def test_errors_of_an_earlier_run_do_not_stay(pipeline, tmp_path):
    path = tmp_path / "out.root"
    run(pipeline, path, Prepared([{}], "bad"))
    run(pipeline, path, Prepared([{}]), force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["out.root"]


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"threads": 0}, ConfigurationError, "threads >= 1 must hold"),
        ({"batch_size": 0}, ConfigurationError, "batch_size >= 1 must hold"),
        ({"n_events": 0}, ConfigurationError, "n >= 1 must hold"),
        ({"keep": "physicl"}, UnknownNameError, "near misses: physical"),
    ],
)
def test_wrong_options(pipeline, tmp_path, options, error, sentence):
    with pytest.raises(error, match=sentence):
        run(pipeline, tmp_path / "out.root", **options)


def test_outputs_must_be_given_and_differ(pipeline, tmp_path):
    source = DecayGun(DECAY, 5, seed=2)
    with pytest.raises(ConfigurationError, match="at least one output"):
        Run(source=source, pipeline=pipeline, outputs=())
    with pytest.raises(ConfigurationError, match="outputs must differ"):
        Run(source=source, pipeline=pipeline, outputs=(tmp_path / "a.root", tmp_path / "a.root"))


def test_an_existing_output_is_refused_before_anything_is_done(pipeline, tmp_path):
    path = tmp_path / "out.root"
    path.write_text("precious")

    class Untouchable(DecayGun):
        def batches(self, size, first=0):
            raise AssertionError

    with pytest.raises(OutputFileError, match="exists already"):
        run(pipeline, path, Untouchable(DECAY, 5))
    assert path.read_text() == "precious"


# ------------------------------------------------------------------ checkpoints

SCRIPT = """
import sys, time
from pathlib import Path
from lamarr.flash import Run, load_pipeline
from lamarr.flash.stage import Stage, columns
from lamarr.flash.pipeline import Pipeline
from lamarr.generation import DecayGun

class Slow(Stage):
    name, reads, writes = "slow", columns(), columns()
    def __call__(self, batch, seed):
        time.sleep(float(sys.argv[3]))
        return batch

chain = Pipeline([*load_pipeline(sys.argv[1]).stages, Slow()])
source = DecayGun(sys.argv[4], 60, seed=2)
options = {'batch_size': 5, 'threads': 2, 'checkpoint': True}
print(Run(source=source, pipeline=chain, outputs=(Path(sys.argv[2]),), **options)().processed)
"""


def test_a_killed_run_goes_on_without_losing_or_doubling_events(tiny_set, tmp_path, reference):
    path, spool = tmp_path / "out.root", tmp_path / "out.root.spool"
    command = [sys.executable, "-c", SCRIPT, str(tiny_set), str(path)]
    process = subprocess.Popen([*command, "0.15", DECAY], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(spool.glob("*.chunk"))) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = 5 * len(list(spool.glob("*.chunk")))
    assert 15 <= done < 60
    assert not path.exists()
    again = subprocess.run([*command, "0", DECAY], check=True, capture_output=True, text=True)
    assert int(again.stdout) == 60 - done
    assert read(path) == reference
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.root"]


def interrupted(pipeline, path, **options):
    """Leave the checkpoint of a run that stopped after 20 events."""

    class Stops(DecayGun):
        def batches(self, size, first=0):
            for batch in super().batches(size, first):
                if batch["events"]["event_id"][0] >= 20:
                    raise KeyboardInterrupt
                yield batch

    with pytest.raises(KeyboardInterrupt):
        run(pipeline, path, Stops(DECAY, 60, seed=2), checkpoint=True, batch_size=10, **options)
    assert not path.exists()


def test_an_interrupted_run_goes_on(pipeline, tmp_path, reference):
    interrupted(pipeline, tmp_path / "out.root")
    report, result = run(pipeline, tmp_path / "out.root", checkpoint=True, batch_size=7)
    assert result == reference
    assert report.processed == 40
    assert report.counts.events == 60


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"seed": 4}, "another seed"),
        ({"keep": "all"}, "another keep"),
        ({"n_events": 50}, "another n_events"),
        ({"identity": {"decay": "other"}}, "another decay"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(pipeline, tmp_path, options, difference):
    interrupted(pipeline, tmp_path / "out.root")
    with pytest.raises(OutputFileError, match=difference):
        run(pipeline, tmp_path / "out.root", checkpoint=True, **options)


def test_a_checkpoint_of_other_models_is_refused(pipeline, tmp_path, tiny_set):
    interrupted(pipeline, tmp_path / "out.root")
    with pytest.raises(OutputFileError, match="another pipeline"):
        run(load_pipeline(f"{tiny_set}-mirrored"), tmp_path / "out.root", checkpoint=True)


def test_force_starts_anew(pipeline, tmp_path, reference):
    interrupted(pipeline, tmp_path / "out.root", seed=5)
    report, result = run(pipeline, tmp_path / "out.root", checkpoint=True, force=True)
    assert report.processed == 60
    assert result == reference


def test_two_processes_do_not_share_a_checkpoint(tmp_path):
    first = Spool(tmp_path / "a.spool", {"seed": 1})
    with pytest.raises(OutputFileError, match="in use by another process"):
        Spool(tmp_path / "a.spool", {"seed": 1})
    first.close()
    Spool(tmp_path / "a.spool", {"seed": 1}).close()


def test_a_run_that_ends_before_its_first_chunk_leaves_nothing(pipeline, tmp_path):
    class Broken(DecayGun):
        def batches(self, size, first=0):
            raise InputFileError("it cannot be read at all")

    with pytest.raises(InputFileError, match="cannot be read at all"):
        run(pipeline, tmp_path / "out.root", Broken(DECAY, 5), checkpoint=True)
    with pytest.raises(InputFileError, match="no event could"):
        run(pipeline, tmp_path / "out.root", Prepared("empty"), checkpoint=True)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_with_a_hole_is_refused(pipeline, tmp_path):
    interrupted(pipeline, tmp_path / "out.root")
    next((tmp_path / "out.root.spool").glob("000000000000-*.chunk")).unlink()
    with pytest.raises(OutputFileError, match="lacks the events 0 … 9"):
        run(pipeline, tmp_path / "out.root", checkpoint=True)


def test_failures_survive_a_checkpoint(pipeline, tmp_path):
    source = Prepared([{}], "bad", [{}], "worse")
    report, result = run(pipeline, tmp_path / "out.root", source, checkpoint=True, batch_size=1)
    assert [f.reason for f in report.failures] == ["bad", "worse"]
    assert result["events"]["event_id"].tolist() == [0, 2]


# ------------------------------------------------------------------ parts


def test_ordered_map_keeps_order_and_looks_little_ahead():
    taken = []

    def items():
        for i in range(50):
            taken.append(i)
            yield i

    results = ordered_map(lambda i: i * i, items(), 3)
    assert next(results) == 0
    assert len(taken) <= 5
    assert [0, *results] == [i * i for i in range(50)]


def test_events_of_a_file_keep_their_numbers_and_random_numbers(pipeline, tmp_path, reference):
    run(None, tmp_path / "generated.root")
    source = EventFiles([tmp_path / "generated.root"])
    _, result = run(pipeline, tmp_path / "out.parquet", source, batch_size=13)
    assert result == reference


def test_several_files_follow_each_other(tmp_path):
    for name, n in [("a", 5), ("b", 3)]:
        run(None, tmp_path / f"{name}.root", DecayGun(DECAY, n, seed=2))
    source = EventFiles([tmp_path / "a.root", tmp_path / "b.root"])
    batches = list(source.batches(4))
    assert [b["events"]["event_id"].tolist() for b in batches] == [[0, 1, 2, 3], [4], [5, 6, 7]]
    assert batches[-1]["events"]["source"].tolist() == [1, 1, 1]
    late = EventBatch.concatenate(source.batches(100, first=4))
    assert late["events"]["event_id"].tolist() == [4, 5, 6, 7]


def test_simulated_columns_are_left_out_when_a_file_is_simulated_again(pipeline, tmp_path, reference):
    run(pipeline, tmp_path / "a.root", keep="all")
    [batch] = EventFiles([tmp_path / "a.root"]).batches(100)
    assert "tracks" not in batch
    assert "fate" not in batch["particles"]


def test_process_blames_single_events(pipeline):
    batch = made_up([{}], [{"pid": 98765432}], [{}], [{"pid": 98765432}])
    outcome = process(batch, 0, 4, pipeline, 0, "all")
    assert [f.event for f in outcome.failures] == [1, 3]
    assert outcome.batch["events"]["event_id"].tolist() == [0, 2]

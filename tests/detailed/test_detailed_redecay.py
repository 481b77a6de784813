"""ReDecay in the detailed simulation: the rest of an event is carried once, and nothing depends on how."""

import warnings
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest

from lamarr.cli import main
from lamarr.events import Fate, check_keys, check_references, read
from lamarr.flash import Run
from lamarr.flash.sources import open_files

for name in ("geant4_pybind", "numba", "pythia8mc"):
    if find_spec(name) is None:  # importing Geant4 would ask for its data
        pytest.skip(f"the detailed simulation needs {name}", allow_module_level=True)

from lamarr.detailed.samples.catalogue import sample_named
from lamarr.detailed.transport.data import StandInWarning
from lamarr.detailed.workers import Settings, Workers

DECAY = "[B0 -> (K*(892)0 -> K+ pi-) gamma]cc"


@pytest.fixture(scope="module", autouse=True)
def _small_showers(cache):
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("LAMARR_SHOWERS", "small")
        warnings.simplefilter("ignore", StandInWarning)  # where the official data are not
        yield


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Seven events of three blocks in a file."""
    path = tmp_path_factory.mktemp("redecay") / "generated.parquet"
    words = ["--pythia", "bbbar", "--decay", DECAY, "--redecay", "3", "--in-acceptance", "--seed", "7"]
    with pytest.raises(SystemExit) as end:
        main(["generate", *words, "-n", "7", "-o", str(path), "--quiet"])
    assert not end.value.code
    return path


def simulate(source, path, workers=1, batch_size=1, **options):
    with Workers(Settings(), workers, hits=True, **options) as pool:
        report = Run(
            source=source, pipeline=pool, outputs=(path,), seed=7, threads=workers, batch_size=batch_size,
            keep="all",
        )()  # fmt: skip
    assert not report.failures
    return read(path)


@pytest.fixture(scope="module")
def simulated(generated, tmp_path_factory):
    opened = open_files([generated])
    assert opened.block == 3
    return simulate(opened.source, tmp_path_factory.mktemp("a") / "a.parquet", 2, opened.block)


class Beginning:
    """Events of a source from `first` on."""

    def __init__(self, source, first):
        self.source, self.first = source, first
        self.sources, self.n_events = source.sources, source.n_events

    def batches(self, size, first=0):
        yield from self.source.batches(size, max(first, self.first))


def test_results_depend_neither_on_workers_nor_batches_nor_the_first_event(generated, simulated, tmp_path):
    source = Beginning(open_files([generated]).source, 2)
    later = simulate(source, tmp_path / "b.parquet")
    for name, table in later.items():
        assert table == simulated.select_events(2, 7)[name], name


def test_the_store_keeps_rests_and_signals(generated, simulated, tmp_path):
    for turn in "ab":
        source = Beginning(open_files([generated]).source, 4)
        events = simulate(source, tmp_path / f"{turn}.parquet", transported=tmp_path / "store")
        assert events["tracks"] == simulated.select_events(4, 7)["tracks"]
    stored = {folder.name: len(list(folder.glob("*.npz"))) for folder in (tmp_path / "store").iterdir()}
    assert stored == {"rest": 2, "signal": 3}


def test_events_of_a_block_share_the_rest_and_differ_in_the_signal(simulated):
    check_keys(simulated)
    check_references(simulated)
    rest, signal = [], []
    for event in range(7):
        batch = simulated.select_events(event, event + 1)
        hits, particles = batch["tracker_hits"], batch["particles"]
        mine = particles["from_signal"][hits["particle_id"]]
        columns = [hits[c] for c in ("layer", "x", "y", "particle_id")]
        rest.append([c[~mine].tolist() for c in columns])
        signal.append([c[mine].tolist() for c in columns])
        assert mine.any()
        assert not mine.all()
    shared = simulated["events"]["shared_event"].tolist()
    for a, b in pairwise(range(7)):
        assert (rest[a] == rest[b]) == (shared[a] == shared[b])
        assert signal[a] != signal[b]


def test_every_particle_has_a_fate_and_the_signal_is_carried(simulated):
    p = simulated["particles"]
    assert not np.any(p["fate"] == Fate.UNDECIDED)
    final = p["from_signal"] & (p["end_vertex"] < 0)
    carried = simulated["transport"]
    rows = simulated.rows_of("particles", carried["event_id"], carried["particle_id"])
    assert np.isin(np.flatnonzero(final), rows).all()
    assert np.unique(rows).size == len(rows)
    tracks = simulated["tracks"]
    owned = tracks["particle_id"] >= 0
    of = simulated.rows_of("particles", tracks["event_id"][owned], tracks["particle_id"][owned])
    true = np.sqrt(sum(p[c][of] ** 2 for c in ("px", "py", "pz")))
    long = (tracks["type"][owned] == 3) & (np.abs(p["pid"][of]) != 11)
    assert np.median(np.abs(tracks["p"][owned] / true - 1)[long]) < 0.02
    assert np.array_equal(tracks["true_pid"][owned], p["pid"][of])


def block_means(values, blocks):
    """Mean, and its error from the spread of the means of blocks."""
    means = np.bincount(blocks, values) / np.bincount(blocks)
    return means.mean(), means.std(ddof=1) / np.sqrt(len(means))


def numbers_of(batch):
    """Numbers of every event: of rows, of tracks, and how far the momenta of the signal are off."""
    n, tracks, p = batch.n_events, batch["tracks"], batch["particles"]
    long = tracks["type"] == 3
    owned = np.flatnonzero(long & (tracks["particle_id"] >= 0))
    of = batch.rows_of("particles", tracks["event_id"][owned], tracks["particle_id"][owned])
    chosen = p["from_signal"][of] & (np.abs(p["pid"][of]) != 11)
    true = np.sqrt(sum(p[c][of] ** 2 for c in ("px", "py", "pz")))
    off = np.minimum(np.abs(tracks["p"][owned] / true - 1)[chosen], 0.05)
    signal = np.bincount(tracks["event_id"][owned][chosen], minlength=n)
    mean_off = np.bincount(tracks["event_id"][owned][chosen], off, n) / np.maximum(signal, 1)
    tables = (tracks.take(long), *(batch[t] for t in ("tracker_hits", "rich_segments", "clusters")))
    counts = [np.bincount(t["event_id"], minlength=n) for t in tables]
    return [*counts, *(batch["events"][c] for c in ("nTracks", "nPVs", "nRich1Hits")), signal, mean_off]


@pytest.mark.slow
def test_redecayed_events_are_like_others(tmp_path):
    """Counts and resolutions agree within statistics, errors by block."""
    found = {}
    for times in (1, 4):
        opened = sample_named("balanced").open(60 * times, 20 + times, redecay=times)
        batch = simulate(opened.source, tmp_path / f"{times}.parquet", 2, opened.block)
        blocks = np.arange(60 * times) // times
        found[times] = [block_means(n.astype(float), blocks) for n in numbers_of(batch)]
    for (a, error), (b, other) in zip(found[1], found[4], strict=True):
        assert abs(a - b) < 4 * np.hypot(error, other)

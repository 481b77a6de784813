"""ReDecay: events of a block share all but the signal, which is drawn anew; the generator-level cut."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.cli import main
from lamarr.errors import ConfigurationError, SchemaError
from lamarr.events import EventBatch, check_keys, check_references, describe, read
from lamarr.flash.sources import open_decay, open_embedded, open_files, open_pythia
from lamarr.generation import DecayGun, EventFailure, Redecayed, Repeated, parse_decay
from lamarr.generation.decay import Topology
from lamarr.generation.signal_cut import CHARGED, NEUTRAL, _limits

DECAY = "[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc"
needs_pythia = pytest.mark.skipif(find_spec("pythia8mc") is None, reason="needs pythia8mc")


class Failing:
    """Events of a source, of which one fails."""

    def __init__(self, source, bad):
        self.source, self.bad, self.sources = source, bad, source.sources
        self.n_events = source.n_events

    def batches(self, size, first=0):
        for k in range(first, self.n_events):
            if k == self.bad:
                yield EventFailure(source="by hand", event=k, reason="spoilt")
            else:
                yield next(self.source.batches(1, k))


def redecayed(n_inner=4, times=3, n=None, bad=None, **options):
    inner = DecayGun(DECAY, n_inner, seed=5)
    inner = Failing(inner, bad) if bad is not None else inner
    return Redecayed(Repeated(inner, times, n), parse_decay(DECAY), seed=6, **options)


def angles(particles):
    return np.arctan2(np.hypot(particles["px"], particles["py"]), particles["pz"])


@given(size=st.integers(1, 9), first=st.integers(0, 12), n=st.integers(1, 12))
def test_events_do_not_depend_on_size_or_first_event(size, first, n):
    whole = EventBatch.concatenate(redecayed(n=n).batches(100))
    assert whole.n_events == n
    parts = list(redecayed(n=n).batches(size, first))
    assert all(b.n_events <= size for b in parts)
    if first < n:
        assert EventBatch.concatenate(parts) == whole.select_events(first, n)
    else:
        assert not parts


def test_a_batch_ends_where_a_block_ends():
    assert [b.n_events for b in redecayed().batches(8, 1)] == [5, 6]
    assert [b.n_events for b in redecayed().batches(3, 1)] == [2, 3, 3, 3]


def test_the_head_stays_and_the_decay_is_new():
    batch = EventBatch.concatenate(redecayed().batches(100))
    inner = EventBatch.concatenate(DecayGun(DECAY, 4, seed=5).batches(100))
    check_keys(batch)
    check_references(batch)
    assert batch["events"]["shared_event"].tolist() == [0] * 3 + [3] * 3 + [6] * 3 + [9] * 3
    assert batch["events"]["event_number"].tolist() == np.repeat(np.arange(4), 3).tolist()
    p, before = batch["particles"], inner["particles"]
    for c in ("pid", "px", "py", "pz", "pe", "m"):
        head = np.repeat(before[c][before["is_signal"]], 3)
        assert np.array_equal(p[c][p["is_signal"]], head)
    muon = p["px"][np.abs(p["pid"]) == 13]
    assert len(np.unique(muon)) == 12
    flight = batch["vertices"]["z"][batch["vertices"]["vertex_id"] == 1]
    assert len(np.unique(flight)) == 12


def test_momentum_is_conserved_in_new_decays():
    batch = EventBatch.concatenate(redecayed().batches(100))
    p = batch["particles"]
    for c in ("pe", "px", "py", "pz"):
        final = np.bincount(p["event_id"], np.where(p["end_vertex"] < 0, p[c], 0))
        np.testing.assert_allclose(final, p[c][p["is_signal"]], rtol=1e-9, atol=1e-6)


def test_new_decays_are_distributed_as_others():
    from scipy.stats import ks_2samp

    def muon_energy_and_life(batch):
        p, v = batch["particles"], batch["vertices"]
        head = p.take(p["is_signal"])
        muon = p.take(np.abs(p["pid"]) == 13)
        product = head["pe"] * muon["pe"] - sum(head[c] * muon[c] for c in ("px", "py", "pz"))
        at = batch.rows_of("vertices", head["event_id"], head["end_vertex"])
        begin = batch.rows_of("vertices", head["event_id"], head["production_vertex"])
        return product / head["m"], (v["t"][at] - v["t"][begin]) * head["m"] / head["pe"]

    new = muon_energy_and_life(EventBatch.concatenate(redecayed(1500, 2).batches(1000)))
    old = muon_energy_and_life(EventBatch.concatenate(DecayGun(DECAY, 3000, seed=9).batches(1000)))
    for a, b in zip(new, old, strict=True):
        assert ks_2samp(a, b).pvalue > 1e-3


def test_failures_of_an_event_are_those_of_its_block():
    items = list(redecayed(bad=1).batches(6))
    numbers = [i.event if isinstance(i, EventFailure) else i["events"]["event_id"].tolist() for i in items]
    assert numbers == [[0, 1, 2], 3, 4, 5, [6, 7, 8, 9, 10, 11]]


def test_an_event_without_the_signal_is_refused():
    other = Repeated(DecayGun("[B_s0 -> mu+ mu-]cc", 2, seed=1), 2)
    with pytest.raises(SchemaError, match=r"must hold .*Lambda_b0"):
        list(Redecayed(other, parse_decay(DECAY)).batches(4))


def test_daughters_that_count_for_the_acceptance():
    limits = _limits(Topology.of(parse_decay("B0 -> (K_S0 -> pi+ pi-) (K*(892)0 -> K+ pi-) gamma").head))
    assert dict(limits) == {3: NEUTRAL, 6: CHARGED, 7: CHARGED}
    assert dict(_limits(Topology.of(parse_decay("B- -> mu- anti-nu_mu").head))) == {1: CHARGED}


@pytest.mark.parametrize(
    "source",
    [
        lambda: DecayGun(DECAY, 300, seed=3, in_acceptance=True),
        lambda: Redecayed(
            Repeated(DecayGun(DECAY, 100, seed=3, in_acceptance=True), 3),
            parse_decay(DECAY),
            in_acceptance=True,
        ),
    ],
)
def test_daughters_are_in_the_acceptance(source):
    batch = EventBatch.concatenate(source().batches(300))
    p = batch["particles"]
    charged = angles(p.take((p["end_vertex"] < 0) & (np.abs(p["pid"]) != 14)))
    assert len(charged) == 4 * 300
    assert 0.010 < charged.min() < charged.max() < 0.400
    assert batch["events"]["signal_attempts"].min() == 1
    assert EventBatch.concatenate(source().batches(7)) == batch


def test_attempts_tell_the_efficiency_of_the_cut():
    batch = EventBatch.concatenate(DecayGun(DECAY, 1000, seed=3, in_acceptance=True).batches(1000))
    p = EventBatch.concatenate(DecayGun(DECAY, 5000, seed=4).batches(1000))["particles"]
    final = (p["end_vertex"] < 0) & (np.abs(p["pid"]) != 14)
    outside = final & ~((angles(p) > 0.010) & (angles(p) < 0.400))
    expected = np.mean(np.bincount(p["event_id"], outside) == 0)
    attempts = batch["events"]["signal_attempts"]
    measured = 1 / attempts.mean()
    assert abs(measured - expected) < 4 * expected * np.sqrt(1 / 1000 + 1 / (5000 * expected))


def test_a_head_that_flies_elsewhere_is_a_failure_with_its_reason():
    inner = next(DecayGun(DECAY, 3, seed=5).batches(3))
    p = inner["particles"]
    away = inner.with_columns("particles", pz=np.where(p["event_id"] == 1, -p["pz"], p["pz"]))

    class Given:
        sources, n_events = inner.sources, 3

        def batches(self, size, first=0):
            yield away

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lamarr.generation.redecay.MOST_DECAYS", 200)
        items = list(Redecayed(Given(), parse_decay(DECAY), in_acceptance=True).batches(3))
    assert [i.event for i in items if isinstance(i, EventFailure)] == [1]
    assert "all daughters in the acceptance" in next(str(i) for i in items if isinstance(i, EventFailure))


@needs_pythia
def test_the_rest_of_pythias_events_is_the_same_in_a_block():
    options = {"signal": "[B0 -> (K*(892)0 -> K+ pi-) gamma]cc", "nu": 1.0}
    opened = open_pythia("bbbar", 5, 3, **options, redecay=2)
    batch = EventBatch.concatenate(opened.source.batches(4))
    assert (batch.n_events, opened.block, opened.source.n_events) == (5, 2, 5)
    ordinary = EventBatch.concatenate(open_pythia("bbbar", 3, 3, **options).source.batches(4))
    check_keys(batch)
    check_references(batch)
    for k in range(5):
        new, old = (b.select_events(e, e + 1)["particles"] for b, e in ((batch, k), (ordinary, k // 2)))
        rest = ~old["from_signal"] | old["is_signal"]
        for c in old:
            if c != "event_id":
                assert np.array_equal(new[c][rest], old[c][rest]), c
        assert not np.any(new["px"][~rest] == old["px"][~rest])


@needs_pythia
def test_pythias_signals_in_the_acceptance_are_an_unbiased_choice():
    def muons(in_acceptance, n):
        opened = open_pythia("ccbar", n, 3, signal="[D0 -> K- pi+]cc", in_acceptance=in_acceptance)
        return EventBatch.concatenate(opened.source.batches(100))

    cut, free = muons(True, 150), muons(False, 400)
    p = free["particles"]
    daughters = p["from_signal"] & ~p["is_signal"]
    inside = (angles(p) > 0.010) & (angles(p) < 0.400)
    passed = np.bincount(p["event_id"], daughters & ~inside) == 0
    efficiency, measured = passed.mean(), 1 / cut["events"]["signal_attempts"].mean()
    assert abs(measured - efficiency) < 4 * np.sqrt(efficiency**2 / 150 + efficiency / 400)
    from scipy.stats import ks_2samp

    heads = p.take(p["is_signal"])["pz"][passed]
    assert ks_2samp(heads, cut["particles"]["pz"][cut["particles"]["is_signal"]]).pvalue > 1e-3


@needs_pythia
def test_embedded_decays_share_the_collisions():
    opened = open_embedded("[B_s0 -> mu+ mu-]cc", "minbias", 5, 2, redecay=3, in_acceptance=True)
    batch = EventBatch.concatenate(opened.source.batches(3))
    assert batch["events"]["shared_event"].tolist() == [0, 0, 0, 3, 3]
    assert batch["events"]["signal_attempts"].min() >= 1
    p = batch["particles"]
    assert len(np.unique(p["px"][p["is_signal"]])) == 5
    first, second = (batch.select_events(e, e + 1)["particles"] for e in (0, 1))
    assert np.array_equal(first["px"][~first["from_signal"]], second["px"][~second["from_signal"]])


@needs_pythia
@pytest.mark.parametrize("suffix", [".parquet", ".root", ".sqlite"])
def test_files_keep_what_events_share(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    words = ["generate", "--pythia", "ccbar", "--decay", "[D0 -> K- pi+]cc", "--redecay", "2", "-n", "4"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--in-acceptance", "-o", str(path), "--quiet"])
    assert not end.value.code
    assert describe(path).metadata["redecay"] == 2
    assert read(path)["events"]["shared_event"].tolist() == [0, 0, 2, 2]
    opened = open_files([path, path] if suffix == ".parquet" else [path])
    assert (opened.block, opened.facts["in_acceptance"]) == (2, True)
    events = EventBatch.concatenate(opened.source.batches(3))["events"]
    expected = [0, 0, 2, 2, 4, 4, 6, 6] if suffix == ".parquet" else [0, 0, 2, 2]
    assert events["shared_event"].tolist() == expected
    assert events["signal_attempts"].min() >= 1


def test_what_cannot_be_shared_is_refused(capsys):
    for words, reason in (
        (["--gun", "mu-", "--redecay", "2"], "needs --decay, with --pythia or --embed"),
        (["--decay", "D0 -> K- pi+", "--redecay", "2"], "needs --decay, with --pythia or --embed"),
        (["--gun", "mu-", "--in-acceptance"], "needs --decay"),
    ):
        with pytest.raises(SystemExit):
            main(["generate", *words, "-n", "2", "-o", "never.parquet"])
        assert reason in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match="at least once"):
        Repeated(DecayGun(DECAY, 1), 0)
    with pytest.raises(ConfigurationError, match="there is no signal"):
        open_pythia("minbias", 4, 1, redecay=2)


def test_a_gun_says_that_it_asks_for_the_acceptance():
    plain, cut = (open_decay(DECAY, 3, 1, in_acceptance=c) for c in (False, True))
    assert plain.identity != cut.identity
    assert plain.facts["generation"] != cut.facts["generation"]

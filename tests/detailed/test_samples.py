"""Samples: what is generated, what the manifest says."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from lamarr.detailed.samples.catalogue import SAMPLES, sample_named
from lamarr.detailed.samples.embedding import SPECIES, Embedded, Shot
from lamarr.detailed.samples.manifest import digests
from lamarr.errors import ConfigurationError, UnknownNameError
from lamarr.events import EventBatch, check_keys, check_references
from lamarr.flash.sources import open_decay
from lamarr.generation.descriptor import parse_decay

EVENTS = 300


@pytest.fixture(scope="module")
def embedded():
    inner = open_decay("[B_s0 -> mu+ mu-]cc", EVENTS, 3).source
    return next(iter(inner.batches(EVENTS))), next(iter(Embedded(inner, seed=4).batches(EVENTS)))


def test_embedding_keeps_the_event_and_adds_particles_at_its_collision(embedded):
    before, after = embedded
    check_keys(after)
    check_references(after)
    assert after.sources == ("decay gun: [B_s0 -> mu+ mu-]cc with embedded particles",)
    old = after["particles"]["particle_id"] < 3
    assert after["particles"].take(old) == before["particles"]
    new = after["particles"].take(~old)
    assert new.rows == EVENTS * len(SPECIES)
    at = after.rows_of("vertices", new["event_id"], new["production_vertex"])
    assert after["vertices"]["is_primary"][at].all()
    assert new["is_signal"].all()


def test_embedded_particles_are_flat_in_log_p_and_eta_and_in_charge(embedded):
    from scipy.stats import kstest

    t = embedded[1]["particles"]
    muon = t.take((np.abs(t["pid"]) == 13) & (t["mother"] < 0))
    p = np.sqrt(sum(muon[c] ** 2 for c in ("px", "py", "pz")))
    low, high = np.log([2e3, 150e3])
    assert kstest((np.log(p) - low) / (high - low), "uniform").pvalue > 1e-3
    eta = np.arctanh(muon["pz"] / p)
    assert kstest((eta - 1.8) / 3.2, "uniform").pvalue > 1e-3
    assert abs(np.mean(muon["pid"] > 0) - 0.5) < 5 * 0.5 / np.sqrt(muon.rows)
    np.testing.assert_allclose(muon["pe"] ** 2 - p**2, muon["m"] ** 2, rtol=1e-3)


def test_embedded_particles_depend_on_the_event_alone(embedded):
    whole = embedded[1]
    source = Embedded(open_decay("[B_s0 -> mu+ mu-]cc", EVENTS, 3).source, seed=4)
    parts = [b for b in source.batches(7, 100) if isinstance(b, EventBatch)]
    assert EventBatch.concatenate(parts) == whole.select_events(100, EVENTS)


def test_nothing_to_embed_is_refused():
    with pytest.raises(ConfigurationError, match="at least one"):
        Embedded(open_decay("[B_s0 -> mu+ mu-]cc", 1, 0).source, ())
    with pytest.raises(UnknownNameError, match="Lambda"):
        Embedded(open_decay("[B_s0 -> mu+ mu-]cc", 1, 0).source, (Shot(particle="Lamda_b0", p=(1, 2)),))


def test_an_unknown_sample_is_answered_with_near_misses():
    with pytest.raises(UnknownNameError, match="minbias"):
        sample_named("minbiass")


@pytest.mark.skipif(find_spec("pythia8mc") is None, reason="needs pythia8mc")
@pytest.mark.parametrize("name", SAMPLES)
def test_samples_can_be_opened(name):
    opened = sample_named(name).open(2, 1)
    assert opened.source.n_events == 2
    json.dumps(opened.identity)
    if opened.identity["signal"]:
        parse_decay(opened.identity["signal"])


def test_digests_are_those_of_the_files(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digests([tmp_path / "a"]) == {"a": expected}

"""Decays in the events of another source: both are as they were, at one vertex."""

import numpy as np
import pytest

from lamarr.errors import ConfigurationError
from lamarr.events.integrity import check_keys, check_references
from lamarr.flash.sources import open_embedded
from lamarr.generation import DecayGun, Embedding, EventFailure
from made_up_events import made_up

DECAY = "[B0 -> (K*(892)0 -> K+ pi-) gamma]cc"


class Given:
    """A source of the events of a batch, of which some fail."""

    def __init__(self, batch, failing=()):
        self.batch, self.failing = batch, failing
        self.sources, self.n_events = batch.sources, batch.n_events

    def batches(self, size, first=0):
        for a in range(first, self.n_events):
            if a in self.failing:
                yield EventFailure(source="by hand", event=a, reason="spoilt")
            else:
                yield self.batch.select_events(a, a + 1)


def background(n=6):
    particles = [[{"pid": 211, "mother": -1}, {"pid": 22, "mother": 0}] * (k % 3) for k in range(n)]
    return made_up(*particles, vertices=2)


def joined(n=6, **options):
    source = Embedding(DecayGun(DECAY, n, seed=3), Given(background(n), **options))
    return list(source.batches(100))


def test_both_events_are_whole_and_references_hold():
    gun = next(DecayGun(DECAY, 6, seed=3).batches(6))
    for k, batch in enumerate(joined()):
        check_keys(batch)
        check_references(batch)
        p, old, decay = (
            batch.particles,
            background().select_events(k, k + 1).particles,
            gun.select_events(k, k + 1),
        )
        signal = p["from_signal"]
        for c in ("pid", "px", "py", "pz", "pe", "mother", "production_vertex"):
            assert np.array_equal(p[c][~signal], old[c])
        for c in ("pid", "px", "py", "pz", "pe"):
            assert np.array_equal(p[c][signal], decay.particles[c])
        mothers = p["mother"][signal]
        assert np.array_equal(np.where(mothers >= 0, mothers - old.rows, -1), decay.particles["mother"])
        assert p["particle_id"].tolist() == list(range(p.rows))


def test_the_decay_moves_to_the_primary_vertex_as_a_whole():
    gun = next(DecayGun(DECAY, 6, seed=3).batches(6))
    for k, batch in enumerate(joined()):
        signal = batch.particles.take(batch.particles["from_signal"])
        own, theirs = gun.select_events(k, k + 1), batch
        at = theirs.rows_of("vertices", signal["event_id"], signal["production_vertex"])
        was = own.rows_of("vertices", own.particles["event_id"], own.particles["production_vertex"])
        assert at[0] == 0  # the primary vertex of collision 0
        for c in "txyz":
            moved = theirs.vertices[c][at] - own.vertices[c][was]
            np.testing.assert_allclose(moved, moved[0], atol=1e-9)


def test_failures_pass_and_the_decays_stay_with_their_events():
    items = joined(failing=(2,))
    assert [i.event if isinstance(i, EventFailure) else int(i.events.event_id[0]) for i in items] == [
        *range(6)
    ]
    whole = joined()
    assert all(a == b for i, (a, b) in enumerate(zip(items, whole, strict=True)) if i != 2)


def test_too_few_decays_are_refused():
    source = Embedding(DecayGun(DECAY, 3, seed=3), Given(background(6)))
    assert source.n_events == 3
    with pytest.raises(ConfigurationError, match="fewer decays to embed than events: event 3"):
        list(source.batches(100))


def test_an_unknown_background_has_near_misses():
    with pytest.raises(ConfigurationError, match="near misses: minbias"):
        open_embedded(DECAY, "minbia", 3, 1)

"""The store of transported events."""

import numpy as np
from tests.detailed.toy_events import toy

from lamarr.detailed.transport.store import PARTS, Store, key_of
from lamarr.flash.sources import open_decay

SETTINGS = {"detector": "lhcb2016-magup", "stop": "muon"}


def generated(seed=3):
    return next(iter(open_decay("[B_s0 -> mu+ mu-]cc", 1, seed).source.batches(1)))


def test_an_event_comes_back_bit_by_bit(tmp_path):
    store, (event, _) = Store(tmp_path / "new", SETTINGS), toy(4)
    path = store.path(generated(), 1)
    assert store.load(path) is None
    store.save(path, event)
    back = store.load(path)
    assert back.event_id == event.event_id
    for part in PARTS:
        np.testing.assert_array_equal(getattr(back, part), getattr(event, part), strict=True)
    assert [e.event_id for e in store.events()] == [event.event_id]


def test_a_file_that_is_not_whole_counts_as_absent(tmp_path):
    store = Store(tmp_path, SETTINGS)
    path = store.path(generated(), 1)
    store.save(path, toy(4)[0])
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert store.load(path) is None
    assert list(store.events()) == []


def test_the_key_knows_event_seed_and_settings():
    event = generated()
    keys = {
        key_of(event, 1, SETTINGS),
        key_of(event, 2, SETTINGS),
        key_of(generated(4), 1, SETTINGS),
        key_of(event, 1, SETTINGS | {"stop": "ecal"}),
    }
    assert len(keys) == 4
    assert key_of(generated(), 1, dict(reversed(SETTINGS.items()))) == key_of(event, 1, SETTINGS)

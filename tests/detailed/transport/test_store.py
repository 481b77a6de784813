"""The store of transported events."""

import dataclasses
from importlib.util import find_spec

import numpy as np
import pytest
from tests.detailed.toy_events import toy

from lamarr.detailed.transport.store import PARTS, Store, key_of, stored_events
from lamarr.errors import InputFileError
from lamarr.flash.sources import open_decay

pytestmark = pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="needs geant4-pybind")

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
    assert [e.event_id for e in stored_events(tmp_path / "new")] == [event.event_id]


def test_a_file_that_is_not_whole_counts_as_absent(tmp_path):
    store = Store(tmp_path, SETTINGS)
    path = store.path(generated(), 1)
    store.save(path, toy(4)[0])
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert store.load(path) is None
    with pytest.raises(InputFileError, match="no whole transported event"):
        list(stored_events(tmp_path))


def test_events_come_by_number_and_as_many_as_asked(tmp_path):
    store = Store(tmp_path, SETTINGS)
    for number in (10, 9, 2):
        event = toy(4)[0]
        store.save(store.directory / f"{number}-0.npz", dataclasses.replace(event, event_id=number))
    assert [e.event_id for e in stored_events(tmp_path, most=2)] == [2, 9]
    with pytest.raises(InputFileError, match="holds no transported events"):
        list(stored_events(tmp_path / "empty"))


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

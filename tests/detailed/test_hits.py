"""Tables of hits: what the transport left, and whose it is."""

import numpy as np
from tests.detailed.toy_events import toy

from lamarr.detailed.hits import hit_tables
from lamarr.detailed.tables import cut_to_event
from lamarr.events import SCHEMA


def test_tables_hold_all_hits_and_whose_they_are():
    event, _ = toy(30)
    tables = hit_tables(event)
    records = {"tracker_hits": event.hits, "rich_segments": event.rich_segments, "muon_hits": event.muon_hits}
    assert sum(len(r) for r in records.values()) > 50
    for name, own in records.items():
        table = cut_to_event(name, event.event_id, tables[name])
        assert tuple(table) == SCHEMA[name].names
        assert table.rows == len(own)
        np.testing.assert_array_equal(table["x"], own["x"])
        row = event.row_of_track(own["track"])
        np.testing.assert_array_equal(table["particle_id"], event.tracks["ancestor"][row])
        np.testing.assert_array_equal(table["pid"], event.tracks["pid"][row])
    assert set(np.unique(tables["muon_hits"]["station"])) <= {1, 2, 3, 4, 5}


def test_an_event_without_hits_gives_empty_tables():
    event, _ = toy(0)
    assert all(len(columns["pid"]) == 0 for columns in hit_tables(event).values())

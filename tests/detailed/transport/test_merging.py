"""Parts of an event that were carried one after the other: their union, and whose everything is."""

from dataclasses import fields

import numpy as np
import pytest

from lamarr.detailed.records import (
    CALO_CELL,
    CALO_FACE,
    MC_TRACK,
    MUON_HIT,
    RICH_SEGMENT,
    TRACKER_HIT,
    SimEvent,
)
from lamarr.detailed.transport.merging import merged, part_of
from made_up_events import made_up

PARTS = ("hits", "rich_segments", "muon_hits", "calo_faces")


def part(event_id, n_particles, seed, n=12):
    """Some tracks of `n_particles` particles, not all numbers used, and rows of them."""
    rng = np.random.default_rng(seed)
    numbers = np.sort(rng.choice(np.arange(n_particles + 1, 40), n, replace=False))
    tracks = np.zeros(n_particles + n, MC_TRACK)
    tracks["track"] = np.concatenate([np.arange(1, n_particles + 1), numbers])
    tracks["particle_id"] = np.append(np.arange(n_particles), np.full(n, -1))
    tracks["parent"][n_particles:] = rng.integers(1, n_particles + 1, n)
    tracks["ancestor"] = np.append(np.arange(n_particles), tracks["parent"][n_particles:] - 1)
    tracks["px"] = rng.normal(size=len(tracks))

    def rows(kind, m):
        made = np.zeros(m, kind)
        made["track"], made["x"] = rng.choice(tracks["track"], m), rng.normal(size=m)
        return made

    hits, segments = rows(TRACKER_HIT, 30), rows(RICH_SEGMENT, 9)
    hits["layer"], segments["radiator"] = np.sort(rng.integers(0, 5, 30)), np.sort(rng.integers(1, 3, 9))
    faces, cells = rows(CALO_FACE, 6), np.zeros(15, CALO_CELL)
    cells["face"], cells["energy"] = rng.integers(-1, 6, 15), rng.exponential(size=15)
    return SimEvent(
        event_id=event_id, tracks=tracks, hits=hits, rich_segments=segments, muon_hits=rows(MUON_HIT, 5),
        calo_faces=faces, calo_cells=cells,
    )  # fmt: skip


@pytest.fixture(scope="module")
def both():
    rest, signal = part(3, 5, 1), part(7, 3, 2)
    ids = np.array([0, 2, 3, 6, 7]), np.array([1, 4, 5])
    return (rest, ids[0]), (signal, ids[1]), merged(7, [(rest, ids[0]), (signal, ids[1])])


def whose(event, ids, rows):
    """Momentum of the track, particle of its ancestor, and place of every row."""
    of = event.tracks[event.row_of_track(rows["track"])]
    return sorted(zip(of["px"], ids[of["ancestor"]], of["pid"], rows["x"], strict=True))


def test_every_row_stays_and_keeps_its_track_and_its_ancestor(both):
    first, second, event = both
    same = np.arange(10)
    assert event.event_id == 7
    for name in PARTS:
        parts = [whose(e, ids, getattr(e, name)) for e, ids in (first, second)]
        assert whose(event, same, getattr(event, name)) == sorted(parts[0] + parts[1]), name


def test_tracks_are_numbered_once_in_order_and_keep_their_parents(both):
    first, second, event = both
    numbers = event.tracks["track"]
    assert np.all(np.diff(numbers) > 0)
    assert len(numbers) == len(first[0].tracks) + len(second[0].tracks)
    begin = 0
    for part_, ids in (first, second):
        own = event.tracks[begin : begin + len(part_.tracks)]
        begin += len(own)
        assert np.array_equal(own["parent"] == 0, part_.tracks["parent"] == 0)
        child = part_.tracks["parent"] > 0
        was = part_.tracks["px"][part_.row_of_track(part_.tracks["parent"][child])]
        assert np.array_equal(event.tracks["px"][event.row_of_track(own["parent"][child])], was)
        known = part_.tracks["particle_id"] >= 0
        assert np.array_equal(own["particle_id"][known], ids[part_.tracks["particle_id"][known]])
        assert np.all(own["particle_id"][~known] == -1)


def test_hits_stay_ordered_by_layer_and_segments_by_radiator(both):
    event = both[2]
    assert np.all(np.diff(event.hits["layer"]) >= 0)
    assert np.all(np.diff(event.rich_segments["radiator"].astype(int)) >= 0)


def test_energy_in_cells_stays_with_the_particle_that_brought_it(both):
    first, second, event = both

    def energies(part_):
        face = part_.calo_cells["face"]
        x = np.where(face < 0, np.inf, part_.calo_faces["x"][face])
        return sorted(zip(x, part_.calo_cells["energy"], strict=True))

    assert energies(event) == sorted(energies(first[0]) + energies(second[0]))


def test_the_parts_are_not_changed(both):
    for number, (n, seed) in zip((0, 1), ((5, 1), (3, 2)), strict=True):
        again = part((3, 7)[number], n, seed)
        for f in fields(SimEvent):
            assert np.array_equal(getattr(both[number][0], f.name), getattr(again, f.name)), f.name


def test_an_empty_part_changes_nothing_but_particle_numbers():
    whole = part(4, 6, 5)
    empty = SimEvent(event_id=4, **{f.name: getattr(whole, f.name)[:0] for f in fields(SimEvent)[1:]})
    ids = np.arange(6)
    for parts in ([(whole, ids), (empty, ids[:0])], [(empty, ids[:0]), (whole, ids)]):
        event = merged(4, parts)
        for f in fields(SimEvent):
            assert np.array_equal(getattr(event, f.name), getattr(whole, f.name)), f.name


def test_parts_of_a_batch_share_its_particles_out():
    rows = [{"pid": 211, "mother": -1}, {"pid": 511, "mother": -1}, {"pid": 22, "mother": 1}]
    batch = made_up(rows, rows, vertices=2)
    signal = np.array([False, True, True] * 2)
    batch = batch.with_columns("particles", from_signal=signal, is_signal=np.array([0, 1, 0] * 2))
    batch = batch.with_columns("events", shared_event=np.array([0, 0])).select_events(1, 2)
    rest, of_rest = part_of(batch, signal=False)
    decay, of_signal = part_of(batch, signal=True)
    assert (of_rest.tolist(), of_signal.tolist()) == ([0], [1, 2])
    assert (rest["events"]["event_id"].tolist(), decay["events"]["event_id"].tolist()) == ([0], [1])
    assert decay["particles"]["mother"].tolist() == [-1, 0]
    assert np.array_equal(rest["particles"]["px"], batch["particles"]["px"][:1])

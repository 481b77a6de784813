"""HepMC files: what is read is what is there, in every container and version; LHCb's conventions."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path

import numpy as np
import pyhepmc
import pytest
import zstandard
from make_hepmc import FIXTURE, to_hepmc, to_text

from lamarr.events import EventBatch
from lamarr.generation import DecayGun, EventFailure, EventSource, HepMCFiles

SHARED = Path(os.environ.get("LAMARR_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "hepmc"

# Two pp collisions of one LHCb event: beams of status 3 that end at two vertices of the same position, a
# signal B0 (889) with its decay, and a K+ of the second collision.
LHCB = """\
HepMC::Version 2.06.09
HepMC::IO_GenEvent-START_EVENT_LISTING
E 1 -1 0 0 0 101 0 4 1 2 0 1 2.0
N 1 "0"
U MEV MM
C 1.0 0.1
F 0 0 0 0 0 0 0 0 0
V -1 0 0.8 -0.1 3.5 0 1 1 0
P 1 2212 0 0 6500000 6500000.07 938.27 3 0 0 -1 0
P 3 90 0 0 1 1 0 3 0 0 -3 0
V -2 0 0.8 -0.1 3.5 0 1 1 0
P 2 2212 0 0 -6500000 6500000.07 938.27 3 0 0 -2 0
P 8 2212 0 0 -6400000 6400000.07 938.27 1 0 0 0 0
V -3 0 0.8 -0.1 3.5 0 0 2 0
P 4 511 1000 0 50000 50287.7 5279.6 889 0 0 -4 0
P 5 13 500 0 9000 9014.5 105.66 999 0 0 0 0
V -4 0 0.9 -0.1 8.5 5.1 0 2 0
P 6 321 700 300 30000 30013.7 493.68 999 0 0 0 0
P 7 -211 300 -300 20000 20005.2 139.57 1 0 0 0 0
E 2 -1 0 0 0 103 0 2 1 2 0 1 3.0
N 1 "0"
U MEV MM
C 1.0 0.1
F 0 0 0 0 0 0 0 0 0
V -1 0 0.7 -0.2 -40 0 1 1 0
P 1 2212 0 0 6500000 6500000.07 938.27 3 0 0 -1 0
P 3 321 100 100 5000 5026.3 493.68 1 0 0 0 0
V -2 0 0.7 -0.2 -40 0 1 1 0
P 2 2212 0 0 -6500000 6500000.07 938.27 3 0 0 -2 0
P 4 2212 0 0 -6400000 6400000.07 938.27 1 0 0 0 0
HepMC::IO_GenEvent-END_EVENT_LISTING
"""

GUN = """\
HepMC::Version 2.06.09
HepMC::IO_GenEvent-START_EVENT_LISTING
E 7 -1 0 0 0 1 0 1 0 0 0 1 1.0
N 1 "0"
U GEV CM
V -1 0 0.8 -0.1 3.5 2 0 2 0
P 1 13 1 2 30 30.08 0.10566 1 0 0 0 0
P 2 211 1 2 40 40.06 0.13957 1 0 0 0 0
HepMC::IO_GenEvent-END_EVENT_LISTING
"""

GUN3 = """\
HepMC::Version 3.02.06
HepMC::Asciiv3-START_EVENT_LISTING
W Weight
E 7 1 2
U GEV CM
W 1
V -1 0 [] @ 0.8 -0.1 3.5 2
P 1 -1 13 1 2 30 30.08 0.10566 1
P 2 -1 211 1 2 40 40.06 0.13957 1
HepMC::Asciiv3-END_EVENT_LISTING
"""


def read(path, **options):
    return EventBatch.concatenate(HepMCFiles(path, **options).batches(1000))


def assert_equal(a, b, tables=("events", "collisions", "vertices", "particles"), skip=()):
    for table in tables:
        for column in set(a[table]) - set(skip):
            np.testing.assert_array_equal(a[table][column], b[table][column], err_msg=f"{table}.{column}")


@pytest.fixture
def lhcb(tmp_path):
    path = tmp_path / "run5_evt12.mc2"
    path.write_text(LHCB)
    return path


def test_lhcb_file_is_one_event_with_its_pile_up(lhcb):
    source = HepMCFiles(lhcb)
    assert isinstance(source, EventSource)
    [batch] = source.batches(10)
    e, c, v, p = batch.events, batch.collisions, batch.vertices, batch.particles
    assert (e.n_collisions.tolist(), e.run_number.tolist(), e.event_number.tolist()) == ([2], [5], [12])
    assert e.weight.tolist() == [6.0]
    assert c.process_id.tolist() == [101, 103]
    assert c.weight.tolist() == [2.0, 3.0]
    assert c.z.tolist() == [3.5, -40.0]
    # All vertices of a collision stay together: one primary, the others where the file says.
    assert v.vertex_id.tolist() == list(range(6))
    assert v.collision_id.tolist() == [0, 0, 0, 0, 1, 1]
    assert v.is_primary.tolist() == [True, False, False, False, True, False]
    assert v.z.tolist() == [3.5, 3.5, 3.5, 8.5, -40.0, -40.0]
    assert v.t[3] == pytest.approx(5.1 / 299.792458)
    assert p.pid.tolist() == [2212, 90, 2212, 2212, 511, 13, 321, -211, 2212, 321, 2212, 2212]
    assert p.particle_id.tolist() == list(range(12))
    signal = p.pid == 511
    assert p.is_signal.tolist() == signal.tolist()
    assert p.from_signal.tolist() == [False] * 4 + [True, False, True, True] + [False] * 4
    head = int(np.flatnonzero(signal)[0])
    assert p.mother[6:8].tolist() == [head, head]
    assert p.end_vertex[head] == p.production_vertex[6] == 3
    assert p.mother[9] == 8


def test_grouping_can_be_asked_for(lhcb):
    [alone] = HepMCFiles(lhcb, collisions="single").batches(10)
    assert alone.events.event_number.tolist() == [1, 2]
    assert alone.events.n_collisions.tolist() == [1, 1]
    [fixture] = HepMCFiles(FIXTURE).batches(10)
    assert fixture.events.n_collisions.tolist() == [1, 1]
    [together] = HepMCFiles(FIXTURE, collisions="file").batches(10)
    assert together.events.n_collisions.tolist() == [2]


def test_statuses_are_never_looked_up_among_pdg_ids(lhcb):
    # Peers drop particles by comparing statuses with PDG ids: status 3, 13, 22, 211 … must all be kept.
    text = LHCB.replace("P 5 13 500 0 9000 9014.5 105.66 999", "P 5 13 500 0 9000 9014.5 105.66 22")
    text = text.replace("P 3 321 100 100 5000 5026.3 493.68 1 ", "P 3 321 100 100 5000 5026.3 493.68 211 ")
    lhcb.write_text(text)
    batch = read(lhcb)
    assert batch.particles.rows == 12
    assert {22, 211} <= set(batch.particles.status.tolist())


def pyhepmc_counts(path):
    with pyhepmc.open(path) as file:
        return [(len(e.particles), len(e.vertices)) for e in file]


@pytest.mark.skipif(not SHARED.exists(), reason="LHCb's own events are not beside this checkout")
def test_lhcb_events_hold_what_pyhepmc_counts():
    files = sorted(SHARED.glob("*.mc2"))
    batch = read(files)
    counts = [pyhepmc_counts(f) for f in files]
    assert batch.n_events == len(files)
    assert batch.events.n_collisions.tolist() == [len(c) for c in counts]
    flat = [n for c in counts for n in c]
    p, v = batch.particles, batch.vertices
    assert np.unique(p.event_id * 100 + p.collision_id, return_counts=True)[1].tolist() == [
        n for n, _ in flat
    ]
    assert np.unique(v.event_id * 100 + v.collision_id, return_counts=True)[1].tolist() == [
        n for _, n in flat
    ]
    assert v.is_primary.sum() == len(flat)
    assert p.is_signal.any()
    assert np.array_equal(np.unique(p.event_id[p.is_signal]), np.arange(len(files)))


@pytest.mark.skipif(not SHARED.exists(), reason="LHCb's own events are not beside this checkout")
def test_links_of_lhcb_events_are_those_of_pyhepmc():
    path = sorted(SHARED.glob("*.mc2"))[0]
    batch = read(path)
    with pyhepmc.open(path) as file:
        mothers, n = [], 0
        for event in file:
            for particle in event.particles:
                parents = particle.production_vertex.particles_in if particle.production_vertex else []
                mothers.append(n + parents[0].id - 1 if parents else -1)
            n += len(event.particles)
    assert batch.particles.mother.tolist() == mothers


@pytest.mark.parametrize("pattern", ["plain", "gz", "bz2", "xz", "zst", "zst frames"])
def test_compression_is_seen_by_content(tmp_path, lhcb, pattern):
    data = LHCB.encode()
    pack = {
        "plain": bytes,
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "zst": zstandard.compress,
        "zst frames": lambda d: zstandard.compress(d[:100]) + zstandard.compress(d[100:]),
    }[pattern]
    path = tmp_path / "run5_evt12"
    path.write_bytes(pack(data))
    assert_equal(read(path), read(lhcb))


@pytest.mark.parametrize("mode", ["", ":gz", ":bz2", ":xz", ":zst"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 10])
def test_all_members_of_an_archive_arrive_for_any_batch_size(tmp_path, mode, size):
    # PyLamarr's loader loses the last batch.
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w" + mode.replace(":zst", "")) as archive:
        for k in range(10):
            member = tarfile.TarInfo(f"job/run3/evt{k}.mc2{'.gz' * (k % 2)}")
            text = gzip.compress(LHCB.encode()) if k % 2 else LHCB.encode()
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    path = tmp_path / "events.tar"
    path.write_bytes(zstandard.compress(data.getvalue()) if mode == ":zst" else data.getvalue())
    batches = list(HepMCFiles(path).batches(size))
    whole = EventBatch.concatenate(batches)
    assert [b.n_events for b in batches[:-1]] == [size] * (len(batches) - 1)
    assert whole.events.event_number.tolist() == list(range(10))
    assert whole.events.run_number.tolist() == [3] * 10


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_no_event_is_lost_or_invented(tmp_path, lhcb, size, first):
    # SQLamarr makes an empty event at the end of every file.
    paths = [lhcb, FIXTURE, tmp_path / "gun.mc2"]
    paths[2].write_text(GUN)
    whole = read(paths)
    assert whole.events.event_id.tolist() == [0, 1, 2, 3]
    assert whole.events.source.tolist() == [0, 1, 1, 2]
    assert whole.sources == tuple(map(str, paths))
    parts = EventBatch.concatenate(HepMCFiles(paths).batches(size, first=first))
    assert_equal(parts, whole.select_events(first, 4))


@pytest.mark.parametrize("text", [GUN, GUN3])
def test_particle_guns_without_incoming_particle_and_units_of_the_file(tmp_path, text):
    path = tmp_path / "gun"
    path.write_text(text)
    batch = read(path)
    p, v = batch.particles, batch.vertices
    assert p.pid.tolist() == [13, 211]
    assert p.hepmc_id.tolist() == [1, 2]
    assert p.mother.tolist() == [-1, -1]
    assert p.production_vertex.tolist() == [0, 0]
    np.testing.assert_allclose(p.pz, [30e3, 40e3])
    np.testing.assert_allclose(p.m, [105.66, 139.57])
    np.testing.assert_allclose([v.x[0], v.y[0], v.z[0]], [8.0, -1.0, 35.0])
    np.testing.assert_allclose(v.t, 20 / 299.792458)
    assert v.is_primary.all()
    assert batch.collisions.z.tolist() == v.z.tolist()
    assert batch.events.event_number.tolist() == [7]


@pytest.mark.parametrize("version", [2, 3])
def test_what_is_written_is_read_again(tmp_path, version):
    [batch] = DecayGun("[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc", 3, seed=2).batches(3)
    path = tmp_path / "decays"
    path.write_bytes(to_text([e for k in range(3) for e in to_hepmc(batch, k)], version))
    # Statuses 889 and 777 look like LHCb's: as many files as events, or ask for single collisions.
    again = read(path, collisions="single")
    p, q = batch.particles, again.particles
    assert q.rows == p.rows
    for event in range(3):
        a, b = (t.take(t.event_id == event) for t in (p, q))
        order, other = np.lexsort((a.px, a.pid)), np.lexsort((b.px, b.pid))
        for column in ("pid", "status", "is_signal", "from_signal"):
            np.testing.assert_array_equal(b[column][other], a[column][order])
        for column in ("pe", "px", "py", "pz", "m"):
            np.testing.assert_allclose(b[column][other], a[column][order], rtol=1e-14)
        np.testing.assert_array_equal(
            np.append(b.pid, 0)[b.mother][other], np.append(a.pid, 0)[a.mother][order]
        )
    if version == 2:
        return  # HepMC3 cannot write a HepMC 2 vertex that nothing enters
    np.testing.assert_allclose(np.sort(again.vertices.z), np.sort(batch.vertices.z), rtol=1e-14)
    np.testing.assert_allclose(again.collisions.x, batch.collisions.x, rtol=1e-14)


def test_both_versions_give_the_same_tables(tmp_path):
    with pyhepmc.open(io.BytesIO(gzip.decompress(FIXTURE.read_bytes())), format="hepmc2") as file:
        events = list(file)
    path = tmp_path / "three"
    path.write_bytes(to_text(events, 3))
    two, three = read(FIXTURE), read(path)
    assert_equal(two, three, tables=("events", "collisions"))
    for table, columns in {
        "particles": ("pid", "status", "px", "pe", "m"),
        "vertices": ("x", "z", "t"),
    }.items():
        for column in columns:
            np.testing.assert_allclose(np.sort(two[table][column]), np.sort(three[table][column]), rtol=1e-14)


def test_vertices_without_position_inherit_it(tmp_path):
    path = tmp_path / "inherit"
    path.write_text(LHCB.replace("V -4 0 0.9 -0.1 8.5 5.1", "V -4 0 0 0 0 0"))
    v = read(path).vertices
    assert v.z.tolist() == [3.5, 3.5, 3.5, 3.5, -40.0, -40.0]


def test_generated_fixture_conserves_momentum():
    batch = read(FIXTURE)
    p = batch.particles
    assert (p.status == 4).sum() == 4
    final, beam = p.status == 1, p.status == 4
    for column in ("pe", "px", "py", "pz"):
        sums = np.bincount(p.event_id[final], p[column][final])
        np.testing.assert_allclose(sums, np.bincount(p.event_id[beam], p[column][beam]), atol=5.0)


def test_memory_does_not_grow_with_the_number_of_events(tmp_path):
    import tracemalloc

    one = LHCB.splitlines(keepends=True)
    body = "".join(one[2:-1])
    peaks = []
    for repeats in (80, 800):
        path = tmp_path / f"long{repeats}.gz"
        path.write_bytes(gzip.compress("".join([*one[:2], body * repeats, one[-1]]).encode(), 1))
        tracemalloc.start()
        n = 0
        for batch in HepMCFiles(path, collisions="single").batches(20):
            assert not isinstance(batch, EventFailure)
            n += batch.n_events
            if n > 100:
                break
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]

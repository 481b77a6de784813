"""SQLite files as users of SQLamarr and PyLamarr query them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.strategies import random_batch

from lamarr.events import EventBatch, Fate, open_writer
from lamarr.events.sqlite_plain import PLAIN
from lamarr.events.sqlite_reader import QUERIES
from lamarr.events.sqlite_tables import MISSING_VERTEX

# SQLamarr's event store: table → columns in order, as its documentation lists them.
SQLAMARR = {
    "DataSources": "datasource_id datasource run_number evt_number",
    "GenEvents": "genevent_id collision datasource_id t x y z",
    "GenVertices": "genvertex_id genevent_id hepmc_id status t x y z is_primary",
    "GenParticles": "genparticle_id genevent_id hepmc_id production_vertex end_vertex pid status "
    "pe px py pz m",
    "MCVertices": "mcvertex_id genvertex_id genevent_id status t x y z is_primary",
    "MCParticles": "mcparticle_id genparticle_id genevent_id production_vertex end_vertex pid pe px py pz m "
    "is_signal",
    "Vertices": "vertex_id mcvertex_id genevent_id t x y z sigma_x sigma_y sigma_z vertex_type",
}
PYLAMARR = {
    "EventHeader": "event_id eventNumber runNumber timeStamp weight",
    "Track": "event_id track_id mcparticle_id type chi2 ndf ghostProb",
    "LHCbTrackState": "event_id track_id location referencePoint_x referencePoint_y referencePoint_z slope_x "
    "slope_y momentum qOverP covMatrix_00 covMatrix_01 covMatrix_02 covMatrix_03 covMatrix_04 covMatrix_11 "
    "covMatrix_12 covMatrix_13 covMatrix_14 covMatrix_22 covMatrix_23 covMatrix_24 covMatrix_33 covMatrix_34 "
    "covMatrix_44",
    "RecSummary": "event_id data_key data_value",
    "Cluster": "event_id calocluster_id type center_x center_y z energy cov_xx cov_yy cov_ee",
    "ClusterInfo": "event_id calocluster_id info_key info_value",
    "ParticleID": "event_id particle_id type PDG algorithmType likelihood",
}


def _batch() -> EventBatch:
    """Gapless events, as the generation makes them, with sensible fates and statuses."""
    batch = random_batch(11, n_events=25, max_rows=9, sources=("a.mc2", "b.mc2"))
    n = batch.particles.rows
    rng = np.random.default_rng(0)
    fates = rng.choice([Fate.DOCUMENTATION, Fate.DECAYED, Fate.NEUTRAL, Fate.LONG], n)
    return batch.with_columns("particles", fate=fates, status=rng.choice([1, 3, 21, 889], n))


BATCH = _batch()


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path: Path = tmp_path_factory.mktemp("sqlite") / "out.sqlite"
    with open_writer(path, metadata={"seed": 12}) as writer:
        for first in range(0, 25, 4):
            writer.write(BATCH.select_events(first, first + 4))
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


@pytest.mark.parametrize("table", SQLAMARR)
def test_sqlamarr_tables_are_exact(db: sqlite3.Connection, table: str) -> None:
    assert columns(db, table) == SQLAMARR[table].split()
    (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    assert f"{columns(db, table)[0]} INTEGER PRIMARY KEY AUTOINCREMENT" in sql


@pytest.mark.parametrize("table", PYLAMARR)
def test_pylamarr_tables_begin_with_its_columns(db: sqlite3.Connection, table: str) -> None:
    expected = PYLAMARR[table].split()
    assert columns(db, table)[: len(expected)] == expected


@pytest.mark.parametrize(
    ("table", "column"),
    [("MCVertices", "genvertex_id"), ("MCParticles", "genparticle_id"), ("Vertices", "mcvertex_id")],
)
def test_unique_links(db: sqlite3.Connection, table: str, column: str) -> None:
    indices = [row[1] for row in db.execute(f"PRAGMA index_list({table})") if row[2]]
    assert [[c[2] for c in db.execute(f"PRAGMA index_info({i})")] for i in indices] == [[column]]


def test_indices_on_the_vertices_of_particles(db: sqlite3.Connection) -> None:
    indices = [row[1] for row in db.execute("PRAGMA index_list(GenParticles)")]
    found = {c[2] for i in indices for c in db.execute(f"PRAGMA index_info({i})")}
    assert found == {"production_vertex", "end_vertex"}


def test_ids_count_from_one_through_the_file(db: sqlite3.Connection) -> None:
    for table, rows in [
        ("GenEvents", "collisions"),
        ("GenVertices", "vertices"),
        ("GenParticles", "particles"),
    ]:
        key = columns(db, table)[0]
        ids = [i for (i,) in db.execute(f"SELECT {key} FROM {table} ORDER BY {key}")]
        assert ids == list(range(1, BATCH[rows].rows + 1))


def test_one_data_source_per_event(db: sqlite3.Connection) -> None:
    found = db.execute("SELECT * FROM DataSources ORDER BY datasource_id").fetchall()
    e = BATCH.events
    names = [BATCH.sources[s] for s in e.source]
    expected = zip(e.event_id.tolist(), names, e.run_number.tolist(), e.event_number.tolist(), strict=True)
    assert found == list(expected)


def test_one_gen_event_per_collision(db: sqlite3.Connection) -> None:
    found = db.execute("SELECT datasource_id, collision, x FROM GenEvents ORDER BY 1, 2").fetchall()
    c = BATCH.collisions
    assert found == list(zip(c.event_id.tolist(), c.collision_id.tolist(), c.x.tolist(), strict=True))


def test_daughters_by_joins(db: sqlite3.Connection) -> None:
    """Particles whose production vertex is the end vertex of another, as SQL finds them and as numpy does."""
    found = db.execute(
        "SELECT parent.hepmc_id, daughter.hepmc_id FROM GenParticles AS daughter "
        "JOIN GenParticles AS parent ON parent.end_vertex = daughter.production_vertex "
        "JOIN GenVertices AS v ON v.genvertex_id = daughter.production_vertex"
    ).fetchall()
    p = BATCH.particles
    same = (p.event_id[:, None] == p.event_id) & (p.end_vertex[:, None] == p.production_vertex)
    parent, daughter = np.nonzero(same & (p.production_vertex >= 0))
    expected = zip(p.hepmc_id[parent].tolist(), p.hepmc_id[daughter].tolist(), strict=True)
    assert sorted(found) == sorted(expected)
    assert found


def test_missing_vertices_have_sqlamarrs_mark(db: sqlite3.Connection) -> None:
    for table, n in [("GenParticles", BATCH.particles.rows), ("MCParticles", None)]:
        ends = np.array(db.execute(f"SELECT production_vertex, end_vertex FROM {table}").fetchall())
        assert (ends[ends < 0] == MISSING_VERTEX).all()
        assert (ends < 0).any()
        assert n in (None, len(ends))
    assert MISSING_VERTEX == -12245933


def test_mc_particles_are_the_physical_ones(db: sqlite3.Connection) -> None:
    p = BATCH.particles
    chosen = p.fate != Fate.DOCUMENTATION
    rows = BATCH.rows_of("particles", BATCH.tracks.event_id, BATCH.tracks.particle_id)
    chosen[rows[rows >= 0]] = True  # whatever left a track is physical
    found = db.execute(
        "SELECT g.hepmc_id, m.px, m.is_signal FROM MCParticles AS m "
        "JOIN GenParticles AS g USING (genparticle_id) ORDER BY mcparticle_id"
    ).fetchall()
    q = p.take(chosen)
    assert found == list(zip(q.hepmc_id.tolist(), q.px.tolist(), q.is_signal.tolist(), strict=True))
    assert 0 < len(found) < p.rows


def test_mc_vertices_are_those_of_mc_particles(db: sqlite3.Connection) -> None:
    (dangling,) = db.execute(
        "SELECT count(*) FROM MCParticles AS p "
        "LEFT JOIN MCVertices AS v ON v.mcvertex_id = p.production_vertex "
        "WHERE p.production_vertex > 0 AND v.mcvertex_id IS NULL"
    ).fetchone()
    (crossed,) = db.execute(
        "SELECT count(*) FROM MCParticles AS p JOIN MCVertices AS v ON v.mcvertex_id = p.production_vertex "
        "JOIN GenParticles AS g USING (genparticle_id) WHERE v.genvertex_id != g.production_vertex"
    ).fetchone()
    assert (dangling, crossed) == (0, 0)


def test_tracks_with_pylamarrs_query(db: sqlite3.Connection) -> None:
    found = db.execute(
        "SELECT t.event_id, s.momentum, s.covMatrix_34, g.hepmc_id, t.chi2 / t.ndf FROM Track AS t "
        "JOIN LHCbTrackState AS s USING (track_id) JOIN MCParticles AS m USING (mcparticle_id) "
        "JOIN GenParticles AS g USING (genparticle_id) WHERE s.location = 1 ORDER BY t.track_id"
    ).fetchall()
    t = BATCH.tracks
    rows = BATCH.rows_of("particles", t.event_id, t.particle_id)
    seen = t.take(rows >= 0)
    hepmc = BATCH.particles.hepmc_id[rows[rows >= 0]]
    expected = zip(
        *(a.tolist() for a in (seen.event_id, seen.p, seen.cov34, hepmc, seen.chi2PerDoF)), strict=True
    )
    assert found == [pytest.approx(row, rel=1e-14) for row in expected]
    assert found


def test_reconstructed_vertices(db: sqlite3.Connection) -> None:
    found = db.execute(
        "SELECT g.hepmc_id, v.x, v.sigma_z, v.vertex_type FROM Vertices AS v "
        "JOIN MCVertices USING (mcvertex_id) "
        "JOIN GenVertices AS g USING (genvertex_id) ORDER BY v.vertex_id"
    ).fetchall()
    pv = BATCH.primary_vertices
    hepmc = BATCH.vertices.hepmc_id[BATCH.rows_of("vertices", pv.event_id, pv.vertex_id)]
    assert found == list(zip(hepmc.tolist(), pv.x.tolist(), pv.sigma_z.tolist(), [1] * pv.rows, strict=True))


def test_record_summary(db: sqlite3.Connection) -> None:
    n_tracks = db.execute(
        "SELECT data_value FROM RecSummary WHERE data_key = 16 ORDER BY event_id"
    ).fetchall()
    assert n_tracks == [(n,) for n in BATCH.events.nTracks.tolist()]
    n_pvs = db.execute("SELECT data_value FROM RecSummary WHERE data_key = 0 ORDER BY event_id").fetchall()
    assert n_pvs == [(int((BATCH.primary_vertices.event_id == e).sum()),) for e in BATCH.events.event_id]


def test_fates_add_up(db: sqlite3.Connection) -> None:
    found = dict(
        db.execute(
            "SELECT fate, count(*) FROM ParticleFate JOIN GenParticles USING (genparticle_id) GROUP BY fate"
        )
    )
    fates, counts = np.unique(BATCH.particles.fate, return_counts=True)
    assert found == dict(zip(fates.tolist(), counts.tolist(), strict=True))


def test_own_numbers_by_event_ids(db: sqlite3.Connection) -> None:
    """A row is found by (event_id, particle_id) as the documentation says."""
    p = BATCH.particles
    row = p.rows // 2
    (hepmc,) = db.execute(
        "SELECT hepmc_id FROM GenParticles JOIN EventIds ON genparticle_id = first_genparticle + ? "
        "WHERE event_id = ?",
        (int(p.particle_id[row]), int(p.event_id[row])),
    ).fetchone()
    assert hepmc == p.hepmc_id[row]


def test_metadata(db: sqlite3.Connection) -> None:
    query = "SELECT json_extract(value, '$.seed') FROM Metadata WHERE key = 'metadata'"
    assert db.execute(query).fetchone() == (12,)


@pytest.mark.parametrize("table", QUERIES)
def test_reading_streams(db: sqlite3.Connection, table: str) -> None:
    """No query of the reader sorts or builds a temporary index: memory stays flat."""
    query = QUERIES[table]
    plan = db.execute(f"EXPLAIN QUERY PLAN {query.select(query.columns)}").fetchall()
    assert not [step for *_, step in plan if "TEMP" in step or "AUTOMATIC" in step]
    whole = "SCAN t" if table in PLAIN else "SCAN e"  # plain tables are stored in the order of their keys
    assert [step for *_, step in plan if step.startswith("SCAN")] == [whole]


def test_clusters_in_pylamarrs_form(db: sqlite3.Connection) -> None:
    c = BATCH["clusters"]
    found = db.execute("SELECT * FROM Cluster ORDER BY 1, 2").fetchall()
    names = ("x", "y", "z", "energy", "cov_xx", "cov_yy", "cov_ee")
    expected = zip(
        c["event_id"].tolist(),
        c["cluster_id"].tolist(),
        [4] * c.rows,
        *([None if v != v else v for v in c[n].tolist()] for n in names),
        strict=True,
    )
    assert found == list(expected)
    assert found
    info = {(event, cluster, key): v for event, cluster, key, v in db.execute("SELECT * FROM ClusterInfo")}
    for key, name in ((380, "PhotonID"), (382, "IsNotE"), (383, "IsNotH")):
        rows = zip(c["event_id"].tolist(), c["cluster_id"].tolist(), c[name].tolist(), strict=True)
        assert {k: v for k, v in info.items() if k[2] == key} == {
            (event, cluster, key): value for event, cluster, value in rows if value == value
        }


def test_identification_in_pylamarrs_form(db: sqlite3.Connection) -> None:
    """One row per track, hypothesis and algorithm; isMuon is boolean, its probability an efficiency."""
    query = (
        "SELECT t.event_id, i.likelihood FROM ParticleID AS i JOIN Track AS t ON t.track_id = i.particle_id "
        "WHERE i.type = ? AND i.PDG = ? AND i.algorithmType = ? ORDER BY i.particle_id"
    )
    p = BATCH["pid"]
    columns = {
        (10, 13, 0): "isMuon",
        (20, 321, 2): "RichDLLk",
        (30, 0, 2): "MuonBkgLL",
        (100, 2212, 2): "PIDp",
        (110, 211, 3): "ProbNNpi",
    }
    for key, name in columns.items():
        found = db.execute(query, key).fetchall()
        values = p[name].astype(float)
        good = ~np.isnan(values)
        assert found == list(zip(p["event_id"][good].tolist(), values[good].tolist(), strict=True))
        assert found
    assert {v for _, v in db.execute(query, (100, 211, 2))} == {0.0}

"""What is on disk: after a crash, with a full disk, with two servers, and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import time

import pytest

pytest.importorskip("sqlalchemy", reason="the extra `tune` is not installed")

from lamarr.errors import ConfigurationError, OutputFileError
from lamarr.tuning import tables
from lamarr.tuning.killing import Notes, judge
from lamarr.tuning.localpg import find_postgres


def test_a_full_disk(make_server, problem_of):
    server = make_server()
    study = server.study()
    server.ok("POST", f"/studies/{study}/trials", {})
    path = f"/studies/{study}/trials/0/tell"
    committer = server.service.committer
    pages = committer._connection.exec_driver_sql("PRAGMA page_count").scalar()
    committer._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    committer._connection.rollback()
    attrs = {"note": "x" * 100_000}
    said = problem_of(server.call("POST", path, {"values": [1.0], "attrs": attrs}), 507, "storage")
    assert "full" in said
    assert "nothing was acknowledged" in said
    # the same again is still refused: it is in memory, but not safe
    problem_of(server.call("POST", path, {"values": [1.0], "attrs": attrs}), 507, "storage")
    problem_of(server.call("POST", f"/studies/{study}/trials", {}), 507, "storage")
    assert server.ok("GET", f"/studies/{study}")["trials"] == {"complete": 1}, "reading goes on"
    committer._connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    committer._connection.rollback()
    server.ok("POST", path, {"values": [1.0], "attrs": attrs})
    server.restart()
    trials = server.ok("GET", f"/studies/{study}/trials")
    assert (len(trials), trials[0]["values"]) == (1, [1.0])


def test_a_trial_never_handed_out_is_not_lost_from_a_grid(make_server):
    """Killed between two commits: trial 1 was saved, trial 0, asked for in the same moment, was not."""
    server = make_server()
    space = {"k": {"type": "int", "low": 1, "high": 3}}
    study = server.study(space=space, sampler={"name": "grid"})
    first = [server.ok("POST", f"/studies/{study}/trials", {})["params"] for _ in range(2)]
    server.stop()
    with sqlite3.connect(server.database) as c:
        c.execute("DELETE FROM trials WHERE number = 0")
    c.close()
    server.start()
    again = server.ok("POST", f"/studies/{study}/trials", {})
    assert (again["number"], again["params"], again["attempt"]) == (0, first[0], 1)
    assert server.ok("POST", f"/studies/{study}/trials", {})["number"] == 2


def test_one_server_per_database(make_server):
    server = make_server()
    with pytest.raises(ConfigurationError, match="another tuning server"):
        make_server(database=server.database)
    server.restart()


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("sqlite://", ConfigurationError, "must be a file"),
        ("mysql://a/b", (ConfigurationError, OutputFileError), "SQLite or PostgreSQL|cannot"),
        ("a b://", ConfigurationError, "must be a path"),
        ("/nowhere/at/all.db", OutputFileError, "does not exist"),
    ],
)
def test_databases_that_cannot_be(url, error, said):
    with pytest.raises(error, match=said):
        tables.open_database(url)


def test_a_file_that_is_no_database_and_one_of_a_newer_version(tmp_path):
    (tmp_path / "text").write_text("not a database " * 100)
    with pytest.raises(OutputFileError, match="cannot be opened"):
        tables.open_database(str(tmp_path / "text"))
    tables.open_database(str(tmp_path / "new.db")).dispose()
    with sqlite3.connect(tmp_path / "new.db") as c:
        c.execute("UPDATE meta SET value = '99'")
    c.close()
    with pytest.raises(ConfigurationError, match="has schema 99"):
        tables.open_database(str(tmp_path / "new.db"))


def test_a_password_is_not_shown():
    with pytest.raises(OutputFileError) as error:
        tables.open_database("postgresql://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(error.value)
    assert "127.0.0.1" in str(error.value)


def test_the_judge_of_kills_sees_losses_and_doubles():
    """The check behind the kill test can fail: each kind of damage is counted."""
    notes = Notes(told={0: 1.0, 1: 2.0})
    notes.handed_out.update([0, 1, 1])
    good = {"number": 0, "values": [1.0], "state": "complete", "params": {"k": 1}}
    found = judge(notes, [good, {"number": 2, "values": None, "state": "running", "params": {"k": 1}}])
    assert (found["lost"], found["handed_out_twice"], found["grid_points_doubled"]) == (1, 1, 1)


def _check_kills(found):
    assert found["told"] > 20 * found["clients"] * found["kills"] / 100
    assert found["complete_on_server"] >= found["told"]
    for nothing in ("lost", "handed_out_twice", "grid_points_doubled", "clients_stuck"):
        assert found[nothing] == 0, found
    assert found["refused"] == []


@pytest.mark.slow
def test_twenty_kills_under_fifty_clients():
    from lamarr.tuning.killing import kill_again_and_again

    _check_kills(kill_again_and_again(20, 50, None, 0.5))


@pytest.fixture(scope="module")
def postgres():
    if find_postgres() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    from lamarr.tuning.localpg import temporary_postgres

    with temporary_postgres() as url:
        yield url


def test_on_postgresql(postgres, make_server):
    server = make_server(database=postgres)
    study = server.study("on postgresql", properties={"é": "ü"}, pruner={"name": "median"})
    for i in range(4):
        n = server.ok("POST", f"/studies/{study}/trials", {"worker": f"w{i}", "request": f"r{i}"})["number"]
        server.ok("POST", f"/studies/{study}/trials/{n}/report", {"step": 2**40, "value": None})
        server.ok("POST", f"/studies/{study}/trials/{n}/report", {"step": 1, "value": 0.25})
        if i:
            server.ok("POST", f"/studies/{study}/trials/{n}/tell", {"values": [float(i)]})
    before = server.ok("GET", f"/studies/{study}/trials")
    with pytest.raises(ConfigurationError, match="another tuning server"):
        make_server(database=postgres)
    server.restart()
    assert server.ok("GET", f"/studies/{study}/trials") == before
    assert [r["action"] for r in server.ok("GET", "/audit", token=server.token("ann", "admin"))] == [
        "create study"
    ]
    server.ok("DELETE", f"/studies/{study}", token=server.token("ann", "admin"))
    server.restart()
    assert server.ok("GET", "/studies") == []


def test_a_broken_connection_to_postgresql_heals(postgres, make_server):
    server = make_server(database=postgres)
    study = server.study()
    connection = server.service.committer._connection
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    connection.rollback()
    with server.service.engine.connect() as other:
        other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        other.commit()
    until = time.monotonic() + 20
    while (answer := server.call("POST", f"/studies/{study}/trials", {"request": "r"})).status_code != 200:
        assert answer.status_code == 507, answer.text
        assert time.monotonic() < until
        time.sleep(0.1)
    server.restart()
    assert server.ok("GET", f"/studies/{study}/trials/0")["state"] == "running"


@pytest.mark.slow
def test_kills_on_postgresql(postgres):
    from lamarr.tuning.killing import kill_again_and_again

    _check_kills(kill_again_and_again(20, 50, postgres, 0.5))

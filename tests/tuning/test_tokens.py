"""Users and tokens: hashes, scopes, expiry, revocation, rates, and nothing secret in logs."""

from __future__ import annotations

import logging
import sqlite3
import time

import pytest

pytest.importorskip("sqlalchemy", reason="the extra `tune` is not installed")

from lamarr.errors import ConfigurationError, UnknownNameError
from lamarr.tuning import tables
from lamarr.tuning.limits import Buckets
from lamarr.tuning.problems import TuningError
from lamarr.tuning.tokens import TOKEN_PATTERN, TokenBook, mask, new_token, revoke, show_tokens


@pytest.fixture
def engine(tmp_path):
    opened = tables.open_database(str(tmp_path / "t.db"))
    yield opened
    opened.dispose()


def test_the_database_never_holds_a_token(engine, tmp_path):
    token = new_token(engine, "ann")
    assert TOKEN_PATTERN.fullmatch(token)
    engine.dispose()
    with sqlite3.connect(tmp_path / "t.db") as c:
        c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    c.close()
    content = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert token[16:].encode() not in content
    assert token[7:15].encode() in content


@pytest.mark.parametrize(("scope", "allowed"), [("read", 1), ("work", 2), ("admin", 3)])
def test_scopes_include_those_below(engine, scope, allowed):
    token = TokenBook(engine).check(new_token(engine, "ann", scope=scope))
    assert [token.allows(s) for s in ("read", "work", "admin")] == [i < allowed for i in range(3)]


def test_expired_revoked_and_unknown(engine):
    token = new_token(engine, "ann", days=1e-9)
    book = TokenBook(engine)
    time.sleep(0.01)
    for text, kind in (
        (token, "expired_token"),
        (token[:-1] + ("0" if token[-1] != "0" else "1"), "unknown_token"),
        ("lamarr_00000000_" + "0" * 64, "unknown_token"),
        ("", "unknown_token"),
        ("x" * 100_000, "unknown_token"),
    ):
        with pytest.raises(TuningError) as error:
            book.check(text)
        assert (error.value.kind, error.value.status) == (kind, 401)
    valid = new_token(engine, "ann", days=None)
    revoked = revoke(engine, valid[7:15])
    assert revoked.revoked is not None
    book.refresh(force=True)
    with pytest.raises(TuningError, match="revoked"):
        book.check(valid)


def test_unknown_and_wrong_tokens_do_the_same_work(engine, monkeypatch):
    """Constant time: one hash of the whole and one comparison by `compare_digest`, whatever is sent."""
    import hmac

    from lamarr.tuning import tokens

    token, calls = new_token(engine, "ann"), []
    book = TokenBook(engine)
    book.refresh()
    real = hmac.compare_digest
    monkeypatch.setattr(
        tokens.hmac, "compare_digest", lambda a, b: calls.append((len(a), len(b))) or real(a, b)
    )
    for text in (token[:-2] + "zz", "lamarr_ffffffff_" + "0" * 64, "nonsense", token[:-1] + "0"):
        with pytest.raises(TuningError):
            book.check(text if text != token else token[:-1] + "1")
    assert calls == [(64, 64)] * 4


def test_bad_users_scopes_and_days(engine):
    with pytest.raises(ConfigurationError, match="letters"):
        new_token(engine, "a b")
    with pytest.raises(ConfigurationError, match="work"):
        new_token(engine, "ann", scope="worker")
    with pytest.raises(ConfigurationError, match="0 < days"):
        new_token(engine, "ann", days=-1)
    with pytest.raises(UnknownNameError):
        revoke(engine, "12345678")
    assert show_tokens(engine) == []


def test_refusals_over_http(server, problem_of):
    study = server.study()
    path = f"/api/v1/studies/{study}"
    problem_of(server.http.get(path), 401, "unknown_token")
    answer = server.call("GET", f"/studies/{study}", token="guess")
    problem_of(answer, 401, "unknown_token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    said = problem_of(
        server.call("POST", f"/studies/{study}/trials", {}, token=server.token("ann", "read")), 403, "scope"
    )
    assert "work" in said


def test_a_revoked_token_is_refused_at_once_over_http(server, problem_of):
    admin = server.token("ann", "admin")
    made = server.ok("POST", "/tokens", {"scope": "read", "name": "laptop"}, token=admin)
    assert server.ok("GET", "/me", token=made["token"])["name"] == "laptop"
    server.ok("DELETE", f"/tokens/{made['id']}", token=admin)
    problem_of(server.call("GET", "/me", token=made["token"]), 401, "revoked_token")
    shown = server.ok("GET", "/tokens", token=admin)
    assert made["token"] not in str(shown)
    assert not next(t for t in shown if t["id"] == made["id"])["live"]


def test_tokens_of_others_are_not_ones_business(server, problem_of):
    bob = server.token("bob", "admin")
    ann = server.token("ann", "admin")
    problem_of(server.call("DELETE", f"/tokens/{ann[7:15]}", token=bob), 404, "not_found")
    problem_of(server.call("POST", "/tokens", {"user": "ann"}, token=bob), 403, "scope")
    assert {t["user"] for t in server.ok("GET", "/tokens", token=bob)} == {"bob"}
    assert all(r["user"] == "bob" for r in server.ok("GET", "/audit", token=bob))
    root = server.token("root", "admin", operator=True)
    assert server.ok("POST", "/tokens", {"user": "dan"}, token=root)["user"] == "dan"


def test_a_bucket_refills():
    buckets = Buckets(rate=2.0, burst=3)
    for _ in range(3):
        buckets.take("a", now=10.0)
    with pytest.raises(TuningError) as error:
        buckets.take("a", now=10.0)
    assert error.value.retry_after == pytest.approx(0.5)
    buckets.take("b", now=10.0)
    buckets.take("a", now=10.6)


def test_buckets_forget_but_never_grow():
    buckets = Buckets(rate=1.0, burst=1, keys=5)
    for i in range(50):
        buckets.take(str(i), now=0.0)
    assert len(buckets._level) == 5


def test_rates_over_http(make_server, problem_of):
    server = make_server(rate=0.001, burst=3)
    token = server.token()
    for _ in range(3):
        server.ok("GET", "/me", token=token)
    answer = server.call("GET", "/me", token=token)
    problem_of(answer, 429, "rate")
    assert int(answer.headers["Retry-After"]) >= 1
    server.ok("GET", "/me", token=server.token("bob"))


def test_guessing_is_slowed_down(server, problem_of):
    kinds = [server.call("GET", "/me", token="guess").json()["kind"] for _ in range(30)]
    assert kinds[0] == "unknown_token"
    assert kinds[-1] == "rate"
    server.ok("GET", "/me")


def test_no_token_in_logs_or_answers(server, caplog, monkeypatch):
    from lamarr.tuning.service import Service

    token = server.token()
    with caplog.at_level(logging.DEBUG):
        server.http.post(f"/api/ask/{token}", content="{}")
        server.http.get(f"/api/{token}/nowhere")
        server.http.get(f"/{token}")
        answers = [server.call("POST", "/studies", {"name": token, "x": token}).text]
        monkeypatch.setattr(Service, "visible", lambda *_: 1 / 0)
        answer = server.call("GET", "/studies")
        assert (answer.status_code, answer.json()["kind"]) == (500, "internal")
        answers.append(answer.text)
    ours = [r for r in caplog.records if not r.name.startswith("http")]  # the test's own client logs too
    assert len(ours) >= 5
    logged = "".join(logging.Formatter().format(r) for r in ours)
    assert "ZeroDivisionError" in logged
    assert token[16:] not in logged
    assert all(token[16:] not in a for a in answers)
    assert mask(f"a {token} b") == f"a lamarr_{token[7:15]}_… b"

"""Our client: trials as context managers, retries, the outbox, versions."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

pytest.importorskip("httpx", reason="the extra `tune` is not installed")
pytest.importorskip("optuna", reason="the extra `tune` is not installed")

import httpx
from tuning_server import SPACE

from lamarr.errors import ConfigurationError, OutputFileError
from lamarr.tuning import Client, Pruned, ServerAwayError, TuningError
from lamarr.tuning.outbox import Outbox


class _Flaky(httpx.BaseTransport):
    """Carries requests to the server under test; loses requests or answers when told to."""

    def __init__(self, server):
        self.server, self.lose_request, self.lose_answer, self.away = server, 0, 0, False
        self.status: list[int] = []

    def handle_request(self, request):
        if self.away or self.lose_request > 0:
            self.lose_request -= 1
            raise httpx.ConnectError("connection refused")
        if self.status:
            body = {"error": "the server cannot save", "kind": "storage", "retry_after": 0.01}
            return httpx.Response(self.status.pop(0), json=body)
        found = self.server.http.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        if self.lose_answer > 0:
            self.lose_answer -= 1
            raise httpx.ReadTimeout("no answer in time")
        return httpx.Response(
            found.status_code, content=found.content, headers={"content-type": "application/json"}
        )


@pytest.fixture
def connect(server, tmp_path):
    def make(user="ann", scope="admin", **more):
        more.setdefault("patience", 5.0)
        client = Client("http://testserver", server.token(user, scope), outbox=tmp_path / "outbox", **more)
        client.link = _Flaky(server)
        headers = client._http.headers
        client._http.close()
        client._http = httpx.Client(base_url="http://testserver", headers=headers, transport=client.link)
        return client

    return make


def test_a_campaign(connect):
    client = connect()
    study = client.study("rich", SPACE, pruner="median", max_trials=12, properties={"set": "a"})

    def objective(trial):
        extra = trial.suggest_float("momentum", 0.0, 0.9)
        assert trial.suggest_float("lr", 1e-5, 0.1, log=True) == trial.params["lr"]
        assert trial.suggest_categorical("act", ["relu", "tanh"]) in ("relu", "tanh")
        for step in range(4):
            trial.report(step, trial.params["width"] + extra)
            if trial.should_prune():
                raise Pruned
        trial.attrs["epochs"] = 4
        return trial.params["width"] + extra

    assert study.optimize(objective) == 12
    trials = study.trials()
    assert {t["state"] for t in trials} <= {"complete", "pruned"}
    done = [t for t in trials if t["state"] == "complete"]
    assert study.best()[0]["values"][0] == min(t["values"][0] for t in done)
    assert all(t["attrs"] == {"epochs": 4} for t in done)
    assert trials[0]["worker"] == client.worker


def test_how_a_block_ends(connect):
    study = connect().study("ends", SPACE, sampler="random")
    with study.trial() as t:
        t.value = 1.5
    with study.trial() as t:
        raise Pruned
    with pytest.raises(ZeroDivisionError), study.trial() as t:
        1 / 0  # noqa: B018
    with pytest.raises(KeyboardInterrupt), study.trial() as t:
        raise KeyboardInterrupt
    with pytest.raises(TuningError, match="without a value"), study.trial() as t:
        pass
    with pytest.raises(TuningError, match="not finite"), study.trial() as t:
        t.value = float("nan")
    found = study.trials()
    assert [t["state"] for t in found] == ["complete", "pruned", "fail", "fail", "fail", "fail"]
    assert found[2]["attrs"]["error"] == "ZeroDivisionError: division by zero"
    assert "KeyboardInterrupt" in found[3]["attrs"]["error"]


def test_lost_requests_and_answers_change_nothing(connect):
    client = connect()
    study = client.study("flaky", SPACE, sampler="random")
    for i in range(6):
        client.link.lose_request, client.link.lose_answer = i % 2, (i + 1) % 2
        trial = study.ask()
        client.link.lose_answer = 1
        trial.report(0, 1.0)
        client.link.lose_answer = 1
        assert trial.tell(float(i))
    found = study.trials()
    assert [t["values"] for t in found] == [[float(i)] for i in range(6)]
    assert all(t["attempt"] == 1 for t in found)


def test_busy_and_full_servers_are_asked_again(connect):
    client = connect()
    client.study("busy", SPACE)
    client.link.status = [429, 503, 507]
    assert client.me()["user"] == "ann"
    assert client.link.status == []


def test_a_result_is_not_lost_while_the_server_is_away(connect, tmp_path):
    client = connect()
    study = client.study("away", SPACE, sampler="random")
    trial = study.ask()
    client.link.away = True
    trial.report(0, 0.5)
    trial.report(1, 0.25)
    assert client.deliver(trial._path + "/report", {"step": 9, "value": 1.0}, patience=0.0) is False
    trial._client.deliver, real = lambda *a: real(*a, patience=0.0), trial._client.deliver
    assert trial.tell(0.125) is False
    waiting = list((tmp_path / "outbox").glob("*.json"))
    assert len(waiting) == 2
    assert client._http.headers["Authorization"].split("_")[-1] not in "".join(p.read_text() for p in waiting)
    # the next process, another client, sends it with its first trial
    other = connect()
    again = other.join(study.id).ask()
    assert again.number == 1
    found = study_of(other, study.id)[0]
    assert (found["state"], found["values"]) == ("complete", [0.125])
    assert list((tmp_path / "outbox").glob("*.json")) == []


def study_of(client, study_id):
    return client.trials(study_id)


def test_reports_made_while_the_server_was_away_arrive_later(connect):
    client = connect()
    study = client.study("late reports", SPACE, sampler="random")
    trial = study.ask()
    client.link.away = True
    trial._away = True  # without waiting for the first time
    trial.report(0, 3.0)
    trial.report(1, 2.0)
    assert not trial.should_prune()
    client.link.away = False
    trial.report(2, 1.0)
    assert study.trials()[0]["intermediate"] == {"0": 3.0, "1": 2.0, "2": 1.0}


def test_a_refused_result_is_set_aside_with_the_reason(connect, tmp_path):
    client = connect()
    study = client.study("refused", SPACE, sampler="random")
    trial = study.ask()
    trial.tell(1.0)
    with pytest.raises(TuningError, match="already complete"):
        client.deliver(trial._path + "/tell", {"values": [2.0]})
    (aside,) = (tmp_path / "outbox").glob("*.refused")
    assert "already complete" in json.loads(aside.read_text())["refused"]


def test_an_outbox_without_space_says_so(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputFileError, match="LAMARR_TUNE_OUTBOX"):
        Outbox(blocked / "box").put("http://a", "/x", {})


def test_a_damaged_letter_is_set_aside(tmp_path):
    box = Outbox(tmp_path)
    box.put("http://a", "/x", {"values": [1.0]})
    (tmp_path / "bad.json").write_text("{")
    assert [letter.url for letter in box.letters("http://a")] == ["/x"]
    assert (tmp_path / "bad.damaged").exists()
    assert list(box.letters("http://b")) == []


def test_a_server_that_stays_away(connect):
    client = connect(patience=0.3)
    client.link.away = True
    begin = time.monotonic()
    with pytest.raises(ServerAwayError, match="is it running"):
        client.me()
    assert time.monotonic() - begin < 5


def test_a_lost_trial_should_stop(connect, server):
    from lamarr.tuning import work

    client = connect()
    study = client.study("lost", SPACE, sampler="random", heartbeat=2)
    with study.trial() as trial:
        trial.stop_heartbeat()
        server.service.campaigns[study.id].leases[0].seen -= 3
        assert work.reclaim(server.service) == 1
        other = study.ask()
        assert other.number == trial.number
        trial.report(0, 1.0)
        assert trial.lost
        assert trial.should_prune()
    other.tell(1.0)
    assert study.trials()[0]["state"] == "complete"


def test_the_heartbeat_runs_while_the_block_does(connect, server):
    study = connect().study("alive", SPACE, sampler="random", heartbeat=1)
    with study.trial() as trial:
        lease = server.service.campaigns[study.id].leases[trial.number]
        seen = lease.seen
        until = time.monotonic() + 10
        while lease.seen == seen and time.monotonic() < until:
            time.sleep(0.05)
        assert lease.seen > seen
        trial.value = 1.0
    assert not trial._thread.is_alive()


def test_waiting_for_the_last_trial_of_a_dead_worker(connect, server):
    study = connect().study("last", SPACE, sampler="random", heartbeat=1, max_trials=2)
    study.ask()  # and dies
    assert study.optimize(lambda _: 1.0) == 2
    assert [t["attempt"] for t in study.trials()] == [2, 1]


def test_sharing_and_deleting(connect):
    ann, bob = connect(), connect("bob")
    study = ann.study("shared", SPACE)
    with pytest.raises(TuningError, match="no such study"):
        bob.join(study.id)
    study.share("bob", "work")
    bob.join(study.id).ask()
    study.change(closed=True)
    assert study.refresh()["settings"]["closed"]
    study.delete()
    assert ann.studies() == []


@pytest.mark.parametrize(
    ("server", "token"), [(None, "t"), ("localhost:80", "t"), ("http://a", None), ("http://a", "ü")]
)
def test_missing_settings_are_said_and_never_asked_for(monkeypatch, server, token):
    monkeypatch.delenv("LAMARR_TUNE_SERVER", raising=False)
    monkeypatch.delenv("LAMARR_TUNE_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="LAMARR_TUNE"):
        Client(server, token)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"<html>nginx</html>", "Lamarr tuning server"),
        (404, b'{"error": "speaks 3", "kind": "version"}', "older client"),
        (200, b'{"api": [2]}', "speaks versions"),
        (200, b"hello", "no JSON"),
    ],
)
def test_other_servers_and_versions(status, body, said):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    other = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=other.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{other.server_port}"
        with Client(address, "token", patience=1) as client, pytest.raises(TuningError, match=said):
            client.me()
    finally:
        other.shutdown()
        other.server_close()
        thread.join()

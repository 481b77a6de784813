"""The pages: login, the dashboard behind it, our page of campaigns; and all of it in a browser."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("optuna_dashboard", reason="the extra `tune` is not installed")


@pytest.fixture
def login(server):
    def do(user="ann", scope="read", at=None):
        at = at or server
        answer = at.http.post("/login", data={"token": at.token(user, scope)})
        assert answer.status_code == 303, answer.text
        cookie = answer.headers["set-cookie"]
        at.http.cookies.clear()
        return {"Cookie": cookie.split(";")[0]}, cookie

    return do


def test_nothing_is_shown_without_login(server):
    server.study()
    for path in ("/", "/dashboard", "/dashboard/studies/0"):
        answer = server.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert server.http.get("/campaigns").headers["location"] == "/login"
    for path in (
        "/api/studies",
        "/api/studies/0",
        "/csv/0",
        "/api/meta",
        "/static/bundle.js",
        "/artifacts/0/a",
    ):
        assert server.http.get(path).status_code == 401, path
    for path in ("/api/studies/0", "/api/studies", "/api/trials/0/tell"):
        assert server.http.delete(path).status_code == 401
        assert server.http.post(path, json={}).status_code == 401
    assert server.http.get("/login").status_code == 200
    assert len(server.ok("GET", "/studies")) == 1


def test_the_login_cookie(server, login):
    _, cookie = login()
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    answer = server.http.post("/login", data={"token": "guess"})
    assert answer.status_code == 401
    assert "unknown" in answer.text
    assert "set-cookie" not in answer.headers
    foreign = {"sec-fetch-site": "cross-site"}
    assert server.http.post("/login", data={"token": server.token()}, headers=foreign).status_code == 403


def test_logout_and_revocation_end_a_session(server, login):
    headers, _ = login()
    assert server.http.get("/campaigns", headers=headers).status_code == 200
    server.http.post("/logout", headers=headers)
    assert server.http.get("/campaigns", headers=headers).status_code == 303
    admin = server.token("ann", "admin")
    made = server.ok("POST", "/tokens", {"scope": "read"}, token=admin)
    answer = server.http.post("/login", data={"token": made["token"]})
    headers = {"Cookie": answer.headers["set-cookie"].split(";")[0]}
    server.http.cookies.clear()
    assert server.http.get("/campaigns", headers=headers).status_code == 200
    server.ok("DELETE", f"/tokens/{made['id']}", token=admin)
    assert server.http.get("/campaigns", headers=headers).status_code == 303


def test_the_dashboard_shows_ones_own_studies_only(server, login):
    study = server.study("mine")
    for value in (3.0, 1.0):
        n = server.ok("POST", f"/studies/{study}/trials", {})["number"]
        server.ok("POST", f"/studies/{study}/trials/{n}/tell", {"values": [value]})
    mine = server.ok("GET", f"/studies/{study}")["number"]
    theirs = server.ok(
        "GET", f"/studies/{server.study('theirs', token=server.token('bob'))}", token=server.token("bob")
    )
    headers, _ = login()
    assert server.http.get("/dashboard", headers=headers).status_code == 200
    shown = server.http.get("/api/studies", headers=headers).json()["study_summaries"]
    assert [s["study_id"] for s in shown] == [mine]
    detail = server.http.get(f"/api/studies/{mine}", headers=headers).json()
    assert len(detail["trials"]) == 2
    assert detail["best_trials"][0]["values"] == [1.0]
    assert "Number" in server.http.get(f"/csv/{mine}", headers=headers).text
    for path in (f"/api/studies/{theirs['number']}", f"/csv/{theirs['number']}"):
        assert server.http.get(path, headers=headers).status_code == 404


@pytest.mark.parametrize("scope", ["read", "work", "admin"])
def test_the_dashboard_writes_nothing(server, login, scope):
    study = server.study()
    number = server.ok("GET", f"/studies/{study}")["number"]
    server.ok("POST", f"/studies/{study}/trials", {})
    headers, _ = login(scope=scope)
    for method, path in (
        ("DELETE", f"/api/studies/{number}"),
        ("POST", "/api/studies"),
        ("POST", f"/api/studies/{number}/rename"),
        ("PUT", f"/api/studies/{number}/note"),
        ("POST", "/api/trials/0/tell"),
        ("POST", "/api/trials/0/user-attrs"),
        ("PUT", f"/api/studies/{number}/0/note"),
        ("POST", f"/api/artifacts/{number}"),
        ("PATCH", "/anything"),
    ):
        answer = server.http.request(method, path, headers=headers, json={})
        assert answer.status_code == 403, (method, path, answer.text)
    assert server.ok("GET", f"/studies/{study}")["trials"] == {"running": 1}


def test_a_dashboard_that_may_write(make_server, login):
    server = make_server(dashboard_writable=True)
    study = server.study()
    number = server.ok("GET", f"/studies/{study}")["number"]
    reader, _ = login("ann", "work", server)
    assert server.http.delete(f"/api/studies/{number}", headers=reader).status_code == 403
    admin, _ = login("ann", "admin", server)
    foreign = {**admin, "sec-fetch-site": "cross-site"}
    assert server.http.delete(f"/api/studies/{number}", headers=foreign).status_code == 403
    note = {"version": 1, "body": "hello"}
    assert server.http.put(f"/api/studies/{number}/note", headers=admin, json=note).status_code == 204
    server.restart()
    admin, _ = login("ann", "admin", server)
    assert server.http.get(f"/api/studies/{number}", headers=admin).json()["note"]["body"] == "hello"
    bob, _ = login("bob", "admin", server)
    assert server.http.delete(f"/api/studies/{number}", headers=bob).status_code == 404
    assert server.http.delete(f"/api/studies/{number}", headers=admin).status_code == 200
    assert server.ok("GET", "/studies") == []
    actions = [r["action"] for r in server.ok("GET", "/audit", token=server.token("ann", "admin"))]
    assert {"delete study", "write note", "login", "create study"} <= set(actions)


def test_the_view_itself_refuses_to_write(server):
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    from lamarr.tuning.dashboard import View, current_token
    from lamarr.tuning.problems import TuningError

    study = server.study()
    server.ok("POST", f"/studies/{study}/trials", {})
    view = View(server.service)
    campaign = server.service.campaigns[study]
    with pytest.raises(KeyError):
        view.get_all_trials(campaign.number)
    assert view.get_all_studies() == []
    marker = current_token.set(server.service.tokens.check(server.token()))
    try:
        trial = view.get_all_trials(campaign.number)[0]
        for attempt in (
            lambda: view.delete_study(campaign.number),
            lambda: view.create_new_study([StudyDirection.MINIMIZE]),
            lambda: view.create_new_trial(campaign.number),
            lambda: view.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.0]),
            lambda: view.set_study_system_attr(campaign.number, "lamarr", 1),
        ):
            with pytest.raises(TuningError, match="read-only"):
                attempt()
    finally:
        current_token.reset(marker)


def test_the_page_of_campaigns(server, login):
    study = server.study("<b>rich</b>", properties={"set": "2016"})
    for i in range(3):
        server.ok("POST", f"/studies/{study}/trials", {"worker": f"node{i}"})
    server.ok("POST", f"/studies/{study}/trials/0/tell", {"values": [0.125]})
    server.study("hidden", token=server.token("bob"))
    headers, _ = login()
    answer = server.http.get("/campaigns", headers=headers)
    page = answer.text
    assert "&lt;b&gt;rich&lt;/b&gt;" in page
    assert "<b>rich" not in page
    assert "0.125 (trial 0)" in page
    assert "node1" in page
    assert "node2" in page
    assert "node0" not in page
    assert "hidden" not in page
    assert server.token()[7:15] in page
    assert server.token()[16:] not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    report = server.http.get(f"/campaigns/{study}/report", headers=headers)
    assert "<svg" in report.text
    bob, _ = login("bob")
    assert server.http.get(f"/campaigns/{study}/report", headers=bob).status_code == 404


@pytest.mark.slow
def test_in_a_browser(browser):
    import os
    from pathlib import Path

    from selenium.webdriver.common.by import By

    from lamarr.tuning.client import Client
    from lamarr.tuning.localserver import running_server

    def wait(condition, seconds=120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if condition():
                    return
            except Exception:
                pass
            time.sleep(0.2)
        raise AssertionError(browser.find_element(By.TAG_NAME, "body").text[:1500])

    with running_server() as (server, token), Client(f"http://127.0.0.1:{server.port}", token) as client:
        space = {"x": {"type": "float", "low": -1, "high": 1}, "n": {"type": "int", "low": 1, "high": 4}}
        study = client.study("browsed", space, sampler="random", max_trials=30)
        study.optimize(lambda t: t.params["x"] ** 2 + t.params["n"], 25)
        study.ask()
        address = f"http://127.0.0.1:{server.port}"
        browser.get(address)
        wait(lambda: browser.find_element(By.ID, "token"))
        wait(lambda: browser.current_url == f"{address}/login")
        browser.find_element(By.ID, "token").send_keys(token + "0")
        browser.find_element(By.TAG_NAME, "button").click()
        wait(lambda: "unknown" in browser.find_element(By.CSS_SELECTOR, "[role=alert]").text)
        browser.find_element(By.ID, "token").send_keys(token)
        browser.find_element(By.TAG_NAME, "button").click()
        wait(lambda: browser.current_url == f"{address}/campaigns")
        wait(lambda: "browsed" in browser.find_element(By.TAG_NAME, "main").text)
        assert client.worker in browser.find_element(By.TAG_NAME, "main").text
        shots = os.environ.get("LAMARR_SCREENSHOTS")
        if shots:
            browser.save_screenshot(str(Path(shots) / "campaigns.png"))
        browser.get(f"{address}/campaigns/{study.id}/report")
        wait(lambda: len(browser.find_elements(By.TAG_NAME, "svg")) == 3)
        if shots:
            browser.save_screenshot(str(Path(shots) / "report.png"))
        browser.get(f"{address}/dashboard")
        wait(lambda: all(w in browser.find_element(By.TAG_NAME, "body").text for w in ("browsed", "RELOAD")))
        number = study.view["number"]
        browser.get(f"{address}/dashboard/studies/{number}")
        wait(lambda: "browsed" in browser.find_element(By.TAG_NAME, "body").text)
        trials = browser.execute_async_script(
            "const done = arguments[0];"
            f"fetch('/api/studies/{number}').then(r => r.json()).then(s => done(s.trials.length))"
        )
        assert trials == 26
        if shots:
            browser.save_screenshot(str(Path(shots) / "dashboard.png"))
        status = browser.execute_async_script(
            "const done = arguments[0];"
            f"fetch('/api/studies/{study.view['number']}', {{method: 'DELETE'}}).then(r => done(r.status))"
        )
        assert status == 403
        assert len(client.studies()) == 1
        errors = [e["message"] for e in browser.get_log("browser") if "ERR_NAME_NOT_RESOLVED" in e["message"]]
        assert errors == [], "the pages must work without a network"

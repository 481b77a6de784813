"""The versioned interface: studies, trials, ownership, and every refusal."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("optuna", reason="the extra `tune` is not installed")

from tuning_server import SPACE


def test_ask_tell_and_best(server):
    study = server.study()
    for _ in range(5):
        trial = server.ok("POST", f"/studies/{study}/trials", {"worker": "w1"})
        assert set(trial["params"]) == set(SPACE)
        value = abs(trial["params"]["width"] - 3)
        told = server.ok("POST", f"/studies/{study}/trials/{trial['number']}/tell", {"values": [value]})
        assert told == {"new": True}
    trials = server.ok("GET", f"/studies/{study}/trials")
    assert [t["number"] for t in trials] == list(range(5))
    best = server.ok("GET", f"/studies/{study}/best")
    assert best[0]["values"] == [min(t["values"][0] for t in trials)]
    view = server.ok("GET", f"/studies/{study}")
    assert view["trials"] == {"complete": 5}
    assert view["trials_last_hour"] == 5


def test_a_study_is_known_by_name_and_properties(server):
    a = server.study(properties={"set": 1, "b": {"c": [1, 2]}})
    assert server.study(properties={"b": {"c": [1, 2]}, "set": 1}) == a
    assert server.study(properties={"set": 2}) != a
    assert server.study("other", properties={"set": 1, "b": {"c": [1, 2]}}) != a
    assert server.study(properties={"set": 1, "b": {"c": [1, 2]}}, token=server.token("bob")) != a


def test_everything_is_there_after_a_restart(server):
    study = server.study(
        "resumed", properties={"a": 1}, pruner={"name": "median", "args": {}}, directions=["maximize"]
    )
    for i in range(3):
        n = server.ok("POST", f"/studies/{study}/trials", {"worker": "w", "request": f"r{i}"})["number"]
        server.ok("POST", f"/studies/{study}/trials/{n}/report", {"step": 0, "value": 0.5})
        server.ok("POST", f"/studies/{study}/trials/{n}/report", {"step": 1, "value": None})
        if i < 2:
            body = {"values": [float(i)], "attrs": {"epochs": 3}}
            server.ok("POST", f"/studies/{study}/trials/{n}/tell", body)
    before = server.ok("GET", f"/studies/{study}"), server.ok("GET", f"/studies/{study}/trials")
    server.restart()
    after = server.ok("GET", f"/studies/{study}"), server.ok("GET", f"/studies/{study}/trials")
    for view in (before[0], after[0]):
        for w in view["working"]:
            w.pop("silent")
    assert before == after
    assert after[1][0]["intermediate"] == {"0": 0.5, "1": None}
    again = server.ok("POST", f"/studies/{study}/trials", {"worker": "w", "request": "r2"})
    assert again["number"] == 2
    server.ok("POST", f"/studies/{study}/trials/2/tell", {"values": [7.0]})
    assert server.ok("GET", f"/studies/{study}/best")[0]["number"] == 2


def test_define_by_run(server):
    study = server.study(space={})
    trial = server.ok("POST", f"/studies/{study}/trials", {})
    assert trial["params"] == {}
    path = f"/studies/{study}/trials/0/suggest"
    body = {"name": "n", "range": {"type": "int", "low": 1, "high": 9}}
    value = server.ok("POST", path, body)["value"]
    assert server.ok("POST", path, body)["value"] == value
    server.restart()
    assert server.ok("POST", path, body)["value"] == value
    assert server.ok("GET", f"/studies/{study}/trials/0")["params"] == {"n": value}


@pytest.mark.parametrize(
    "sampler", ["tpe", "random", "cma-es", "nsga-ii", pytest.param("gp", marks=pytest.mark.slow)]
)
def test_samplers_give_the_trials_that_optuna_gives(server, sampler):
    import warnings

    import optuna

    from lamarr.tuning.space import parse_space, to_optuna

    if sampler == "gp":
        pytest.importorskip("torch", reason="the Gaussian process needs torch (extra `train`)")
    space = {k: SPACE[k] for k in ("lr", "width")}
    arguments = {"population_size": 4} if sampler == "nsga-ii" else {}
    study = server.study(space=space, sampler={"name": sampler, "args": {"seed": 3, **arguments}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes = {
            "tpe": "TPESampler",
            "cma-es": "CmaEsSampler",
            "nsga-ii": "NSGAIISampler",
            "gp": "GPSampler",
        }
        if sampler == "random":
            from lamarr.tuning.quickrandom import QuickRandom

            theirs = QuickRandom(3)
        else:
            theirs = getattr(optuna.samplers, classes[sampler])(seed=3, **arguments)
    alone = optuna.create_study(sampler=theirs)
    ranges = {k: to_optuna(r) for k, r in parse_space(space).items()}
    for _ in range(12):
        trial = server.ok("POST", f"/studies/{study}/trials", {})
        expected = alone.ask(ranges)
        assert trial["params"] == expected.params
        value = abs(expected.params["width"] - 3) + expected.params["lr"]
        alone.tell(expected, value)
        server.ok("POST", f"/studies/{study}/trials/{trial['number']}/tell", {"values": [value]})


@pytest.mark.parametrize(
    ("pruner", "args"),
    [
        ("median", {"n_startup_trials": 1}),
        ("percentile", {"percentile": 50.0, "n_startup_trials": 1}),
        ("hyperband", {"min_resource": 1, "max_resource": 4}),
        ("successive-halving", {"min_resource": 1, "reduction_factor": 2}),
        ("threshold", {"upper": 5.0}),
    ],
)
def test_pruners_stop_bad_trials(server, pruner, args):
    study = server.study(pruner={"name": pruner, "args": args})
    pruned = []
    for value in (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0):
        n = server.ok("POST", f"/studies/{study}/trials", {})["number"]
        path = f"/studies/{study}/trials/{n}"
        stop = False
        for step in range(1, 5):
            stop = server.ok("POST", f"{path}/report", {"step": step, "value": value})["prune"]
            if stop:
                break
        body = {"state": "pruned"} if stop else {"values": [value]}
        server.ok("POST", f"{path}/tell", body)
        if stop:
            pruned.append(value)
    assert pruned.count(9.0) >= 2


def test_no_pruner_never_stops(server):
    study = server.study()
    server.ok("POST", f"/studies/{study}/trials", {})
    path = f"/studies/{study}/trials/0/report"
    assert not any(server.ok("POST", path, {"step": s, "value": 1e9})["prune"] for s in range(5))


def test_several_objectives(server):
    study = server.study(directions=["minimize", "maximize"], sampler={"name": "nsga-ii"})
    for values in ([1.0, 1.0], [2.0, 2.0], [3.0, 1.0]):
        n = server.ok("POST", f"/studies/{study}/trials", {})["number"]
        server.ok("POST", f"/studies/{study}/trials/{n}/tell", {"values": values})
    assert {b["number"] for b in server.ok("GET", f"/studies/{study}/best")} == {0, 1}


def test_concurrent_clients_never_share_a_grid_point(server):
    space = {"a": {"type": "int", "low": 1, "high": 8}, "b": {"type": "int", "low": 1, "high": 8}}
    study = server.study(space=space, sampler={"name": "grid"})
    got, token = [], server.token()

    def client():
        while True:
            answer = server.call("POST", f"/studies/{study}/trials", {}, token=token)
            if answer.status_code != 200:
                assert answer.json()["kind"] == "exhausted"
                return
            trial = answer.json()
            got.append(tuple(trial["params"].values()))
            path = f"/studies/{study}/trials/{trial['number']}/tell"
            server.ok("POST", path, {"values": [1.0]}, token=token)

    threads = [threading.Thread(target=client) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(got) == 64
    assert len(set(got)) == 64


def test_a_silent_clients_trial_goes_to_the_next(server):
    from lamarr.tuning import work

    study = server.study(
        heartbeat=5, sampler={"name": "grid"}, space={"k": {"type": "int", "low": 1, "high": 3}}
    )
    dead = server.ok("POST", f"/studies/{study}/trials", {"worker": "dead"})
    server.ok("POST", f"/studies/{study}/trials/0/report", {"step": 7, "value": 0.1, "lease": dead["lease"]})
    campaign = server.service.campaigns[study]
    campaign.leases[0].seen -= 6
    assert work.reclaim(server.service) == 1
    assert server.ok("GET", f"/studies/{study}/trials/0")["state"] == "waiting"
    new = server.ok("POST", f"/studies/{study}/trials", {"worker": "alive"})
    assert (new["number"], new["params"], new["attempt"]) == (0, dead["params"], 2)
    assert server.ok("GET", f"/studies/{study}/trials/0")["intermediate"] == {}
    answer = server.call(
        "POST", f"/studies/{study}/trials/0/report", {"step": 8, "value": 0, "lease": dead["lease"]}
    )
    assert (answer.status_code, answer.json()["kind"]) == (409, "lease_lost")
    server.restart()
    body = {"lease": new["lease"]}
    assert server.ok("POST", f"/studies/{study}/trials/0/heartbeat", body)["heartbeat"] == 5
    # the first result counts, even that of the worker thought dead
    assert server.ok("POST", f"/studies/{study}/trials/0/tell", {"values": [1.5], "lease": dead["lease"]})[
        "new"
    ]


def test_a_heartbeat_keeps_the_trial_and_a_late_one_takes_it_back(server):
    from lamarr.tuning import work

    study = server.study(heartbeat=5)
    trial = server.ok("POST", f"/studies/{study}/trials", {})
    campaign = server.service.campaigns[study]
    campaign.leases[0].seen -= 4
    server.ok("POST", f"/studies/{study}/trials/0/heartbeat", {"lease": trial["lease"]})
    campaign.leases[0].seen -= 4
    assert work.reclaim(server.service) == 0
    campaign.leases[0].seen -= 4
    assert work.reclaim(server.service) == 1
    server.ok("POST", f"/studies/{study}/trials/0/heartbeat", {"lease": trial["lease"]})
    assert server.ok("POST", f"/studies/{study}/trials", {})["number"] == 1


def test_a_trial_that_kills_its_workers_is_given_up_but_a_late_result_counts(server):
    from lamarr.tuning import work

    study = server.study(heartbeat=5, attempts=2)
    for attempt in (1, 2):
        trial = server.ok("POST", f"/studies/{study}/trials", {})
        assert trial["attempt"] == attempt
        server.service.campaigns[study].leases[0].seen -= 6
        work.reclaim(server.service)
    view = server.ok("GET", f"/studies/{study}/trials/0")
    assert view["state"] == "fail"
    assert "silent" in view["attrs"]["error"]
    server.restart()
    assert server.ok("POST", f"/studies/{study}/trials/0/tell", {"values": [2.0]})["new"]
    assert server.ok("GET", f"/studies/{study}/trials/0")["state"] == "complete"


def test_telling_again(server, problem_of):
    study = server.study()
    server.ok("POST", f"/studies/{study}/trials", {})
    path = f"/studies/{study}/trials/0"
    assert server.ok("POST", f"{path}/tell", {"values": [1.25]}) == {"new": True}
    assert server.ok("POST", f"{path}/tell", {"values": [1.25]}) == {"new": False}
    said = problem_of(server.call("POST", f"{path}/tell", {"values": [2.0]}), 409, "finished")
    assert "1.25" in said
    problem_of(server.call("POST", f"{path}/fail", {"error": "x"}), 409, "finished")
    problem_of(server.call("POST", f"{path}/report", {"step": 0, "value": 1.0}), 409, "finished")
    problem_of(server.call("POST", f"{path}/heartbeat", {}), 409, "finished")
    problem_of(
        server.call("POST", f"/studies/{study}/trials/77/tell", {"values": [1.0]}), 409, "unknown_trial"
    )


def test_an_objective_that_is_no_number(server, problem_of):
    study = server.study()
    for literal in ("NaN", "Infinity", "-Infinity", "1e999"):
        n = server.ok("POST", f"/studies/{study}/trials", {})["number"]
        path = f"/api/v1/studies/{study}/trials/{n}/tell"
        headers = {"Authorization": f"Bearer {server.token()}"}
        answer = server.http.post(path, content='{"values": [' + literal + "]}", headers=headers)
        problem_of(answer, 422, "not_a_number")
        assert server.ok("GET", f"/studies/{study}/trials/{n}")["state"] == "fail"


def test_clashing_spaces(server, problem_of):
    server.study()
    other = {**SPACE, "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True}}
    answer = server.call("POST", "/studies", {"name": "study", "space": other})
    said = problem_of(answer, 409, "clash")
    assert "'lr'" in said
    answer = server.call("POST", "/studies", {"name": "study", "space": SPACE, "directions": ["maximize"]})
    assert "directions" in problem_of(answer, 409, "clash")
    study = server.study("by run", space={})
    for n, choices in ((0, ["a"]), (1, ["a", "b"])):
        server.ok("POST", f"/studies/{study}/trials", {})
        body = {"name": "c", "range": {"type": "categorical", "choices": choices}}
        answer = server.call("POST", f"/studies/{study}/trials/{n}/suggest", body)
    problem_of(answer, 409, "clash")
    body = {"name": "lr", "range": {"type": "float", "low": 0, "high": 1}}
    study = server.study()
    server.ok("POST", f"/studies/{study}/trials", {})
    problem_of(server.call("POST", f"/studies/{study}/trials/0/suggest", body), 409, "clash")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sampler": {"name": "tpee"}}, "tpe"),
        ({"sampler": {"name": "tpe", "args": {"startup": 3}}}, "n_startup_trials"),
        ({"sampler": {"name": "tpe", "args": {"n_startup_trials": "ten"}}}, "must be int"),
        ({"sampler": {"name": "cma-es"}, "directions": ["minimize", "minimize"]}, "single objective"),
        ({"pruner": {"name": "median"}, "directions": ["minimize", "minimize"]}, "single objective"),
        ({"pruner": {"name": "threshold"}}, "lower"),
        ({"pruner": {"name": "percentile", "args": {"percentile": 300.0}}}, "percentile"),
        ({"directions": ["up"]}, "minimize"),
        ({"directions": []}, "at least 1"),
        ({"space": {"x": {"type": "float", "low": 1, "high": 0}}}, "low <= high"),
        ({"space": {"x": {"type": "int", "low": 1}}}, "high"),
        ({"heartbeat": 0}, "greater"),
        ({"name": ""}, "character"),
        ({"name": "a\0b"}, "NUL"),
        ({"colour": "red"}, "newer client"),
    ],
)
def test_malformed_studies(server, problem_of, change, said):
    body = {"name": "bad", "space": SPACE, **change}
    answer = server.call("POST", "/studies", body)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["error"]
    assert server.ok("GET", "/studies") == []


@pytest.mark.parametrize(
    "raw", ["", "{", "[]", "null", '"x"', '{"a":' * 5000, '{"name": "\\ud800"}', "9" * 5000]
)
def test_bodies_that_are_no_object(server, raw):
    headers = {"Authorization": f"Bearer {server.token()}", "Content-Type": "application/json"}
    study = server.study()
    for path in ("/studies", f"/studies/{study}/trials", f"/studies/{study}/trials/0/tell"):
        answer = server.http.post(f"/api/v1{path}", content=raw, headers=headers)
        assert answer.status_code in (400, 422), (path, answer.text)
        assert "error" in answer.json()


def test_a_body_may_not_be_too_large(server, problem_of):
    headers = {"Authorization": f"Bearer {server.token()}"}
    answer = server.http.post("/api/v1/studies", content=b'{"name":"' + b"x" * (1 << 20), headers=headers)
    problem_of(answer, 413, "too_large")


def test_ownership(server, problem_of):
    study = server.study()
    server.ok("POST", f"/studies/{study}/trials", {})
    bob, carol = server.token("bob"), server.token("carol", "admin")
    requests = [
        ("GET", f"/studies/{study}", None),
        ("GET", f"/studies/{study}/trials", None),
        ("GET", f"/studies/{study}/trials/0", None),
        ("GET", f"/studies/{study}/best", None),
        ("POST", f"/studies/{study}/trials", {}),
        ("POST", f"/studies/{study}/trials/0/tell", {"values": [0.0]}),
        ("POST", f"/studies/{study}/trials/0/report", {"step": 0, "value": 0.0}),
        ("POST", f"/studies/{study}/trials/0/fail", {}),
        ("POST", f"/studies/{study}/trials/0/heartbeat", {}),
        ("PATCH", f"/studies/{study}", {"closed": True}),
        ("DELETE", f"/studies/{study}", None),
        ("PUT", f"/studies/{study}/shares/carol", {"access": "work"}),
    ]
    missing = server.call("GET", "/studies/" + "0" * 32, token=carol)
    for method, path, body in requests:
        answer = server.call(method, path, body, token=carol)
        problem_of(answer, 404, "not_found")
        assert answer.text == missing.text, "a hidden study must look like one that is not there"
    assert server.ok("GET", "/studies", token=bob) == []
    admin = server.token("ann", "admin")
    server.ok("PUT", f"/studies/{study}/shares/bob", {"access": "read"}, token=admin)
    assert len(server.ok("GET", "/studies", token=bob)) == 1
    problem_of(server.call("POST", f"/studies/{study}/trials", {}, token=bob), 403, "scope")
    server.ok("PUT", f"/studies/{study}/shares/bob", {"access": "work"}, token=admin)
    server.restart()
    server.ok("POST", f"/studies/{study}/trials", {}, token=bob)
    bob_admin = server.token("bob", "admin")
    problem_of(server.call("DELETE", f"/studies/{study}", token=bob_admin), 403, "scope")
    server.ok("DELETE", f"/studies/{study}/shares/bob", token=admin)
    problem_of(server.call("GET", f"/studies/{study}", token=bob), 404, "not_found")
    operator = server.token("root", "admin", operator=True)
    assert len(server.ok("GET", "/studies", token=operator)) == 1


def test_deleting_needs_the_scope_and_is_for_ever(server, problem_of):
    study = server.study()
    server.ok("POST", f"/studies/{study}/trials", {})
    problem_of(server.call("DELETE", f"/studies/{study}"), 403, "scope")
    admin = server.token("ann", "admin")
    server.ok("DELETE", f"/studies/{study}", token=admin)
    problem_of(server.call("GET", f"/studies/{study}"), 404, "not_found")
    server.restart()
    assert server.ok("GET", "/studies") == []
    actions = [r["action"] for r in server.ok("GET", "/audit", token=admin)]
    assert actions[:2] == ["delete study", "create study"], "newest first"


def test_changing_a_running_study(server, problem_of):
    study = server.study()
    server.ok("PATCH", f"/studies/{study}", {"sampler": {"name": "tpe"}, "max_trials": 1})
    server.ok("POST", f"/studies/{study}/trials", {})
    answer = server.call("POST", f"/studies/{study}/trials", {})
    problem_of(answer, 409, "exhausted")
    assert answer.json()["retry_after"] > 0, "the last trial may come back"
    server.ok("POST", f"/studies/{study}/trials/0/tell", {"values": [1.0]})
    answer = server.call("POST", f"/studies/{study}/trials", {})
    assert "retry_after" not in answer.json()
    server.ok("PATCH", f"/studies/{study}", {"max_trials": 10, "closed": True})
    problem_of(server.call("POST", f"/studies/{study}/trials", {}), 409, "closed")
    problem_of(server.call("PATCH", f"/studies/{study}", {"sampler": {"name": "grid"}}), 409, "clash")
    problem_of(
        server.call("PATCH", f"/studies/{study}", {"pruner": {"name": "threshold"}}), 422, "bad_request"
    )
    server.restart()
    view = server.ok("GET", f"/studies/{study}")
    assert (view["sampler"]["name"], view["settings"]["closed"]) == ("tpe", True)


def test_a_newer_client_is_told_what_this_server_speaks(server, problem_of):
    headers = {"Authorization": f"Bearer {server.token()}"}
    answer = server.http.post("/api/v2/studies", json={}, headers=headers)
    assert "version 1" in problem_of(answer, 404, "version")
    problem_of(server.http.get("/api/v1/nowhere", headers=headers), 404, "not_found")


def test_the_interface_is_described(server):
    described = server.http.get("/api/openapi.json").json()
    for path in ("/api/ask/{token}", "/api/v1/studies", "/api/v1/studies/{study}/trials/{number}/tell"):
        assert path in described["paths"]
    assert not any(p.startswith(("/login", "/campaigns")) for p in described["paths"])

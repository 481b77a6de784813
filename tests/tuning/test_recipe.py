"""Recipes with ranges, the report, and the command line."""

from __future__ import annotations

import re
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

pytest.importorskip("httpx", reason="the extra `tune` is not installed")
pytest.importorskip("optuna", reason="the extra `tune` is not installed")

from click.testing import CliRunner

from lamarr.cli.tune import command
from lamarr.errors import ConfigurationError, InputFileError
from lamarr.tuning.recipe import load_objective, read_recipe, resolve, run_recipe
from lamarr.tuning.report import importances, report_html

EXAMPLE = Path(__file__).parents[2] / "docs" / "tuning" / "example.yaml"
RECIPE = {
    "optimiser": {"lr": 1e-3, "batch": 10},
    "width": 4,
    "tune": {
        "objective": "objective_of_tests:valley",
        "study": "valley",
        "max_trials": 25,
        "pruner": "median",
        "space": {
            "optimiser.lr": {"type": "float", "low": "1e-5", "high": 0.1, "log": True},
            "width": {"type": "int", "low": 1, "high": 8},
        },
    },
}


def write(tmp_path, **changes):
    recipe = {**RECIPE, "tune": {**RECIPE["tune"], **changes}}
    recipe = {k: v for k, v in recipe.items() if v is not None}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A real server on 127.0.0.1, since the command line needs an address."""
    import uvicorn

    from lamarr.tuning.http import Config
    from lamarr.tuning.localserver import free_port, make_token
    from lamarr.tuning.server import make_app
    from lamarr.tuning.tables import open_database

    database = str(tmp_path_factory.mktemp("served") / "t.db")
    token = make_token(database, "ann", scope="admin")
    port = free_port()
    app = make_app(open_database(database), Config(dashboard=False))
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", access_log=False, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}", token, database
    server.should_exit = True
    thread.join()


@pytest.fixture
def cli(served, tmp_path, monkeypatch):
    address, token, _ = served
    monkeypatch.setenv("LAMARR_TUNE_SERVER", address)
    monkeypatch.setenv("LAMARR_TUNE_TOKEN", token)
    monkeypatch.setenv("LAMARR_TUNE_OUTBOX", str(tmp_path / "outbox"))

    def run(*arguments):
        return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)

    return run


def test_values_replace_settings_by_dotted_path(tmp_path):
    recipe = read_recipe(write(tmp_path))
    settings = resolve(recipe, {"optimiser.lr": 0.5, "width": 7})
    assert settings == {"optimiser": {"lr": 0.5, "batch": 10}, "width": 7}
    assert recipe.settings["optimiser"]["lr"] == 1e-3


def test_a_setting_not_tuned_makes_another_study(tmp_path):
    path = write(tmp_path)
    digest = read_recipe(path).fixed_digest()
    path.write_text(path.read_text().replace("batch: 10", "batch: 11"))
    assert read_recipe(path).fixed_digest() != digest
    path.write_text(path.read_text().replace("batch: 11", "batch: 10").replace("lr: 0.001", "lr: 0.5"))
    assert read_recipe(path).fixed_digest() == digest, "a tuned setting's own value does not matter"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": {"optimizer.lr": {"type": "int", "low": 1, "high": 2}}}, "near misses: optimiser"),
        ({"space": {"width": {"type": "int", "low": 3, "high": 2}}}, "low <= high"),
        ({"space": {"width": {"type": "int", "low": "three", "high": 4}}}, "width"),
        ({"space": {}}, "at least 1"),
        ({"space": None}, "space"),
        ({"objective": "nothing"}, "objective"),
        ({"colour": 1}, "colour"),
        ({"directions": "up"}, "directions"),
    ],
)
def test_malformed_recipes(tmp_path, changes, said):
    path = write(tmp_path, **changes)
    with pytest.raises(ConfigurationError, match=said) as error:
        read_recipe(path)
    assert str(path) in str(error.value)


def test_files_that_are_no_recipe(tmp_path):
    with pytest.raises(InputFileError, match="cannot be read"):
        read_recipe(tmp_path / "missing.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(InputFileError, match="is not YAML"):
        read_recipe(tmp_path / "bad.yaml")
    (tmp_path / "plain.yaml").write_text("a: 1")
    with pytest.raises(ConfigurationError, match="no block `tune`"):
        read_recipe(tmp_path / "plain.yaml")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module:f", "cannot be imported"),
        ("lamarr.tuning.example:objektive", "objective"),
        ("lamarr.errors:__all__", "no function"),
    ],
)
def test_objectives_that_cannot_be_found(name, said):
    with pytest.raises(ConfigurationError, match=said):
        load_objective(name)


def test_a_recipe_from_yaml_to_report(cli, tmp_path, served):
    done = cli("run", write(tmp_path))
    assert done.exit_code == 0, done.output
    assert "25 trials done" in done.output
    assert "valley: " in cli("list").output
    out = tmp_path / "campaign.html"
    assert cli("report", "valley", "-o", out).exit_code == 0
    page = out.read_text()
    assert served[1] not in page
    assert page.count("<svg") == 3
    assert not re.search(r"(src|href)=", page), "nothing is loaded from elsewhere"
    assert "<script" not in page


def test_an_objective_that_always_fails_ends_the_worker(cli, tmp_path, served):
    from lamarr.tuning.client import Client

    path = write(tmp_path, objective="objective_of_tests:broken", study="broken")
    address, token, _ = served
    with Client(address, token, outbox=tmp_path / "o") as client:
        with pytest.raises(RuntimeError, match="broken"):
            run_recipe(path, client)
        (study,) = [s for s in client.studies() if s["name"] == "broken"]
        assert study["trials"] == {"fail": 5}


def test_one_bad_trial_does_not_end_the_worker(tmp_path, served):
    from lamarr.tuning.client import Client

    path = write(tmp_path, objective="objective_of_tests:often_broken", study="often", max_trials=8)
    with Client(*served[:2], outbox=tmp_path / "o") as client:
        assert run_recipe(path, client) == 8
        (study,) = [s for s in client.studies() if s["name"] == "often"]
    assert study["trials"] == {"fail": 4, "complete": 4}


def test_tokens_on_the_command_line(tmp_path):
    from lamarr.tuning.records import last_lines
    from lamarr.tuning.tables import open_database

    database = tmp_path / "t.db"

    def run(*arguments):
        return CliRunner().invoke(command, ["token", *map(str, arguments)], catch_exceptions=False)

    made = run("create", "ann", "--database", database, "--name", "laptop", "--days", 0).output.strip()
    assert made.startswith("lamarr_")
    listed = run("list", "--database", database).output
    assert "laptop" in listed
    assert "valid" in listed
    assert made[16:] not in listed
    assert "revoked token" in run("revoke", made[7:15], "--database", database).output
    assert "revoked" in run("list", "--database", database).output
    engine = open_database(str(database))
    lines = last_lines(engine, 10)
    engine.dispose()
    assert [(r["action"], r["target"]) for r in lines] == [
        ("revoke token", f"{made[7:15]} of ann"),
        ("create token", f"{made[7:15]} for ann, scope work"),
    ]
    assert all(r["remote"].startswith("shell ") and r["user"] is None for r in lines)
    assert made[16:] not in str(lines)


def test_flush_says_what_waits(cli, tmp_path, served):
    from lamarr.tuning.outbox import Outbox

    Outbox(tmp_path / "outbox").put(served[0], f"/api/v1/studies/{'0' * 32}/trials/0/tell", {"values": [1.0]})
    said = cli("flush").output
    assert "no such study" in said
    assert "0 sent, 0 waiting" in said
    assert len(list((tmp_path / "outbox").glob("*.refused"))) == 1


def test_the_example_recipe_is_sound():
    recipe = read_recipe(EXAMPLE)
    assert callable(load_objective(recipe.tune.objective))


class _Checker(HTMLParser):
    """Every tag that opens closes, in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def study_of(trials, directions=("minimize",), **space):
    front = [t for t in trials if t["state"] == "complete"][:1]
    return {
        "name": "<i>study</i>",
        "owner": "ann",
        "directions": list(directions),
        "space": space,
        "properties": {"a": "<x>", "p": "optuna#int(0,1)"},
        "sampler": {"name": "tpe"},
        "pruner": {"name": "none"},
        "best": front,
    }


def trial(number, values, state="complete", **params):
    return {
        "number": number,
        "state": state,
        "values": values,
        "params": params,
        "worker": f"w{number % 2}",
        "attempt": 1 + (number == 3),
        "started": 1.0 + number,
        "ended": 2.0 + number,
    }


_LR = {"type": "float", "low": 1e-5, "high": 1.0, "log": True, "step": None}
_ACT = {"type": "categorical", "choices": ["a", "<b>", None]}


@pytest.mark.parametrize(
    ("trials", "directions"),
    [
        ([], ["minimize"]),
        ([trial(0, [1.0], lr=0.1)], ["maximize"]),
        ([trial(i, [1.0], lr=0.1, act="a") for i in range(30)], ["minimize"]),
        (
            [trial(i, [i**2 / 7.0], lr=10.0 ** -(i % 5), act=["a", "<b>", None][i % 3]) for i in range(40)],
            ["minimize"],
        ),
        ([trial(i, [float(i), float(-i)], lr=0.1 * (i + 1)) for i in range(9)], ["minimize", "maximize"]),
        (
            [trial(0, None, "fail"), trial(1, [2.0], "pruned", lr=0.5), trial(2, None, "running", lr=0.5)],
            ["minimize"],
        ),
        ([trial(i, [1e300 if i == 7 else i * 1.0], lr=0.1) for i in range(30)], ["minimize"]),
    ],
)
def test_reports_of_all_kinds_are_sound_html(trials, directions):
    page = report_html(study_of(trials, directions, lr=_LR, act=_ACT), trials)
    checker = _Checker()
    checker.feed(page)
    assert checker.open == []
    assert "<i>study" not in page
    assert "nan" not in re.sub(r"<style>.*</style>", "", page).lower().replace("dominan", "")


def test_the_importance_finds_the_parameter_that_matters():
    trials = [trial(i, [abs(i % 17 - 8.0)], a=float(i % 17), b=float(i % 5)) for i in range(85)]
    line = {"type": "float", "low": 0.0, "high": 17.0, "log": False, "step": None}
    found = importances(study_of(trials, a=line, b=line), trials)
    assert found["a"] > 0.9
    assert sum(found.values()) == pytest.approx(1.0)
    upside_down = [{**t, "values": [-t["values"][0]]} for t in trials]
    assert importances(study_of(trials, ["maximize"], a=line, b=line), upside_down) == pytest.approx(found)


def test_a_recipe_is_a_function_of_its_parameters_for_the_comparison_with_optuna_alone():
    from lamarr.tuning.compare import recipe_problem

    path = Path(__file__).parents[2] / "docs" / "tuning" / "example.yaml"
    function, space = recipe_problem(path)
    settings = {"learning_rate": 1e-2, "alpha": 1e-4, "batch": 64}
    network = {"network.width": 8, "network.depth": 1, "network.activation": "relu"}
    assert set(space) == {*settings, *network}
    assert function({**settings, **network}) == function({**settings, **network})
    assert function({**settings, **network}) != function({**settings, **network, "alpha": 0.1})

"""Every endpoint fuzzed from its own description: no crash, no leak, nothing of another user."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed (pip install schemathesis)")

SECRET = "a-name-that-only-bob-knows"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def _fuzz(
    address: str, token: str, folder: Path, parameters: str, examples: int, phases: str
) -> subprocess.CompletedProcess[str]:
    config = folder / "schemathesis.toml"
    config.write_text(f'headers = {{ Authorization = "Bearer {token}" }}\n[parameters]\n{parameters}')
    program = Path(sys.executable).with_name("schemathesis")
    command = [
        str(program if program.exists() else shutil.which("schemathesis")),
        f"--config-file={config}",
        "run",
        f"{address}/api/openapi.json",
        f"--checks={CHECKS}",
        f"--max-examples={examples}",
        f"--phases={phases}",
        "--generation-database=none",
        "--seed=1",
        "--report=ndjson",
        f"--report-dir={folder / 'report'}",
        "--no-color",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False, cwd=folder)


def test_every_endpoint_with_a_few_examples(tmp_path):
    _every_endpoint(tmp_path, deep=True, examples=2, phases="examples,fuzzing")


@pytest.mark.slow
@pytest.mark.parametrize("deep", [False, True], ids=["any-parameters", "a-real-study"])
def test_every_endpoint(tmp_path, deep):
    _every_endpoint(tmp_path, deep, examples=100, phases="examples,coverage,fuzzing")


def _every_endpoint(tmp_path, deep, examples, phases):
    from lamarr.tuning.client import Client
    from lamarr.tuning.localserver import make_token, running_server
    from lamarr.tuning.tables import open_database

    database = str(tmp_path / "tune.db")
    open_database(database).dispose()
    bob, ann = make_token(database, "bob", scope="admin"), make_token(database, "ann", scope="admin")
    with running_server(database) as (server, _):
        address = f"http://127.0.0.1:{server.port}"
        space = {"x": {"type": "float", "low": 0, "high": 1}}
        with (
            Client(address, bob, outbox=tmp_path / "b") as theirs,
            Client(address, ann, outbox=tmp_path / "a") as mine,
        ):
            hidden = theirs.study(SECRET, space, sampler="random")
            hidden.optimize(lambda t: t.params["x"], 2)
            study = mine.study("fuzzed", space, sampler="random")
            for _ in range(5):
                study.ask()
            before = hidden.refresh(), hidden.trials()
            parameters = f'"path.token" = "{ann}"\n'
            if deep:
                parameters += f'"path.study" = "{study.id}"\n"path.number" = 3\n'
                parameters += f'"query.hopaas_trial" = "{study.id}:3"\n'
            # with scope admin the fuzzer would soon have deleted the study it is to work on
            token = make_token(database, "ann", scope="work") if deep else ann
            done = _fuzz(address, token, tmp_path, parameters.replace(ann, token), examples, phases)
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
            assert (hidden.refresh(), hidden.trials()) == before
            assert theirs.me()["user"] == "bob"
        answers = "".join(p.read_text() for p in (tmp_path / "report").rglob("*") if p.is_file())
        assert len(answers) > 10_000, "the fuzzer must have sent something"
        assert SECRET not in answers
        assert hidden.id not in answers
        log = server._log.read_text()
        assert "POST /api/ask/lamarr_" in log
        assert ann[16:] not in log
        assert bob[16:] not in log
        assert "Traceback" not in log

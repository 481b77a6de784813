"""A server in this process for each test, and checks of what it answers."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# several threads of BLAS on busy cores only wait for each other
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

NEEDED = ("optuna", "fastapi", "sqlalchemy", "httpx", "uvicorn", "optuna_dashboard", "a2wsgi", "cmaes")
MISSING = [m for m in NEEDED if importlib.util.find_spec(m) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip with a reason what needs the extra, where it is not installed."""
    for item in items:
        if MISSING and "tuning" in item.path.parts:
            reason = f"{', '.join(MISSING)} not installed: pip install 'lamarr[tune]'"
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    from tuning_server import Config, Server

    made: list[Server] = []

    def make(**config: Any) -> Server:
        database = config.pop("database", None) or str(tmp_path / f"tune{len(made)}.db")
        server = Server(database, Config(**config))
        server.start()
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def _one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from tuning_server import Config, Server

    one = Server(str(tmp_path_factory.mktemp("tuning") / "tune.db"), Config())
    one.start()
    yield one
    one.stop()


@pytest.fixture
def server(_one_server: Any) -> Iterator[Any]:
    """A server without studies; the same one for many tests, since starting takes its time."""
    yield _one_server
    _one_server.clear()


@pytest.fixture
def problem_of() -> Callable[..., str]:
    """Check an answer that refuses: one line of JSON with `error` and `kind`; returns the sentence."""

    def check(answer: Any, status: int, kind: str) -> str:
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert body["kind"] == kind, body
        assert "\n" not in answer.text
        assert len(body["error"]) > 15
        return str(body["error"])

    return check

"""A tuning server in this process, reached without a network."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette would rather have a successor of httpx
    from starlette.testclient import TestClient

from lamarr.tuning.http import Config
from lamarr.tuning.server import make_app
from lamarr.tuning.tables import open_database
from lamarr.tuning.tokens import new_token

SPACE = {
    "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "width": {"type": "int", "low": 1, "high": 8},
    "act": {"type": "categorical", "choices": ["relu", "tanh"]},
}


@dataclass
class Server:
    """A server under test: `http` sends requests, `token(...)` makes tokens, `restart()` starts it anew."""

    database: str
    config: Config
    http: Any = None
    app: Any = None
    tokens: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        self.app = make_app(open_database(self.database), self.config)
        self.http = TestClient(self.app, follow_redirects=False)
        self.http.__enter__()

    def stop(self) -> None:
        self.http.__exit__(None, None, None)

    def restart(self) -> None:
        self.stop()
        self.start()

    def clear(self) -> None:
        """Delete all studies and forget failed logins."""
        admin = self.service.tokens.check(self.token("root", "admin", operator=True))
        for campaign in list(self.service.campaigns.values()):
            self.service.remove(admin, campaign)
        self.service.committer.flush()
        self.gate._wrong._level.clear()
        self.gate._requests._level.clear()

    @property
    def gate(self) -> Any:
        return self.app._app._gate

    @property
    def service(self) -> Any:
        return self.gate.service

    def token(self, user: str = "ann", scope: str = "work", **more: Any) -> str:
        key = f"{user} {scope} {more}"
        if key not in self.tokens:
            engine = open_database(self.database)
            self.tokens[key] = new_token(engine, user, scope=scope, **more)
            engine.dispose()
            self.service.tokens.refresh(force=True)
        return self.tokens[key]

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        return self.http.request(method, f"/api/v1{path}", json=body, headers=headers)

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def study(self, name: str = "study", **more: Any) -> str:
        token = more.pop("token", None)
        body = {"name": name, "space": SPACE, "sampler": {"name": "random"}, **more}
        return str(self.ok("POST", "/studies", body, token=token)["id"])

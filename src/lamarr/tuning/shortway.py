"""A short way for the requests that come thousands of times: past the framework, to the same actions.

FastAPI spends more time on finding the route and its dependencies than the service on the trial. The
requests on trials are recognised here by one regular expression; everything else, and everything that is
not quite as expected, goes on to FastAPI, which also describes these endpoints.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import Response
from starlette.types import Receive, Scope, Send

from lamarr.tuning import actions
from lamarr.tuning.hopaas import Hopaas
from lamarr.tuning.http import Gate, json_response
from lamarr.tuning.problems import problem
from lamarr.tuning.schemas import AskBody

__all__ = ["ShortWay"]

_V1 = re.compile(r"/api/v1/studies/([0-9a-f]{32})/trials(?:/([0-9]{1,9})/([a-z]+))?")
_HOPAAS = re.compile(r"/api/(ask|tell|should_prune|mark_as_failed)/([^/]+)")


class ShortWay:
    """ASGI: answers frequent requests itself and leaves the rest to `app`."""

    def __init__(self, app: Any, gate: Gate) -> None:
        self._app, self._gate, self._hopaas = app, gate, Hopaas(gate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            answer = await self._answer(scope, receive)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        found = _V1.fullmatch(scope["path"])
        if found is not None:
            study, number, action = found.groups()
            if action is None or action in actions.ON_TRIAL:
                return json_response(await self._v1(scope, receive, study, number, action))
        found = _HOPAAS.fullmatch(scope["path"])
        if found is not None:
            name, token = found.groups()
            return json_response(await self._hopaas.act(name, token, _remote(scope), await _body(receive)))
        return None

    async def _v1(
        self, scope: Scope, receive: Receive, study: str, number: str | None, action: str | None
    ) -> dict[str, Any]:
        token = self._gate.token(_bearer(scope), "work", _remote(scope))
        raw = await _body(receive)
        if number is None or action is None:
            return await actions.ask(self._gate, token, study, AskBody.read(raw))
        body, function = actions.ON_TRIAL[action]
        return await function(self._gate, token, study, int(number), body.read(raw))


def _bearer(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            if kind.lower() == "bearer":
                return str(token.strip())
    raise problem("unknown_token", "send a token in the header `Authorization: Bearer TOKEN`")


def _remote(scope: Scope) -> str:
    return str((scope.get("client") or ("-",))[0])


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return bytes(body)

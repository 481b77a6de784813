"""What every request goes through: size limit, access log without secrets, errors as one line of JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lamarr.tuning.campaign import Campaign
from lamarr.tuning.limits import Buckets
from lamarr.tuning.problems import TuningError, problem
from lamarr.tuning.service import Service
from lamarr.tuning.tokens import Token, mask

__all__ = ["MAX_BODY", "Config", "Gate", "Outer", "error_response", "install_errors", "json_response"]

_access = logging.getLogger("lamarr.tuning.access")
_log = logging.getLogger("lamarr.tuning")
MAX_BODY = 1 << 20
"""Largest body of a request [bytes]."""
_CRASHED = "the server failed; its log says why, please report it"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Config:
    """How a server behaves.

    `rate` and `burst`: requests per second of a token (0: no limit). `heartbeat` [s] of studies that name
    none; `hopaas_heartbeat` [s] of studies made by the Hopaas client, which sends none. `dashboard_writable`
    lets tokens with scope admin delete studies and write notes from the dashboard. `secure_cookies`: send
    the login cookie over HTTPS only.
    """

    rate: float = 1000.0
    burst: float = 2000.0
    heartbeat: float = 60.0
    hopaas_heartbeat: float = 86_400.0
    dashboard: bool = True
    dashboard_writable: bool = False
    secure_cookies: bool = False
    session_hours: float = 12.0


class Gate:
    """Who may do what, how often, and in which thread."""

    def __init__(self, service: Service, config: Config) -> None:
        self.service, self.config = service, config
        self._requests = Buckets(config.rate, config.burst)
        self._wrong = Buckets(0.2, 20)
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="lamarr-sampler")
        self._turns: dict[str, asyncio.Lock] = {}

    def token(self, text: str, scope: str, remote: str) -> Token:
        """Check the token of a request: it is valid, allows `scope` and is within its rate."""
        try:
            token = self.service.tokens.check(text)
        except TuningError:
            self._wrong.take(remote)
            raise
        self._requests.take(token.id)
        if not token.allows(scope):
            raise problem("scope", f"this needs a token with scope {scope}, yours has {token.scopes}")
        return token

    async def sample(self, campaign: Campaign, function: Callable[..., T], *args: Any) -> T:
        """Call what may run the sampler: at once if that is quick, else in a thread, one per campaign."""
        if campaign.definition.sampler.quick:
            return function(*args)
        async with self._turns.setdefault(campaign.id, asyncio.Lock()):
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    async def prune(self, campaign: Campaign, function: Callable[..., T], *args: Any) -> T:
        """Call what may run the pruner: at once if there is none, else in a thread."""
        if campaign.definition.pruner.quick:
            return function(*args)
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    async def committed(self) -> None:
        """Wait until what the request has changed is on disk."""
        await self.service.committer.committed()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON without NaN or infinities, which JSON does not know: they become null."""
    text = json.dumps(_finite(value), allow_nan=False)
    return Response(text, status, headers, media_type="application/json")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def error_response(error: TuningError) -> Response:
    """One line of JSON with the status of the error."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = error.body()
    if error.retry_after is not None:
        body["retry_after"] = round(error.retry_after, 3)
    body["error"] = mask(body["error"])
    return json_response(body, error.status, headers)


def install_errors(app: Any) -> None:
    """Make every error of an application a line of JSON with `error` and `kind`."""

    async def ours(_request: Request, error: Exception) -> Response:
        assert isinstance(error, TuningError)
        return error_response(error)

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return error_response(_validation(error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, TuningError):
            return error_response(error.__cause__)
        if error.status_code == 400:
            return error_response(problem("bad_request", "the body is not JSON; send one JSON object"))
        if error.status_code == 404:
            return error_response(problem("not_found", "no such address; the API is described at /api/docs"))
        if error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "")
            answer = error_response(
                problem("method", f"{request.method} is not possible here; use {allowed}")
            )
            answer.headers["Allow"] = allowed
            return answer
        return json_response({"error": mask(str(error.detail)), "kind": "bad_request"}, error.status_code)

    async def crash(_request: Request, _error: Exception) -> Response:
        return error_response(problem("internal", _CRASHED))

    app.add_exception_handler(Exception, crash)
    app.add_exception_handler(TuningError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _validation(error: RequestValidationError) -> TuningError:
    first = error.errors()[0]
    where = ".".join(str(p) for p in first["loc"][1:])
    text = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        text = "this server does not know the field; a newer client? update the server or leave it out"
    if first["type"] == "json_invalid":
        where, text = "", f"the body is not JSON: {first.get('ctx', {}).get('error', '')}"
    return problem("bad_request", f"{where[:120]}: {text[:200]}" if where else text[:200])


class Outer:
    """ASGI wrapper: limits the body, logs the request without its token, turns a crash into JSON 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status, started, seen = time.perf_counter(), 0, False, 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise problem("too_large", f"a request has at most {MAX_BODY} bytes")
            return message

        async def watched(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
            await send(message)

        try:
            await self._app(scope, limited, watched)
        except TuningError as error:
            status = error.status
            if not started:
                await error_response(error)(scope, receive, send)
        except Exception:
            status = 500
            _log.exception("request failed: %s %s", scope["method"], mask(scope["path"]))
            if not started:
                answer = error_response(problem("internal", _CRASHED))
                await answer(scope, receive, send)
        if _access.isEnabledFor(logging.INFO):
            client = (scope.get("client") or ("-",))[0]
            took = 1e3 * (time.perf_counter() - begin)
            _access.info("%s %s %s %d %.1f ms", client, scope["method"], mask(scope["path"]), status, took)

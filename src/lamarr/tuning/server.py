"""The tuning server: all parts put together as one ASGI application, and the command that serves it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Engine
from starlette.types import ASGIApp

from lamarr._version import __version__
from lamarr.tuning import work
from lamarr.tuning.api import API_VERSION, api_router
from lamarr.tuning.hopaas import hopaas_router
from lamarr.tuning.http import Config, Gate, Outer, error_response, install_errors
from lamarr.tuning.problems import problem
from lamarr.tuning.service import Service
from lamarr.tuning.sessions import Sessions
from lamarr.tuning.shortway import ShortWay
from lamarr.tuning.tokens import mask
from lamarr.tuning.web import GuardedDashboard, web_router

__all__ = ["make_app", "serve"]

_log = logging.getLogger("lamarr.tuning")
_TICK_S = 1.0
_SAVE_USE_TICKS = 30


def make_app(engine: Engine, config: Config | None = None) -> ASGIApp:
    """Build the application on a database; it holds the database's lock until it is shut down."""
    config = config or Config()
    gate = Gate(Service(engine), config)
    return Outer(ShortWay(_application(gate, config), gate))


def _application(gate: Gate, config: Config) -> FastAPI:
    service = gate.service
    sessions = Sessions(service.tokens, config.session_hours)

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        chores = asyncio.create_task(_chores(service))
        yield
        chores.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await chores
        gate.close()
        service.close()

    app = FastAPI(
        title="Lamarr tuning",
        version=__version__,
        summary="Hyper-parameter optimisation as a service",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=life,
        strict_content_type=False,
    )
    app.state.gate = gate
    install_errors(app)
    app.include_router(hopaas_router(gate))
    app.include_router(api_router(gate))
    app.include_router(web_router(gate, sessions))
    _add_other_versions(app)
    if config.dashboard:
        from lamarr.tuning.dashboard import make_dashboard

        app.mount("/", GuardedDashboard(lambda: make_dashboard(service), gate, sessions))
    else:
        app.get("/", include_in_schema=False)(_to_campaigns)
    return app


async def _to_campaigns() -> Response:
    return RedirectResponse("/campaigns", 303)


def _add_other_versions(app: FastAPI) -> None:
    async def other(version: str) -> Response:
        if version == f"{API_VERSION}":
            return error_response(problem("not_found", "no such address; see /api/openapi.json"))
        return error_response(
            problem(
                "version",
                f"this server (lamarr {__version__}) speaks version {API_VERSION} of the interface, not "
                f"{mask(version)[:20]!r}: update the server, or use an older client",
            )
        )

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app.api_route("/api/v{version}/{rest:path}", methods=methods, include_in_schema=False)(other)


async def _chores(service: Service) -> None:
    """Take back trials of dead clients, read tokens again, save when they were used."""
    tick = 0
    while True:
        await asyncio.sleep(_TICK_S)
        tick += 1
        try:
            service.tokens.refresh()
            taken = work.reclaim(service)
            if tick % _SAVE_USE_TICKS == 0:
                service.save_token_use()
            if taken or tick % _SAVE_USE_TICKS == 0:
                await service.committer.committed()
            if taken:
                _log.warning("took %d trials back from workers that fell silent", taken)
        except Exception:
            # the next tick tries again; a chore must never end the server
            _log.exception("chores")


def serve(engine: Engine, config: Config, *, host: str, port: int, **more: Any) -> None:
    """Serve until interrupted. Tokens never reach the log: uvicorn's own access log is off."""
    import uvicorn

    app = make_app(engine, config)
    uvicorn.run(app, host=host, port=port, access_log=False, proxy_headers=True, **more)

"""The web pages: login, our page of campaigns, and the guard of the dashboard that is mounted at the root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lamarr.tuning.dashboard import current_token, study_of_path
from lamarr.tuning.http import Gate, error_response, json_response
from lamarr.tuning.pages import campaigns_page, login_page
from lamarr.tuning.problems import TuningError, problem
from lamarr.tuning.sessions import COOKIE, Sessions
from lamarr.tuning.tokens import Token

__all__ = ["GuardedDashboard", "web_router"]

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def web_router(gate: Gate, sessions: Sessions) -> APIRouter:
    """Pages for people; no part of the described interface."""
    router, service = APIRouter(include_in_schema=False), gate.service

    def page(text: str, status: int = 200) -> Response:
        return HTMLResponse(text, status, _PAGE_HEADERS)

    @router.get("/login")
    async def show_login() -> Response:
        return page(login_page())

    @router.post("/login")
    async def login(request: Request) -> Response:
        _same_site(request)
        form = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=10)
        remote = request.client.host if request.client else "-"
        try:
            text = (form.get("token") or [""])[0].strip()
            gate.token(text, "read", remote)
            cookie, token = sessions.begin(text)
        except TuningError as error:
            service.audit(None, "login", outcome=error.kind, remote=remote)
            return page(login_page(str(error)), error.status)
        service.audit(token, "login", remote=remote)
        answer = RedirectResponse("/campaigns", 303)
        secure = gate.config.secure_cookies or request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, cookie, max_age=int(sessions.seconds), httponly=True, samesite="strict", secure=secure
        )
        return answer

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        _same_site(request)
        sessions.end(request.cookies)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    @router.get("/campaigns")
    async def campaigns(request: Request) -> Response:
        token = sessions.token(request.cookies)
        if token is None:
            return RedirectResponse("/login", 303)
        return page(campaigns_page(service, token, dashboard=gate.config.dashboard))

    @router.get("/campaigns/{study}/report")
    async def report(request: Request, study: str) -> Response:
        token = sessions.token(request.cookies)
        if token is None:
            return RedirectResponse("/login", 303)
        from lamarr.tuning.report import report_html
        from lamarr.tuning.views import study_view, trial_view

        campaign = service.campaign(token, study)
        trials = service.store.get_all_trials(campaign.number, deepcopy=False)
        rows = [trial_view(campaign, t) for t in trials]
        return page(report_html(study_view(service, campaign), rows))

    return router


def _same_site(request: Request) -> None:
    """Refuse forms that another site made the browser send."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise problem("scope", "this form must be sent from the page of this server")


class GuardedDashboard:
    """ASGI: the dashboard for those who are logged in; reading only, unless the server was told otherwise."""

    def __init__(self, make: Callable[[], ASGIApp], gate: Gate, sessions: Sessions) -> None:
        self._make, self._gate, self._sessions = make, gate, sessions
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def _dashboard(self) -> ASGIApp:
        """Make the dashboard when it is first asked for: its imports take longer than all of the server's."""
        async with self._making:
            if self._app is None:
                self._app = await asyncio.get_running_loop().run_in_executor(None, self._make)
        return self._app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except TuningError as error:
            answer = error_response(error)
        if answer is not None:
            await answer(scope, receive, send)
            return
        marker = current_token.set(self._sessions.token(request.cookies))
        try:
            await (await self._dashboard())(scope, receive, send)
        finally:
            current_token.reset(marker)

    async def _answer(self, request: Request) -> Response | None:
        """Make an answer of ours instead of the dashboard's, or None."""
        path = request.url.path
        token = self._sessions.token(request.cookies)
        if token is None:
            if path == "/" or path.startswith("/dashboard"):
                return RedirectResponse("/login", 303)
            if request.method in ("GET", "HEAD") and path.startswith(("/static/", "/favicon")):
                return error_response(problem("unknown_token", "log in at /login"))
            raise problem("unknown_token", "log in at /login; programs use /api/v1 with a token")
        number = study_of_path(path)
        if number is not None:
            self._visible(token, number)
        if request.method not in ("GET", "HEAD"):
            return await self._write(request, token, number)
        return None

    def _visible(self, token: Token, number: int) -> Any:
        campaign = self._gate.service.by_number(number)
        if campaign is None or not (token.sees_all or campaign.allows(token.user, "read")):
            raise problem("not_found", "no such study, or it was not shared with you")
        return campaign

    async def _write(self, request: Request, token: Token, number: int | None) -> Response | None:
        if not self._gate.config.dashboard_writable:
            raise problem("scope", "the dashboard is read-only; start the server with --dashboard-writable")
        if not token.allows("admin"):
            raise problem("scope", f"this needs a token with scope admin, yours has {token.scopes}")
        _same_site(request)
        path = request.url.path.rstrip("/")
        if number is not None and request.method == "DELETE" and path == f"/api/studies/{number}":
            service = self._gate.service
            service.remove(token, service.owned(token, self._visible(token, number).id))
            await self._gate.committed()
            return json_response({}, 200)
        if number is not None and request.method == "PUT" and path.endswith("/note"):
            return None
        raise problem("scope", "the dashboard may delete studies and write notes; nothing else")

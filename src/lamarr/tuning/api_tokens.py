"""Version 1 of the HTTP interface: tokens and the audit log."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from lamarr.tuning.http import Gate, json_response
from lamarr.tuning.needs import Admin
from lamarr.tuning.problems import problem
from lamarr.tuning.schemas import NewToken
from lamarr.tuning.tokens import Token, new_token, revoke

__all__ = ["add_tokens", "token_view"]


def token_view(token: Token) -> dict[str, Any]:
    """Describe a token, without its secret."""
    now = time.time()
    live = token.revoked is None and (token.expires is None or token.expires > now)
    keys = ("id", "user", "name", "created", "expires", "revoked", "used", "operator")
    return {**{k: getattr(token, k) for k in keys}, "scope": token.scopes, "live": live}


def add_tokens(router: APIRouter, gate: Gate) -> None:
    """Add the endpoints of tokens and of the audit log."""
    service = gate.service

    @router.get("/tokens", tags=["tokens"])
    async def list_tokens(token: Admin) -> Response:
        """Tokens of one's own; of all users for an operator. Never their secrets."""
        mine = [t for t in service.tokens.all() if token.sees_all or t.user == token.user]
        return json_response([token_view(t) for t in mine])

    @router.post("/tokens", tags=["tokens"])
    async def make_token(token: Admin, body: NewToken) -> Response:
        """Make a token for oneself; operators make them for others too. The answer alone shows it."""
        user = body.user or token.user
        if user != token.user and not token.sees_all:
            raise problem("scope", "only an operator makes tokens for others")
        made = new_token(service.engine, user, name=_clean(body.name), scope=body.scope, days=body.days)
        service.tokens.refresh(force=True)
        service.audit(token, "create token", f"{made[7:15]} for {user}, scope {body.scope}")
        await gate.committed()
        return json_response({"token": made, "id": made[7:15], "user": user, "scope": body.scope})

    @router.delete("/tokens/{id_}", tags=["tokens"])
    async def revoke_token(token: Admin, id_: Annotated[str, Path(pattern=r"^[0-9a-f]{8}$")]) -> Response:
        """Revoke a token at once and for ever."""
        mine = {t.id for t in service.tokens.all() if token.sees_all or t.user == token.user}
        if id_ not in mine:
            raise problem("not_found", "no such token of yours; see GET /api/v1/tokens")
        revoke(service.engine, id_)
        service.tokens.refresh(force=True)
        service.audit(token, "revoke token", id_)
        await gate.committed()
        return json_response({"revoked": id_})

    @router.get("/audit", tags=["server"])
    async def audit(token: Admin, limit: Annotated[int, Query(ge=1, le=10_000)] = 200) -> Response:
        """Read the audit log, newest first; operators see all of it, others what their tokens did."""
        await gate.committed()
        rows = service.audit_log(limit)
        return json_response([r for r in rows if token.sees_all or r["user"] == token.user])


def _clean(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()

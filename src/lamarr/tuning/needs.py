"""Tokens of requests as dependencies: `Read`, `Work` and `Admin` check the header `Authorization`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lamarr.tuning.http import Gate
from lamarr.tuning.problems import problem
from lamarr.tuning.tokens import Token

__all__ = ["Admin", "Read", "Work"]

_bearer = HTTPBearer(auto_error=False, description="a token made by `lamarr tune token create`")


def _need(scope: str) -> Any:
    async def token(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Token:
        if credentials is None:
            raise problem("unknown_token", "send a token in the header `Authorization: Bearer TOKEN`")
        gate: Gate = request.app.state.gate
        return gate.token(credentials.credentials, scope, request.client.host if request.client else "-")

    return Depends(token)


Read = Annotated[Token, _need("read")]
Work = Annotated[Token, _need("work")]
Admin = Annotated[Token, _need("admin")]

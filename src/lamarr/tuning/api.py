"""Version 1 of the HTTP interface: token in the header, typed bodies, described by OpenAPI."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lamarr._version import __version__
from lamarr.tuning import actions, work
from lamarr.tuning.campaign import DIRECTIONS, Definition, Settings
from lamarr.tuning.http import Gate, json_response
from lamarr.tuning.problems import problem
from lamarr.tuning.schemas import (
    Access,
    AskBody,
    Change,
    FailBody,
    LeaseBody,
    NewToken,
    ReportBody,
    StrategyBody,
    StudyBody,
    SuggestBody,
    TellBody,
    problems,
)
from lamarr.tuning.strategies import PRUNERS, SAMPLERS, parse_strategy
from lamarr.tuning.tokens import Token, new_token, revoke
from lamarr.tuning.views import best_trials, study_view, trial_view, working

__all__ = ["API_VERSION", "api_router"]

API_VERSION = 1
_bearer = HTTPBearer(auto_error=False, description="a token made by `lamarr tune token create`")
StudyId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Number = Annotated[int, Path(ge=0, lt=2**31)]


def api_router(gate: Gate) -> APIRouter:
    """All endpoints under /api/v1."""
    router = APIRouter(prefix="/api/v1", responses=problems())
    _add_info(router, gate)
    _add_studies(router, gate)
    _add_trials(router, gate)
    _add_tokens(router, gate)
    return router


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


def _add_info(router: APIRouter, gate: Gate) -> None:
    @router.get("/info", tags=["server"])
    async def info() -> Response:
        """Version of the server and what it can do; needs no token."""
        return json_response(
            {
                "version": __version__,
                "api": [API_VERSION],
                "samplers": sorted(SAMPLERS),
                "pruners": sorted(PRUNERS),
                "directions": list(DIRECTIONS),
                "heartbeat": gate.config.heartbeat,
            }
        )

    @router.get("/me", tags=["server"])
    async def me(token: Read) -> Response:
        """Whose token this is and what it allows."""
        return json_response(_token_view(token))


def _definition(body: StudyBody, default_heartbeat: float) -> Definition:
    return Definition(
        name=body.name,
        properties=body.properties,
        space=body.space,
        directions=list(body.directions),
        sampler=_strategy("sampler", body.sampler),
        pruner=_strategy("pruner", body.pruner),
        settings=Settings(
            heartbeat=body.heartbeat or default_heartbeat, attempts=body.attempts, max_trials=body.max_trials
        ),
    )


def _strategy(what: str, body: StrategyBody | None) -> Any:
    return parse_strategy(what, body.model_dump() if body else None)


def _add_studies(router: APIRouter, gate: Gate) -> None:
    service = gate.service

    @router.post("/studies", tags=["studies"])
    async def open_study(token: Work, body: StudyBody) -> Response:
        """Make a study, or join the one with the same name and properties."""
        campaign, new = service.open_study(token, _definition(body, gate.config.heartbeat))
        await gate.committed()
        return json_response({**study_view(service, campaign), "new": new})

    @router.get("/studies", tags=["studies"])
    async def list_studies(token: Read) -> Response:
        """All studies that the token may see."""
        return json_response([study_view(service, c) for c in service.visible(token)])

    @router.get("/studies/{study}", tags=["studies"])
    async def show_study(token: Read, study: StudyId) -> Response:
        """One study, and who works on it."""
        campaign = service.campaign(token, study)
        return json_response({**study_view(service, campaign), "working": working(service, campaign)})

    @router.patch("/studies/{study}", tags=["studies"])
    async def change_study(token: Work, study: StudyId, body: Change) -> Response:
        """Change the sampler, the pruner or settings of a running study; its owner may."""
        campaign = service.owned(token, study)
        changes = body.model_dump(exclude_none=True)
        service.change(token, campaign, changes)
        await gate.committed()
        return json_response(study_view(service, campaign))

    @router.delete("/studies/{study}", tags=["studies"])
    async def delete_study(token: Admin, study: StudyId) -> Response:
        """Delete a study and all its trials for ever; its owner may, with a token of scope admin."""
        service.remove(token, service.owned(token, study))
        await gate.committed()
        return json_response({"deleted": study})

    @router.put("/studies/{study}/shares/{user}", tags=["studies"])
    async def share(token: Admin, study: StudyId, user: str, body: Access) -> Response:
        """Let another user read a study, or work on it."""
        campaign = service.owned(token, study)
        service.share(token, campaign, user, body.access)
        await gate.committed()
        return json_response({"study": study, "shares": campaign.shares})

    @router.delete("/studies/{study}/shares/{user}", tags=["studies"])
    async def unshare(token: Admin, study: StudyId, user: str) -> Response:
        """Take a share back."""
        campaign = service.owned(token, study)
        service.share(token, campaign, user, None)
        await gate.committed()
        return json_response({"study": study, "shares": campaign.shares})

    @router.get("/studies/{study}/best", tags=["studies"])
    async def best(token: Read, study: StudyId) -> Response:
        """Give the best trial, or the Pareto front where there are several objectives."""
        campaign = service.campaign(token, study)
        return json_response([trial_view(campaign, t) for t in best_trials(service, campaign)])


def _add_trials(router: APIRouter, gate: Gate) -> None:
    service = gate.service
    one = "/studies/{study}/trials/{number}"

    @router.get("/studies/{study}/trials", tags=["trials"])
    async def list_trials(
        token: Read,
        study: StudyId,
        first: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> Response:
        """Trials `first`, `first + 1`, … of a study, at most `limit`."""
        campaign = service.campaign(token, study)
        trials = service.store.get_all_trials(campaign.number, deepcopy=False)
        return json_response([trial_view(campaign, t) for t in trials[first : first + limit]])

    @router.get(one, tags=["trials"])
    async def show_trial(token: Read, study: StudyId, number: Number) -> Response:
        """One trial."""
        campaign = service.campaign(token, study)
        return json_response(trial_view(campaign, work.find(service, campaign, number, "not_found")))

    @router.post("/studies/{study}/trials", tags=["trials"])
    async def ask(token: Work, study: StudyId, body: AskBody) -> Response:
        """Get a trial to work on."""
        return json_response(await actions.ask(gate, token, study, body))

    @router.post(one + "/suggest", tags=["trials"])
    async def suggest(token: Work, study: StudyId, number: Number, body: SuggestBody) -> Response:
        """Get a value for a parameter that the study has not declared."""
        return json_response(await actions.suggest(gate, token, study, number, body))

    @router.post(one + "/report", tags=["trials"])
    async def report(token: Work, study: StudyId, number: Number, body: ReportBody) -> Response:
        """Report an intermediate value; the answer says whether to stop."""
        return json_response(await actions.report(gate, token, study, number, body))

    @router.post(one + "/heartbeat", tags=["trials"])
    async def heartbeat(token: Work, study: StudyId, number: Number, body: LeaseBody) -> Response:
        """Say that the client lives and works on the trial."""
        return json_response(await actions.heartbeat(gate, token, study, number, body))

    @router.post(one + "/tell", tags=["trials"])
    async def tell(token: Work, study: StudyId, number: Number, body: TellBody) -> Response:
        """Finish a trial with its value(s), or as pruned. Repeating the same is harmless."""
        return json_response(await actions.tell(gate, token, study, number, body))

    @router.post(one + "/fail", tags=["trials"])
    async def fail(token: Work, study: StudyId, number: Number, body: FailBody) -> Response:
        """Mark a trial as failed."""
        return json_response(await actions.fail(gate, token, study, number, body))


def _token_view(token: Token) -> dict[str, Any]:
    now = time.time()
    live = token.revoked is None and (token.expires is None or token.expires > now)
    keys = ("id", "user", "name", "created", "expires", "revoked", "used", "operator")
    return {**{k: getattr(token, k) for k in keys}, "scope": token.scopes, "live": live}


def _add_tokens(router: APIRouter, gate: Gate) -> None:
    service = gate.service

    @router.get("/tokens", tags=["tokens"])
    async def list_tokens(token: Admin) -> Response:
        """Tokens of one's own; of all users for an operator. Never their secrets."""
        mine = [t for t in service.tokens.all() if token.sees_all or t.user == token.user]
        return json_response([_token_view(t) for t in mine])

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

"""Version 1 of the HTTP interface: token in the header, typed bodies, described by OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from lamarr._version import __version__
from lamarr.tuning import actions, work
from lamarr.tuning.api_tokens import add_tokens, token_view
from lamarr.tuning.campaign import DIRECTIONS, Definition, Settings
from lamarr.tuning.http import Gate, json_response
from lamarr.tuning.needs import Admin, Read, Work
from lamarr.tuning.schemas import (
    Access,
    AskBody,
    Change,
    FailBody,
    LeaseBody,
    ReportBody,
    StrategyBody,
    StudyBody,
    SuggestBody,
    TellBody,
    problems,
)
from lamarr.tuning.strategies import PRUNERS, SAMPLERS, parse_strategy
from lamarr.tuning.views import best_trials, study_view, trial_view, working

__all__ = ["API_VERSION", "api_router"]

API_VERSION = 1
StudyId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Number = Annotated[int, Path(ge=0, lt=2**31)]


def api_router(gate: Gate) -> APIRouter:
    """All endpoints under /api/v1."""
    router = APIRouter(prefix="/api/v1", responses=problems())
    _add_info(router, gate)
    _add_studies(router, gate)
    _add_trials(router, gate)
    add_tokens(router, gate)
    return router


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
        return json_response(token_view(token))


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

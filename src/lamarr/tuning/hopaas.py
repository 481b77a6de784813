"""The endpoints of Hopaas, as its public client calls them: the token in the path, suggestions as strings.

A study is known by everything that the client sends except special properties (keys that start with an
underscore), which become attributes of the trial. The client sends no heartbeat and, after `should_prune`
was true, nothing more: such a trial is finished as pruned at once.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from lamarr._version import __version__
from lamarr.tuning import work
from lamarr.tuning.campaign import Campaign, Definition, Settings, canonical, identity
from lamarr.tuning.http import Gate, json_response
from lamarr.tuning.problems import problem
from lamarr.tuning.schemas import HopaasAsk, HopaasFail, HopaasPrune, HopaasTell, body_of, problems
from lamarr.tuning.space import is_suggestion, parse_suggestion
from lamarr.tuning.strategies import parse_strategy
from lamarr.tuning.tokens import Token

_OnTrial = HopaasTell | HopaasPrune | HopaasFail

__all__ = ["Hopaas", "hopaas_router"]


def _definition(body: Mapping[str, Any], heartbeat: float) -> tuple[Definition, dict[str, Any]]:
    """Read what an `ask` of the client defines: the study, and the special properties of the trial."""
    config = body.get("hopaas_config")
    if not isinstance(config, Mapping) or not isinstance(config.get("title"), str):
        raise problem(
            "bad_request", "expected hopaas_config: {title, direction, sampler, pruner} in the body"
        )
    if "hopaas_trial" in body:
        raise problem("bad_request", "'hopaas_trial' is a name of the protocol; call the property otherwise")
    properties = {k: v for k, v in body.items() if k != "hopaas_config" and not k.startswith("_")}
    special = {k[1:]: v for k, v in body.items() if k.startswith("_")}
    canonical("the special properties", special)
    ranges = {k: parse_suggestion(k, v) for k, v in body.items() if is_suggestion(v)}
    definition = Definition(
        name=config["title"],
        properties=properties,
        space=ranges,
        directions=_directions(config.get("direction", "minimize")),
        sampler=parse_strategy("sampler", _strategy(config.get("sampler"))),
        pruner=parse_strategy("pruner", _strategy(config.get("pruner"))),
        settings=Settings(heartbeat=heartbeat),
    )
    return definition, special


def _directions(value: object) -> list[str]:
    directions = value if isinstance(value, list) else [value]
    if not all(isinstance(d, str) for d in directions):
        raise problem("bad_request", "hopaas_config.direction must be minimize or maximize")
    return [str(d) for d in directions]


def _strategy(value: object) -> dict[str, Any] | str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("args", {}), dict | None):
        return value
    raise problem("bad_request", "a sampler or pruner is {name, args}")


def _split(name: str) -> tuple[str, int]:
    study, colon, number = name.partition(":")
    if not colon or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise problem("bad_request", f"hopaas_trial must be 'study:number', got {name[:60]!r}")
    return study, int(number)


class Hopaas:
    """What the four POST endpoints do."""

    def __init__(self, gate: Gate) -> None:
        self._gate, self._service = gate, gate.service
        self._actions: dict[str, tuple[type[_OnTrial], Callable[..., Awaitable[Any]]]] = {
            "tell": (HopaasTell, self._tell),
            "should_prune": (HopaasPrune, self._should_prune),
            "mark_as_failed": (HopaasFail, self._mark_as_failed),
        }

    async def act(self, name: str, token: str, remote: str, raw: bytes) -> Any:
        """Serve the endpoint `name` for the token (as text) with the raw body; returns the JSON answer."""
        holder = self._gate.token(token, "work", remote)
        if name == "ask":
            return await self._ask(holder, _object(raw))
        model, action = self._actions[name]
        told = model.read(raw)
        campaign, number = self.trial(holder, told.hopaas_trial)
        try:
            return await action(campaign, number, told)
        finally:
            await self._gate.committed()

    def trial(self, token: Token, name: str, access: str = "work") -> tuple[Campaign, int]:
        """Campaign and number of "study:number"."""
        study, number = _split(name)
        return self._service.campaign(token, study, access), number

    async def _ask(self, holder: Token, body: dict[str, Any]) -> Any:
        definition, special = _definition(body, self._gate.config.hopaas_heartbeat)
        strategies = [definition.directions, definition.sampler.dump(), definition.pruner.dump()]
        id_ = identity(holder.user, definition.name, definition.properties, "hopaas", *strategies)
        service = self._service
        campaign, _ = service.open_study(holder, definition, id_=id_)
        handout = await self._gate.sample(
            campaign, work.ask, service, holder, campaign, "hopaas_client", None
        )
        attrs = {k: v for k, v in special.items() if not is_suggestion(v)}
        if attrs:
            service.store.annotate(service.store.trial_id(campaign.number, handout.number), attrs)
        await self._gate.committed()
        return {**body, **handout.params, "hopaas_trial": f"{handout.study}:{handout.number}"}

    async def _tell(self, campaign: Campaign, number: int, told: HopaasTell) -> Any:
        loss = told.loss if isinstance(told.loss, list) else [told.loss]
        return {"hopaas_trial": told.hopaas_trial, "new": work.tell(self._service, campaign, number, loss)}

    async def _should_prune(self, campaign: Campaign, number: int, told: HopaasPrune) -> Any:
        report = (self._service, campaign, number, told.step, told.loss, None)
        prune = await self._gate.prune(campaign, work.report, *report)
        if prune:
            work.tell(self._service, campaign, number, None, "pruned")
        return prune

    async def _mark_as_failed(self, campaign: Campaign, number: int, told: HopaasFail) -> Any:
        new = work.fail(self._service, campaign, number, told.error)
        return {"hopaas_trial": told.hopaas_trial, "new": new}


_DESCRIBED = (
    ("ask", HopaasAsk, "Get a trial"),
    ("tell", HopaasTell, "Tell the loss of a finished trial"),
    ("should_prune", HopaasPrune, "Report an intermediate loss; the answer says whether to stop"),
    ("mark_as_failed", HopaasFail, "The trial came to nothing"),
)


def hopaas_router(gate: Gate) -> APIRouter:
    """Make the six endpoints; see the module."""
    router, hopaas = APIRouter(prefix="/api", tags=["hopaas"]), Hopaas(gate)
    answers: dict[int | str, dict[str, Any]] = problems()

    def add(name: str, model: type[HopaasAsk | HopaasTell | HopaasPrune | HopaasFail], said: str) -> None:
        @router.post(f"/{name}/{{token}}", responses=answers, openapi_extra=body_of(model), summary=said)
        async def act(token: str, request: Request) -> Response:
            remote = request.client.host if request.client else "-"
            return json_response(await hopaas.act(name, token, remote, await request.body()))

    for name, model, said in _DESCRIBED:
        add(name, model, said)

    @router.get("/version", response_class=PlainTextResponse, summary="Version of the server, as text")
    async def version() -> Response:
        return PlainTextResponse(__version__)

    @router.get(
        "/get_best_trial/{token}",
        responses=answers,
        response_class=PlainTextResponse,
        summary="Name of the best trial of the study that a trial belongs to, as text",
    )
    async def get_best_trial(token: str, request: Request, hopaas_trial: str) -> Response:
        holder = gate.token(token, "read", request.client.host if request.client else "-")
        campaign, _ = hopaas.trial(holder, hopaas_trial, "read")
        if len(campaign.definition.directions) > 1:
            raise problem("bad_request", "a study with several objectives has no single best trial")
        try:
            best = gate.service.store.get_best_trial(campaign.number)
        except ValueError:
            raise problem("no_result", "no trial of this study is complete yet; tell one first") from None
        return PlainTextResponse(f"{campaign.id}:{best.number}")

    return router


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise problem("bad_request", "the body is not JSON; send one JSON object") from None
    if not isinstance(body, dict):
        raise problem("bad_request", "the body must be a JSON object")
    return body

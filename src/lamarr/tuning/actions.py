"""What the endpoints of a trial do: one coroutine per endpoint, called by the API and by the short way.

Each takes the body as the interface describes it and returns what is sent back as JSON; each waits until
what it has changed is on disk.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

from lamarr.tuning import work
from lamarr.tuning.campaign import canonical
from lamarr.tuning.http import Gate
from lamarr.tuning.schemas import AskBody, FailBody, LeaseBody, ReportBody, SuggestBody, TellBody
from lamarr.tuning.tokens import Token

__all__ = ["ON_TRIAL", "ask", "fail", "heartbeat", "report", "suggest", "tell"]


async def ask(gate: Gate, token: Token, study: str, body: AskBody) -> dict[str, Any]:
    """Get a trial to work on."""
    service = gate.service
    campaign = service.campaign(token, study, "work")
    handout = await gate.sample(campaign, work.ask, service, token, campaign, body.worker, body.request)
    await gate.committed()
    return dict(vars(handout))


async def suggest(gate: Gate, token: Token, study: str, number: int, body: SuggestBody) -> dict[str, Any]:
    """Get a value for a parameter that the study has not declared."""
    service = gate.service
    campaign = service.campaign(token, study, "work")
    value = await gate.sample(
        campaign, work.suggest, service, campaign, number, body.name, body.range, body.lease
    )
    await gate.committed()
    return {"name": body.name, "value": value}


async def report(gate: Gate, token: Token, study: str, number: int, body: ReportBody) -> dict[str, Any]:
    """Report an intermediate value; the answer says whether to stop."""
    service = gate.service
    campaign = service.campaign(token, study, "work")
    value = math.nan if body.value is None else body.value
    prune = await gate.prune(campaign, work.report, service, campaign, number, body.step, value, body.lease)
    await gate.committed()
    return {"prune": prune}


async def heartbeat(gate: Gate, token: Token, study: str, number: int, body: LeaseBody) -> dict[str, Any]:
    """Say that the client lives and works on the trial."""
    campaign = gate.service.campaign(token, study, "work")
    work.heartbeat(gate.service, campaign, number, body.lease)
    return {"heartbeat": campaign.settings.heartbeat}


async def tell(gate: Gate, token: Token, study: str, number: int, body: TellBody) -> dict[str, Any]:
    """Finish a trial with its value(s), or as pruned. Repeating the same is harmless."""
    campaign = gate.service.campaign(token, study, "work")
    if body.attrs:
        canonical("the attributes", body.attrs)
    try:
        new = work.tell(gate.service, campaign, number, body.values, body.state, body.attrs)
    finally:
        await gate.committed()
    return {"new": new}


async def fail(gate: Gate, token: Token, study: str, number: int, body: FailBody) -> dict[str, Any]:
    """Mark a trial as failed."""
    campaign = gate.service.campaign(token, study, "work")
    new = work.fail(gate.service, campaign, number, body.error)
    await gate.committed()
    return {"new": new}


ON_TRIAL: dict[str, tuple[type[LeaseBody], Callable[..., Awaitable[dict[str, Any]]]]] = {
    "suggest": (SuggestBody, suggest),
    "report": (ReportBody, report),
    "heartbeat": (LeaseBody, heartbeat),
    "tell": (TellBody, tell),
    "fail": (FailBody, fail),
}
"""Last part of the path under a trial → body and action."""

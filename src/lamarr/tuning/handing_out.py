"""Hand out trials: one that a dead client left, else a new one from the sampler."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from lamarr.tuning.campaign import Campaign, clean_text
from lamarr.tuning.grid import ExclusiveGrid
from lamarr.tuning.problems import problem
from lamarr.tuning.quickrandom import QuickRandom
from lamarr.tuning.service import Service
from lamarr.tuning.store import Lease
from lamarr.tuning.tokens import Token
from lamarr.tuning.trials import find, touch

__all__ = ["Handout", "ask", "open_trial"]

MAX_TRIALS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Handout:
    """A trial as it is given to a client."""

    study: str
    number: int
    params: Mapping[str, Any]
    lease: str
    attempt: int
    heartbeat: float


def ask(service: Service, token: Token, campaign: Campaign, worker: str, request: str | None) -> Handout:
    """Hand out a trial: one that a dead client left, else a new one.

    `request` names the request: if its answer was lost, the same request gets the same trial again.
    Raises TuningError ("closed", "exhausted", "storage").
    """
    if service.committer.failure is not None:
        raise service.committer.failure
    clean_text("the name of the worker", worker, 200)
    if request is not None:
        clean_text("the name of the request", request, 64)
    with campaign.sampling:
        while True:
            with campaign.lock:
                if request is not None and request in campaign.requests:
                    return _handout(service, campaign, campaign.requests[request])
                _check_open(service, campaign)
                number = _returned(service, campaign)
            number = _sampled(service, campaign, number)
            with campaign.lock:
                if _lease(service, token, campaign, number, worker, request):
                    return _handout(service, campaign, number)


def _lease(
    service: Service, token: Token, campaign: Campaign, number: int, worker: str, request: str | None
) -> bool:
    """Write down who has the trial; False if a late result has finished it in the meantime."""
    if find(service, campaign, number).state.is_finished():
        return False
    campaign.leases[number] = Lease(
        worker=worker,
        token=token.id,
        attempt=campaign.leases[number].attempt + 1,
        seen=time.monotonic(),
        lease=secrets.token_hex(8),
        request=request,
    )
    campaign.held.add(number)
    if request is not None:
        campaign.requests[request] = number
    touch(service, campaign, number)
    return True


def _check_open(service: Service, campaign: Campaign) -> None:
    if service.campaigns.get(campaign.id) is not campaign:
        raise problem("not_found", "the study was deleted")
    if campaign.settings.closed:
        raise problem(
            "closed", f"the study {campaign.definition.name!r} is closed; its owner can open it again"
        )
    if campaign.returned:
        return
    limit, reason = campaign.settings.max_trials or MAX_TRIALS, "trials of the campaign"
    if isinstance(campaign.study.sampler, ExclusiveGrid) and campaign.study.sampler.n_points <= limit:
        limit, reason = campaign.study.sampler.n_points, "points of the grid"
    if service.store.n_trials(campaign.number) >= limit:
        busy = len(campaign.held)
        more = f"; {busy} are still being worked on, ask again in case one comes back" if busy else ""
        wait = min(campaign.settings.heartbeat / 2, 5.0) if busy else None
        raise problem("exhausted", f"all {limit} {reason} have been handed out{more}", wait)


def _returned(service: Service, campaign: Campaign) -> int | None:
    """Take the number of a trial that waits for a new worker, put back to its start."""
    while campaign.returned:
        number = campaign.returned.popleft()
        trial = find(service, campaign, number)
        if trial.state == TrialState.RUNNING:
            service.store.restart(trial._trial_id)
            campaign.open_trials.pop(number, None)
            return number
    return None


def _sampled(service: Service, campaign: Campaign, number: int | None) -> int:
    """Give trial `number`, or a new one, values for all declared parameters that it has not got."""
    sampler = campaign.study.sampler
    if number is None and isinstance(sampler, QuickRandom | ExclusiveGrid):
        return _quickly_sampled(service, campaign, sampler)
    if number is None:
        trial = campaign.study.ask()
        campaign.leases[trial.number] = Lease(attempt=0, held=False)
        campaign.open_trials[trial.number] = trial
    else:
        frozen = find(service, campaign, number)
        if not campaign.distributions.keys() - frozen.params.keys():
            return number
        trial = open_trial(campaign, frozen)
    try:
        _suggest_declared(campaign, trial)
    except BaseException:
        # not lost: the next client gets the trial, and with it the values it has already
        campaign.returned.append(trial.number)
        raise
    return trial.number


def _quickly_sampled(service: Service, campaign: Campaign, sampler: QuickRandom | ExclusiveGrid) -> int:
    """Make a trial whose values do not depend on other trials, in one step."""
    trial = service.store.new_trial(campaign.number)
    campaign.leases[trial.number] = Lease(attempt=0, held=False)
    if isinstance(sampler, ExclusiveGrid):
        values = sampler.point(trial.number)
    else:
        values = sampler.draw(campaign.distributions)
    service.store.set_params(trial._trial_id, values, campaign.distributions)
    return trial.number


def _suggest_declared(campaign: Campaign, trial: optuna.Trial) -> None:
    for name, distribution in campaign.distributions.items():
        trial._suggest(name, distribution)


def open_trial(campaign: Campaign, trial: FrozenTrial) -> optuna.Trial:
    """Optuna's object for a running trial; made anew after a restart of the server."""
    if trial.number not in campaign.open_trials:
        campaign.open_trials[trial.number] = optuna.Trial(campaign.study, trial._trial_id)
    return campaign.open_trials[trial.number]


def _handout(service: Service, campaign: Campaign, number: int) -> Handout:
    lease, trial = campaign.leases[number], find(service, campaign, number)
    return Handout(
        study=campaign.id,
        number=number,
        params=dict(trial.params),
        lease=lease.lease or "",
        attempt=lease.attempt,
        heartbeat=campaign.settings.heartbeat,
    )

"""Work on trials: ask, suggest, report, tell, fail, heartbeat, and taking trials back from dead clients.

All functions change the studies in memory and register the change; the caller then waits for
``service.committer.committed()`` before it answers.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from lamarr.tuning import tables
from lamarr.tuning.campaign import Campaign, clean_text
from lamarr.tuning.grid import ExclusiveGrid
from lamarr.tuning.problems import TuningError, problem
from lamarr.tuning.quickrandom import QuickRandom
from lamarr.tuning.service import Service
from lamarr.tuning.space import MAX_PARAMETERS, Categorical, Float, Int, to_optuna
from lamarr.tuning.store import Lease
from lamarr.tuning.tokens import Token

__all__ = ["Handout", "ask", "fail", "find", "heartbeat", "reclaim", "report", "suggest", "tell"]

_log = logging.getLogger("lamarr.tuning")
MAX_TRIALS = 1_000_000
GIVEN_UP = "lamarr:given_up"


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
    _touch(service, campaign, number)
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
        trial = _open_trial(campaign, frozen)
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


def _open_trial(campaign: Campaign, trial: FrozenTrial) -> optuna.Trial:
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


def find(service: Service, campaign: Campaign, number: int, kind: str = "unknown_trial") -> FrozenTrial:
    """Find a trial; raises TuningError of the given kind."""
    try:
        return service.store.get_trial(service.store.trial_id(campaign.number, number))
    except KeyError:
        raise problem(
            kind,
            f"the study {campaign.id} has no trial {number}; tell only what `ask` has handed out",
        ) from None


def _touch(service: Service, campaign: Campaign, number: int) -> None:
    service.committer.touch(service.store.trial_id(campaign.number, number))


def _alive(service: Service, campaign: Campaign, number: int, lease: str | None) -> FrozenTrial:
    """Find a running trial held by `lease` (None: not checked); its holder has just shown that it lives."""
    trial = find(service, campaign, number)
    if trial.state.is_finished():
        raise problem("finished", f"trial {number} is finished ({trial.state.name.lower()}); ask for another")
    holder = campaign.leases[number]
    if lease is not None and lease != holder.lease:
        raise problem(
            "lease_lost",
            f"trial {number} was given to another worker after {campaign.settings.heartbeat:g} s without a "
            "sign of life; stop working on it (a final result would still be taken)",
        )
    holder.seen = time.monotonic()
    if not holder.held:
        holder.held = True
        campaign.held.add(number)
        if number in campaign.returned:
            campaign.returned.remove(number)
    return trial


def heartbeat(service: Service, campaign: Campaign, number: int, lease: str | None) -> None:
    """Note that the client lives. Raises TuningError ("finished", "lease_lost", "unknown_trial")."""
    with campaign.lock:
        _alive(service, campaign, number, lease)


def suggest(
    service: Service,
    campaign: Campaign,
    number: int,
    name: str,
    range_: Float | Int | Categorical,
    lease: str | None,
) -> Any:
    """Choose a value of parameter `name` for a running trial (define by run)."""
    with campaign.sampling:
        with campaign.lock:
            trial = _alive(service, campaign, number, lease)
            _check_range(campaign, trial, name, range_)
        try:
            value = _open_trial(campaign, trial)._suggest(name, to_optuna(range_))
        except UpdateFinishedTrialError:
            raise problem("finished", f"trial {number} was finished in the same moment") from None
        except TuningError:
            raise
        except ValueError as error:
            raise problem(
                "clash", f"{name[:80]!r} had another kind of range in this study: {error}"
            ) from None
        with campaign.lock:
            _touch(service, campaign, number)
        return value


def _check_range(
    campaign: Campaign, trial: FrozenTrial, name: str, range_: Float | Int | Categorical
) -> None:
    clean_text("the name of a parameter", name, 200)
    declared = campaign.definition.space.get(name)
    if declared is not None and declared != range_:
        there, here = declared.model_dump(), range_.model_dump()
        raise problem(
            "clash",
            f"{name[:80]!r} is declared as {there} in this study, asked for is {here}; use the same range",
        )
    if len(trial.params) >= MAX_PARAMETERS and name not in trial.params:
        raise problem("bad_space", f"a trial has at most {MAX_PARAMETERS} parameters")


def report(
    service: Service, campaign: Campaign, number: int, step: int, value: float, lease: str | None
) -> bool:
    """Take an intermediate value and say whether the trial should be pruned."""
    if not 0 <= step < 2**63:
        raise problem("bad_request", f"0 <= step < 2**63 must hold, but got (step={step})")
    if len(campaign.definition.directions) > 1:
        raise problem("bad_request", "a study with several objectives takes no intermediate values")
    with campaign.lock:
        trial = find(service, campaign, number)
        if trial.state == TrialState.PRUNED:
            return True
        trial = _alive(service, campaign, number, lease)
        if len(trial.intermediate_values) >= 100_000:
            raise problem("too_large", "a trial takes at most 100,000 intermediate values; report less often")
        service.store.set_trial_intermediate_value(trial._trial_id, step, value)
        service.committer.write(
            tables.steps,
            {
                "study": campaign.id,
                "number": number,
                "attempt": campaign.leases[number].attempt,
                "step": step,
                "value": None if math.isnan(value) else value,
            },
        )
        _touch(service, campaign, number)
    return bool(campaign.study.pruner.prune(campaign.study, service.store.get_trial(trial._trial_id)))


def tell(
    service: Service,
    campaign: Campaign,
    number: int,
    values: Sequence[float] | None,
    state: str = "complete",
    attrs: Mapping[str, Any] | None = None,
) -> bool:
    """Finish a trial: state "complete" with values, "pruned" or "fail". True if it was new.

    Telling the same again changes nothing and returns False. A worker that had lost its trial to another
    one may still tell: the first result counts. Raises TuningError ("finished", "not_a_number").
    """
    with campaign.lock:
        trial = find(service, campaign, number)
        if trial.state.is_finished() and GIVEN_UP not in trial.user_attrs:
            return _repeated(service, campaign, trial, values, state)
        target = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "fail": TrialState.FAIL}[
            state
        ]
        if target == TrialState.COMPLETE:
            values = _checked(service, campaign, number, values)
        if trial.state.is_finished():
            if target != TrialState.COMPLETE:
                return False
            service.store.restart(trial._trial_id)
        if attrs:
            service.store.annotate(trial._trial_id, attrs)
        _finish(service, campaign, number, target, values)
        return True


def _finish(
    service: Service, campaign: Campaign, number: int, state: TrialState, values: Sequence[float] | None
) -> None:
    study, trial = campaign.study, find(service, campaign, number)
    if state == TrialState.PRUNED:
        last = trial.intermediate_values[trial.last_step] if trial.last_step is not None else math.nan
        values = None if math.isnan(last) else [last]
    try:
        # what `Study.tell` does, without its two deep copies of the trial
        study.sampler.after_trial(study, trial, state, values)
        service.store.set_trial_state_values(trial._trial_id, state, values)
    except UpdateFinishedTrialError:
        raise problem("finished", f"trial {number} was finished in the same moment") from None
    campaign.held.discard(number)
    campaign.open_trials.pop(number, None)
    lease = campaign.leases[number]
    lease.held = False
    if lease.request is not None:
        campaign.requests.pop(lease.request, None)
    if number in campaign.returned:
        campaign.returned.remove(number)
    _touch(service, campaign, number)


def _repeated(
    service: Service, campaign: Campaign, trial: FrozenTrial, values: Sequence[float] | None, state: str
) -> bool:
    same = trial.state.name.lower() == state
    if state == "complete":
        same = same and values is not None and trial.values == list(values)
    if same:
        _touch(service, campaign, trial.number)  # the first answer may have been lost with the disk full
        return False
    had = "" if trial.state != TrialState.COMPLETE else f" with {trial.values}"
    raise problem(
        "finished",
        f"trial {trial.number} is already {trial.state.name.lower()}{had}; only the same may be told again",
    )


def _checked(
    service: Service, campaign: Campaign, number: int, values: Sequence[float] | None
) -> Sequence[float]:
    wanted = len(campaign.definition.directions)
    if values is None or len(values) != wanted:
        got = 0 if values is None else len(values)
        raise problem("bad_request", f"the study has {wanted} objective(s), got {got} value(s)")
    if any(not math.isfinite(v) for v in values):
        _finish(service, campaign, number, TrialState.FAIL, None)
        raise problem(
            "not_a_number",
            f"the objective of trial {number} is not finite; the trial was marked as failed: report a finite "
            "number, or mark it as failed yourself",
        )
    return [float(v) for v in values]


def fail(service: Service, campaign: Campaign, number: int, error: str) -> bool:
    """Mark a trial as failed with a reason; True if that was new."""
    return tell(service, campaign, number, None, "fail", {"error": error[:2000]})


def reclaim(service: Service, now: float | None = None) -> int:
    """Take trials back from clients without a sign of life; returns how many.

    A trial taken back goes, with the same parameters and number, to the next client that asks; after
    `settings.attempts` handouts it counts as failed.
    """
    now, taken = time.monotonic() if now is None else now, 0
    for campaign in list(service.campaigns.values()):
        late = now - campaign.settings.heartbeat
        for number in [n for n in list(campaign.held) if campaign.leases[n].seen < late]:
            with campaign.lock:
                taken += _take_back(service, campaign, number, late)
    return taken


def _take_back(service: Service, campaign: Campaign, number: int, late: float) -> bool:
    lease = campaign.leases[number]
    if number not in campaign.held or lease.seen >= late:
        return False
    campaign.held.discard(number)
    lease.held = False
    if lease.request is not None:
        campaign.requests.pop(lease.request, None)
    gave_up = lease.attempt >= campaign.settings.attempts
    if gave_up:
        trial_id = service.store.trial_id(campaign.number, number)
        reason = f"handed out {lease.attempt} times, and every worker fell silent"
        service.store.annotate(trial_id, {GIVEN_UP: True, "error": reason})
        _finish(service, campaign, number, TrialState.FAIL, None)
    else:
        campaign.returned.append(number)
    outcome = "failed" if gave_up else "waits for another worker"
    service.audit(None, "take back trial", f"{campaign.id}:{number} from {lease.worker}", outcome)
    return True

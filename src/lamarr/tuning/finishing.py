"""How trials end: told, failed, or taken back from a client that has fallen silent."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from lamarr.tuning.campaign import Campaign
from lamarr.tuning.problems import problem
from lamarr.tuning.service import Service
from lamarr.tuning.trials import find, touch

__all__ = ["fail", "reclaim", "tell"]

GIVEN_UP = "lamarr:given_up"


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
    touch(service, campaign, number)


def _repeated(
    service: Service, campaign: Campaign, trial: FrozenTrial, values: Sequence[float] | None, state: str
) -> bool:
    same = trial.state.name.lower() == state
    if state == "complete":
        same = same and values is not None and trial.values == list(values)
    if same:
        touch(service, campaign, trial.number)  # the first answer may have been lost with the disk full
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

"""What a client says of a trial that it works on: it lives, it needs a parameter, an intermediate value."""

from __future__ import annotations

import math
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from lamarr.tuning import tables
from lamarr.tuning.campaign import Campaign, clean_text
from lamarr.tuning.handing_out import open_trial
from lamarr.tuning.problems import TuningError, problem
from lamarr.tuning.service import Service
from lamarr.tuning.space import MAX_PARAMETERS, Categorical, Float, Int, to_optuna
from lamarr.tuning.trials import alive, find, touch

__all__ = ["heartbeat", "report", "suggest"]


def heartbeat(service: Service, campaign: Campaign, number: int, lease: str | None) -> None:
    """Note that the client lives. Raises TuningError ("finished", "lease_lost", "unknown_trial")."""
    with campaign.lock:
        alive(service, campaign, number, lease)


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
            trial = alive(service, campaign, number, lease)
            _check_range(campaign, trial, name, range_)
        try:
            value = open_trial(campaign, trial)._suggest(name, to_optuna(range_))
        except UpdateFinishedTrialError:
            raise problem("finished", f"trial {number} was finished in the same moment") from None
        except TuningError:
            raise
        except ValueError as error:
            raise problem(
                "clash", f"{name[:80]!r} had another kind of range in this study: {error}"
            ) from None
        with campaign.lock:
            touch(service, campaign, number)
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
        trial = alive(service, campaign, number, lease)
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
        touch(service, campaign, number)
    return bool(campaign.study.pruner.prune(campaign.study, service.store.get_trial(trial._trial_id)))

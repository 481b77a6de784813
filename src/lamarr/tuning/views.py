"""Studies and trials as plain JSON objects, for the API, the pages and the report."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from lamarr.tuning.campaign import Campaign
from lamarr.tuning.service import Service
from lamarr.tuning.space import dump

__all__ = ["best_trials", "study_view", "summary", "trial_view", "working"]


def study_view(service: Service, campaign: Campaign) -> dict[str, Any]:
    """Definition of a study and its numbers."""
    d = campaign.definition
    return {
        "id": campaign.id,
        "number": campaign.number,
        "owner": campaign.owner,
        "name": d.name,
        "properties": dict(d.properties),
        "space": dump(d.space),
        "directions": list(d.directions),
        "sampler": d.sampler.dump(),
        "pruner": d.pruner.dump(),
        "settings": d.settings.dump(),
        "shares": dict(campaign.shares),
        "created": campaign.created,
        **summary(service, campaign),
    }


def summary(service: Service, campaign: Campaign) -> dict[str, Any]:
    """Trials by state, trials finished within the last hour, and the best trials so far."""
    trials = service.store.get_all_trials(campaign.number, deepcopy=False)
    states = Counter(t.state.name.lower() for t in trials)
    hour_ago = time.time() - 3600
    recent = sum(
        t.datetime_complete is not None and t.datetime_complete.timestamp() > hour_ago for t in trials
    )
    best = [trial_view(campaign, t) for t in best_trials(service, campaign)[:20]]
    return {"trials": dict(states), "trials_last_hour": recent, "best": best}


def best_trials(service: Service, campaign: Campaign) -> list[FrozenTrial]:
    """Find the best complete trial, or the Pareto front where there are several objectives."""
    if len(campaign.definition.directions) > 1:
        return list(campaign.study.best_trials)
    try:
        return [service.store.get_best_trial(campaign.number)]
    except ValueError:
        return []


def trial_view(campaign: Campaign, trial: FrozenTrial) -> dict[str, Any]:
    """One trial with its holder. `state`: running, waiting, complete, pruned or fail."""
    lease = campaign.leases.get(trial.number)
    state = trial.state.name.lower()
    if trial.state == TrialState.RUNNING and not (lease and lease.held):
        state = "waiting"
    return {
        "study": campaign.id,
        "number": trial.number,
        "state": state,
        "values": None if trial.values is None else list(trial.values),
        "params": dict(trial.params),
        "intermediate": {str(k): v for k, v in sorted(trial.intermediate_values.items())},
        "attrs": dict(trial.user_attrs),
        "worker": lease.worker if lease else None,
        "token": lease.token if lease else None,
        "attempt": lease.attempt if lease else 0,
        "started": _seconds(trial.datetime_start),
        "ended": _seconds(trial.datetime_complete),
    }


def _seconds(when: Any) -> float | None:
    return None if when is None else when.timestamp()


def working(service: Service, campaign: Campaign) -> list[dict[str, Any]]:
    """Who works on which trial of a study, with the seconds since the last sign of life."""
    now, rows = time.monotonic(), []
    for number in sorted(campaign.held):
        try:
            trial = service.store.get_trial(service.store.trial_id(campaign.number, number))
        except KeyError:
            continue
        lease = campaign.leases[number]
        rows.append(
            {
                "study": campaign.id,
                "trial": number,
                "worker": lease.worker,
                "token": lease.token,
                "attempt": lease.attempt,
                "since": _seconds(trial.datetime_start),
                "silent": max(0.0, now - lease.seen),
            }
        )
    return rows

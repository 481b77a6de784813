"""Trials that are handed out: found, shown to be alive, marked as changed."""

from __future__ import annotations

import time

from optuna.trial import FrozenTrial

from lamarr.tuning.campaign import Campaign
from lamarr.tuning.problems import problem
from lamarr.tuning.service import Service

__all__ = ["alive", "find", "touch"]


def find(service: Service, campaign: Campaign, number: int, kind: str = "unknown_trial") -> FrozenTrial:
    """Find a trial; raises TuningError of the given kind."""
    try:
        return service.store.get_trial(service.store.trial_id(campaign.number, number))
    except KeyError:
        raise problem(
            kind,
            f"the study {campaign.id} has no trial {number}; tell only what `ask` has handed out",
        ) from None


def touch(service: Service, campaign: Campaign, number: int) -> None:
    """Register that a trial has changed."""
    service.committer.touch(service.store.trial_id(campaign.number, number))


def alive(service: Service, campaign: Campaign, number: int, lease: str | None) -> FrozenTrial:
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

"""Studies after a restart of the server: read from the database, trials that were at work included."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState
from sqlalchemy import select
from sqlalchemy.engine import Connection

from lamarr.tuning import tables
from lamarr.tuning.campaign import Campaign, Definition, Settings
from lamarr.tuning.space import parse_space
from lamarr.tuning.store import Lease, frozen_trial
from lamarr.tuning.strategies import parse_strategy

if TYPE_CHECKING:
    from lamarr.tuning.service import Service

__all__ = ["load_studies"]


def load_studies(service: Service) -> None:
    """Put all studies of the database into a new service."""
    with service.engine.connect() as c:
        for row in c.execute(select(tables.studies).order_by(tables.studies.c.number)).mappings().all():
            _load_study(service, c, dict(row))
        for row in c.execute(select(tables.shares)).mappings():
            if row["study"] in service.campaigns:
                service.campaigns[row["study"]].shares[row["user"]] = row["access"]


def _load_study(service: Service, connection: Connection, row: Mapping[str, Any]) -> None:
    definition = Definition(
        name=row["name"],
        properties=json.loads(row["properties_json"]),
        space=parse_space(json.loads(row["space_json"])),
        directions=json.loads(row["directions_json"]),
        sampler=parse_strategy("sampler", json.loads(row["sampler_json"])),
        pruner=parse_strategy("pruner", json.loads(row["pruner_json"])),
        settings=Settings(**json.loads(row["settings_json"])),
    )
    study = service.optuna_study(row["id"], row["owner"], definition, row["number"])
    for key, value in json.loads(row["system_attrs_json"]).items():
        service.store.set_study_system_attr(row["number"], key, value)
    campaign = Campaign(
        id=row["id"],
        number=row["number"],
        owner=row["owner"],
        definition=definition,
        created=row["created"],
        study=study,
    )
    service.add(campaign)
    _load_trials(service, connection, campaign)


def _load_trials(service: Service, connection: Connection, campaign: Campaign) -> None:
    t, s = tables.trials, tables.steps
    steps: dict[tuple[int, int], dict[int, float | None]] = defaultdict(dict)
    for row in connection.execute(select(s).where(s.c.study == campaign.id)).mappings():
        steps[row["number"], row["attempt"]][row["step"]] = row["value"]
    query = select(t).where(t.c.study == campaign.id).order_by(t.c.number)
    for found in connection.execute(query).mappings():
        _load_trial(service, campaign, dict(found), steps)


def _load_trial(
    service: Service,
    campaign: Campaign,
    row: Mapping[str, Any],
    steps: Mapping[tuple[int, int], Mapping[int, float | None]],
) -> None:
    _fill_gap(service, campaign, up_to=row["number"])
    trial = frozen_trial(row, campaign.definition.space, steps.get((row["number"], row["attempt"]), {}))
    service.store.create_new_trial(campaign.number, trial)
    _load_lease(campaign, row)
    service.store._studies[campaign.number].param_distribution.update(trial.distributions)


def _fill_gap(service: Service, campaign: Campaign, up_to: int) -> None:
    """Fill a gap: a number without a row was never handed out, since the server was killed before."""
    while (number := service.store.n_trials(campaign.number)) < up_to:
        service.store.create_new_trial(campaign.number)
        campaign.leases[number] = Lease(attempt=0, held=False)
        campaign.returned.append(number)


def _load_lease(campaign: Campaign, row: Mapping[str, Any]) -> None:
    running = row["state"] == TrialState.RUNNING.name
    # everybody gets a full heartbeat after a restart: clients could not report while we were away
    campaign.leases[row["number"]] = Lease(
        worker=row["worker"],
        token=row["token"],
        attempt=row["attempt"],
        seen=time.monotonic(),
        lease=row["lease"],
        request=row["request"],
        held=running,
    )
    if running:
        campaign.held.add(row["number"])
        if row["request"]:
            campaign.requests[row["request"]] = row["number"]

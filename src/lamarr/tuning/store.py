"""Studies and trials in memory, as one of Optuna's storages, and their rows in the database.

Optuna's samplers, pruners and dashboard work on this object; :mod:`lamarr.tuning.commit` saves it. What
Optuna's storage does not know about a trial (who works on it, since when, how often it was handed out) is
its :class:`Lease`.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lamarr.tuning.space import Space, from_optuna, parse_range, to_optuna

__all__ = ["Lease", "Store", "frozen_trial", "trial_row"]


@dataclass(kw_only=True)
class Lease:
    """Who holds a trial.

    `worker` is what the client calls itself, `token` the id of its token, `attempt` counts how often the
    trial was handed out (from 1), `seen` is the last sign of life [s, monotonic clock of the server],
    `lease` changes with each attempt, `request` is the client's name for the request that got it.
    """

    worker: str | None = None
    token: str | None = None
    attempt: int = 1
    seen: float = 0.0
    lease: str | None = None
    request: str | None = None
    held: bool = True


class Store(InMemoryStorage):
    """Optuna's storage in memory, with trials that can be handed out again and studies with fixed ids."""

    def add_study(self, number: int, name: str, directions: list[StudyDirection]) -> None:
        """Add a study under a number that was given to it in an earlier life of the server."""
        with self._lock:
            highest = self._max_study_id
            self._max_study_id = number - 1
            self.create_new_study(directions, name)
            self._max_study_id = max(highest, number)

    def new_trial(self, study_number: int) -> FrozenTrial:
        """Make a running trial without parameters."""
        return self.get_trial(self.create_new_trial(study_number))

    def set_params(
        self, trial_id: int, values: Mapping[str, Any], ranges: Mapping[str, BaseDistribution]
    ) -> None:
        """Give a running trial values for all its declared parameters at once."""
        with self._lock:
            trial = copy.copy(self._get_trial(trial_id))
            self.check_trial_is_updatable(trial_id, trial.state)
            trial.params, trial.distributions = dict(values), dict(ranges)
            self._studies[self._trial_id_to_study_id_and_number[trial_id][0]].param_distribution.update(
                ranges
            )
            self._set_trial(trial_id, trial)

    def restart(self, trial_id: int) -> None:
        """Put a running trial back to its start: the same parameters, no intermediate values."""
        with self._lock:
            trial = copy.copy(self._get_trial(trial_id))
            trial.state, trial.datetime_start = TrialState.RUNNING, datetime.now()
            trial.intermediate_values = {}
            self._set_trial(trial_id, trial)

    def annotate(self, trial_id: int, attrs: Mapping[str, Any]) -> None:
        """Set user attributes, also of a finished trial."""
        with self._lock:
            trial = copy.copy(self._get_trial(trial_id))
            trial.user_attrs = {**trial.user_attrs, **attrs}
            self._set_trial(trial_id, trial)

    def trial_id(self, study_number: int, number: int) -> int:
        """Optuna's id of a trial; raises KeyError."""
        if number < 0:
            raise KeyError(number)
        return self.get_trial_id_from_study_id_trial_number(study_number, number)

    def n_trials(self, study_number: int) -> int:
        """Count the trials of a study, in every state."""
        with self._lock:
            self._check_study_id(study_number)
            return len(self._studies[study_number].trials)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """All trials. Never copied deeply: a stored trial is replaced, not changed, so sharing is safe."""
        del deepcopy
        return super().get_all_trials(study_id, deepcopy=False, states=states)


def trial_row(study: str, trial: FrozenTrial, lease: Lease, space: Mapping[str, Any]) -> dict[str, Any]:
    """Row of table `trials`; `space` maps the declared parameters to Optuna's distributions."""
    others = {n: d for n, d in trial.distributions.items() if space.get(n) is not d and space.get(n) != d}
    return {
        "study": study,
        "number": trial.number,
        "state": trial.state.name,
        "values_json": None if trial.values is None else json.dumps(list(trial.values)),
        "params_json": json.dumps(trial.params),
        "ranges_json": json.dumps({n: from_optuna(d).model_dump() for n, d in others.items()})
        if others
        else None,
        "user_attrs_json": json.dumps(trial.user_attrs) if trial.user_attrs else "{}",
        "system_attrs_json": json.dumps(trial.system_attrs) if trial.system_attrs else "{}",
        "started": _seconds(trial.datetime_start) or 0.0,
        "ended": _seconds(trial.datetime_complete),
        "worker": lease.worker,
        "token": lease.token,
        "attempt": lease.attempt,
        "lease": lease.lease,
        "request": lease.request,
    }


def _seconds(when: datetime | None) -> float | None:
    return None if when is None else when.timestamp()


def frozen_trial(row: Mapping[str, Any], space: Space, steps: Mapping[int, float | None]) -> FrozenTrial:
    """Inverse of :func:`trial_row`; `steps` are the intermediate values of the present attempt."""
    params = json.loads(row["params_json"])
    ranges = {n: parse_range(n, r) for n, r in json.loads(row["ranges_json"] or "{}").items()}
    return FrozenTrial(
        number=row["number"],
        trial_id=-1,
        state=TrialState[row["state"]],
        value=None,
        values=None if row["values_json"] is None else json.loads(row["values_json"]),
        params=params,
        distributions={n: to_optuna(ranges.get(n) or space[n]) for n in params},
        user_attrs=json.loads(row["user_attrs_json"]),
        system_attrs=json.loads(row["system_attrs_json"]),
        intermediate_values={s: math.nan if v is None else v for s, v in steps.items()},
        datetime_start=datetime.fromtimestamp(row["started"]),
        datetime_complete=None if row["ended"] is None else datetime.fromtimestamp(row["ended"]),
    )

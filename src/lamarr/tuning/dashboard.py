"""optuna-dashboard behind a login: one user sees his own and shared studies, and changes nothing.

Its own endpoints know no users: an unguarded DELETE erases a study. So it never gets our storage but a
:class:`View` of it, which shows the studies of the token at hand and refuses to write; and requests that
would write do not reach it at all.
"""

# ruff: noqa: ARG002 - the arguments are those of Optuna's storage
from __future__ import annotations

import re
from collections.abc import Container, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState
from starlette.types import ASGIApp

from lamarr.tuning import tables
from lamarr.tuning.problems import problem
from lamarr.tuning.service import Service
from lamarr.tuning.tokens import Token

__all__ = ["View", "current_token", "make_dashboard", "study_of_path"]

current_token: ContextVar[Token | None] = ContextVar("current_token", default=None)
"""Token of the session that the request at hand belongs to."""
_STUDY = re.compile(r"/(?:api/studies|csv|artifacts|api/artifacts)/(\d+)(?:/|$)")


def study_of_path(path: str) -> int | None:
    """Optuna's number of the study that a path of the dashboard is about, if any."""
    found = _STUDY.match(path)
    return int(found.group(1)) if found and len(found.group(1)) < 10 else None


def make_dashboard(service: Service) -> ASGIApp:
    """Build the dashboard as an ASGI application; the caller guards it and sets :data:`current_token`."""
    from a2wsgi import WSGIMiddleware
    from optuna_dashboard import wsgi

    return WSGIMiddleware(wsgi(View(service)), workers=4)  # type: ignore[return-value]


class View(BaseStorage):
    """A read-only storage that holds what :data:`current_token` may see."""

    def __init__(self, service: Service) -> None:
        self._service, self._store = service, service.store

    def _see(self, study_id: int) -> None:
        token, campaign = current_token.get(), self._service.by_number(study_id)
        if token is None or campaign is None or not (token.sees_all or campaign.allows(token.user, "read")):
            raise KeyError(f"No study with study_id {study_id} exists.")

    def _see_trial(self, trial_id: int) -> None:
        self._see(self._store._trial_id_to_study_id_and_number[trial_id][0])

    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies that may be seen."""
        token = current_token.get()
        seen = set() if token is None else {c.number for c in self._service.visible(token)}
        return [s for s in self._store.get_all_studies() if s._study_id in seen]

    def get_study_id_from_name(self, study_name: str) -> int:
        """Find the number of a study."""
        number = self._store.get_study_id_from_name(study_name)
        self._see(number)
        return number

    def get_study_name_from_id(self, study_id: int) -> str:
        """Name of a study."""
        self._see(study_id)
        return self._store.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Directions of a study."""
        self._see(study_id)
        return self._store.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Attributes of a study."""
        self._see(study_id)
        return self._store.get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Attributes of a study that Optuna uses."""
        self._see(study_id)
        return self._store.get_study_system_attrs(study_id)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """One trial."""
        self._see_trial(trial_id)
        return self._store.get_trial(trial_id)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """All trials of a study."""
        self._see(study_id)
        return self._store.get_all_trials(study_id, deepcopy, states)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Best trial of a study."""
        self._see(study_id)
        return self._store.get_best_trial(study_id)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Save a note: the one thing that a dashboard which may write does write here."""
        self._see(study_id)
        campaign = self._service.by_number(study_id)
        if campaign is None or not key.startswith("dashboard:"):
            self._refuse()
        self._store.set_study_system_attr(study_id, key, value)
        self._service.committer.write(tables.studies, campaign.row())
        self._service.audit(current_token.get(), "write note", campaign.id)

    def _refuse(self) -> NoReturn:
        raise problem("scope", "the dashboard is read-only")

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Refuse."""
        self._refuse()

    def delete_study(self, study_id: int) -> None:
        """Refuse; the guard deletes studies itself where that is allowed."""
        self._refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Refuse."""
        self._refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Refuse."""
        self._refuse()

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Refuse."""
        self._refuse()

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Refuse."""
        self._refuse()

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Refuse."""
        self._refuse()

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Refuse."""
        self._refuse()

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Refuse."""
        self._refuse()

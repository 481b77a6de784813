"""The tuning service without HTTP: studies, who may see them, and how they come back after a restart."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.study import StudyDirection
from sqlalchemy import Engine, delete

from lamarr.tuning import tables
from lamarr.tuning.campaign import ACCESS, Campaign, Definition, clean_text, identity
from lamarr.tuning.commit import Committer
from lamarr.tuning.loading import load_studies
from lamarr.tuning.problems import problem
from lamarr.tuning.records import audit_row, last_lines
from lamarr.tuning.store import Store, trial_row
from lamarr.tuning.strategies import parse_strategy
from lamarr.tuning.tokens import Token, TokenBook

__all__ = ["Service"]

_log = logging.getLogger("lamarr.tuning")
MAX_STUDIES_PER_USER = 10_000


class Service:
    """All campaigns of a server.

    Parameters
    ----------
    engine : Engine
        The database, see :func:`lamarr.tuning.tables.open_database`. The service is its only writer.
    """

    def __init__(self, engine: Engine) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.engine = engine
        self.store = Store()
        self.tokens = TokenBook(engine)
        self.campaigns: dict[str, Campaign] = {}
        self._by_number: dict[int, Campaign] = {}
        self.committer = Committer(engine, self._trial_row)
        load_studies(self)

    def close(self) -> None:
        """Save what is left and let the database go."""
        self.save_token_use()
        self.committer.close()
        self.engine.dispose()

    # -- studies ------------------------------------------------------------------------------------

    def open_study(
        self, token: Token, definition: Definition, *, id_: str | None = None
    ) -> tuple[Campaign, bool]:
        """Open the study of this definition, created if new: (campaign, whether it is new).

        Raises TuningError ("clash") where the same name and properties belong to another search space.
        """
        definition.check()
        id_ = id_ or identity(token.user, definition.name, definition.properties)
        known = self.campaigns.get(id_)
        if known is not None:
            known.clash(definition)
            return known, False
        if sum(c.owner == token.user for c in self.campaigns.values()) >= MAX_STUDIES_PER_USER:
            raise problem("exhausted", f"{token.user} has {MAX_STUDIES_PER_USER} studies; delete some first")
        campaign = self._create(token, definition, id_)
        self.audit(token, "create study", id_)
        return campaign, True

    def _create(self, token: Token, definition: Definition, id_: str) -> Campaign:
        study = self.optuna_study(id_, token.user, definition, number=None)
        number = study._study_id
        try:
            campaign = Campaign(
                id=id_,
                number=number,
                owner=token.user,
                definition=definition,
                created=time.time(),
                study=study,
            )
        except BaseException:
            self.store.delete_study(number)
            raise
        self.add(campaign)
        self.committer.write(tables.studies, campaign.row())
        return campaign

    def optuna_study(self, id_: str, owner: str, definition: Definition, number: int | None) -> optuna.Study:
        """Make Optuna's study, under a new number or the one that it had before."""
        name = f"{owner}/{definition.name} [{id_[:8]}]"
        directions = [StudyDirection[d.upper()] for d in definition.directions]
        if number is None:
            self.store.create_new_study(directions, name)
        else:
            self.store.add_study(number, name, directions)
        return optuna.load_study(study_name=name, storage=self.store, sampler=optuna.samplers.RandomSampler())

    def add(self, campaign: Campaign) -> None:
        """Make a campaign known."""
        self.campaigns[campaign.id] = campaign
        self._by_number[campaign.number] = campaign

    def campaign(self, token: Token, id_: str, access: str = "read") -> Campaign:
        """Find the study `id_` if the token may see it, else say the same as for one that is not there."""
        found = self.campaigns.get(id_)
        if found is None or not (token.sees_all or found.allows(token.user, "read")):
            raise problem("not_found", "no such study, or it was not shared with you; see `lamarr tune list`")
        if not (token.sees_all or found.allows(token.user, access)):
            raise problem("scope", f"the study was shared with you to {found.shares[token.user]} only")
        return found

    def owned(self, token: Token, id_: str) -> Campaign:
        """Find the study `id_` if the token's user owns it (or is an operator)."""
        found = self.campaign(token, id_)
        if found.owner != token.user and not token.sees_all:
            raise problem("scope", f"only the owner of the study, {found.owner}, may do that")
        return found

    def visible(self, token: Token) -> list[Campaign]:
        """All studies that the token may see, newest last."""
        return [c for c in list(self.campaigns.values()) if token.sees_all or c.allows(token.user, "read")]

    def by_number(self, number: int) -> Campaign | None:
        """Find the study with Optuna's id `number`."""
        return self._by_number.get(number)

    def change(self, token: Token, campaign: Campaign, changes: Mapping[str, Any]) -> None:
        """Change sampler, pruner or settings of a running study."""
        old = campaign.definition
        settings = dataclasses.replace(
            old.settings, **{k: v for k, v in changes.items() if k in vars(old.settings)}
        )
        new = dataclasses.replace(
            old,
            settings=settings,
            sampler=parse_strategy("sampler", changes.get("sampler", old.sampler.dump())),
            pruner=parse_strategy("pruner", changes.get("pruner", old.pruner.dump())),
        )
        new.check()
        if new.sampler.name != old.sampler.name and "grid" in (new.sampler.name, old.sampler.name):
            raise problem("clash", "a study cannot change from or to a grid; make another study")
        with campaign.sampling, campaign.lock:
            campaign.definition = new
            try:
                campaign.apply_strategies()
            except BaseException:
                campaign.definition = old
                campaign.apply_strategies()
                raise
        self.committer.write(tables.studies, campaign.row())
        self.audit(token, "change study", campaign.id, ", ".join(sorted(changes)))

    def share(self, token: Token, campaign: Campaign, user: str, access: str | None) -> None:
        """Let `user` "read" or "work" on a study, or (None) no longer."""
        clean_text("the name of a user", user, 64)
        if access is None:
            campaign.shares.pop(user, None)
            t = tables.shares.c
            self.committer.execute(delete(tables.shares).where(t.study == campaign.id, t.user == user))
        else:
            if access not in ACCESS:
                raise problem("bad_request", f"a share allows read or work, got {access[:40]!r}")
            campaign.shares[user] = access
            self.committer.write(tables.shares, {"study": campaign.id, "user": user, "access": access})
        self.audit(token, f"share {access or 'nothing'}", f"{campaign.id} with {user}")

    def remove(self, token: Token, campaign: Campaign) -> None:
        """Delete a study with all its trials."""
        with campaign.lock:
            del self.campaigns[campaign.id]
            del self._by_number[campaign.number]
            self.store.delete_study(campaign.number)
        for table in (tables.steps, tables.trials, tables.shares):
            self.committer.execute(delete(table).where(table.c.study == campaign.id))
        self.committer.execute(delete(tables.studies).where(tables.studies.c.id == campaign.id))
        self.audit(token, "delete study", f"{campaign.id} {campaign.definition.name!r}")

    # -- records ------------------------------------------------------------------------------------

    def audit(
        self, token: Token | None, action: str, target: str = "", outcome: str = "done", remote: str = ""
    ) -> None:
        """Add a line to the audit log (saved with the next commit)."""
        user, id_ = (token.user, token.id) if token else (None, None)
        self.committer.write(tables.audit, audit_row(action, target, outcome, remote, user=user, token=id_))

    def audit_log(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Read the last lines of the audit log, newest first."""
        return last_lines(self.engine, limit)

    def save_token_use(self) -> None:
        """Save when each token was last used."""
        t = tables.tokens
        used, self.tokens.used = self.tokens.used, {}
        for id_, at in used.items():
            self.committer.execute(t.update().where(t.c.id == id_).values(used=at))

    def _trial_row(self, trial_id: int) -> dict[str, Any] | None:
        try:
            trial = self.store.get_trial(trial_id)
            number = self.store._trial_id_to_study_id_and_number[trial_id][0]
        except KeyError:
            return None
        campaign = self._by_number.get(number)
        if campaign is None:
            return None
        return trial_row(campaign.id, trial, campaign.leases[trial.number], campaign.distributions)

"""The tuning service without HTTP: studies, who may see them, and how they come back after a restart."""

from __future__ import annotations

import dataclasses
import json
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy import Engine, delete, select
from sqlalchemy.engine import Connection

from lamarr.tuning import tables
from lamarr.tuning.campaign import ACCESS, Campaign, Definition, Settings, clean_text, identity
from lamarr.tuning.commit import Committer
from lamarr.tuning.problems import problem
from lamarr.tuning.space import parse_space
from lamarr.tuning.store import Lease, Store, frozen_trial, trial_row
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
        self._load()

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
        study = self._optuna_study(id_, token.user, definition, number=None)
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
        self._add(campaign)
        self.committer.write(tables.studies, campaign.row())
        return campaign

    def _optuna_study(self, id_: str, owner: str, definition: Definition, number: int | None) -> optuna.Study:
        name = f"{owner}/{definition.name} [{id_[:8]}]"
        directions = [StudyDirection[d.upper()] for d in definition.directions]
        if number is None:
            self.store.create_new_study(directions, name)
        else:
            self.store.add_study(number, name, directions)
        return optuna.load_study(study_name=name, storage=self.store, sampler=optuna.samplers.RandomSampler())

    def _add(self, campaign: Campaign) -> None:
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
        self.committer.write(
            tables.audit,
            {
                "id": secrets.token_hex(16),
                "at": time.time(),
                "user": token.user if token else None,
                "token": token.id if token else None,
                "action": action,
                "target": target.replace("\0", "").encode(errors="replace").decode()[:400],
                "remote": remote[:64],
                "outcome": outcome[:200],
            },
        )

    def audit_log(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Read the last lines of the audit log, newest first."""
        with self.engine.connect() as c:
            rows = c.execute(select(tables.audit).order_by(tables.audit.c.at.desc()).limit(limit)).mappings()
            return [dict(r) for r in rows]

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

    # -- after a restart ----------------------------------------------------------------------------

    def _load(self) -> None:
        with self.engine.connect() as c:
            for row in c.execute(select(tables.studies).order_by(tables.studies.c.number)).mappings().all():
                self._load_study(c, dict(row))
            for row in c.execute(select(tables.shares)).mappings():
                if row["study"] in self.campaigns:
                    self.campaigns[row["study"]].shares[row["user"]] = row["access"]

    def _load_study(self, connection: Connection, row: Mapping[str, Any]) -> None:
        definition = Definition(
            name=row["name"],
            properties=json.loads(row["properties_json"]),
            space=parse_space(json.loads(row["space_json"])),
            directions=json.loads(row["directions_json"]),
            sampler=parse_strategy("sampler", json.loads(row["sampler_json"])),
            pruner=parse_strategy("pruner", json.loads(row["pruner_json"])),
            settings=Settings(**json.loads(row["settings_json"])),
        )
        study = self._optuna_study(row["id"], row["owner"], definition, row["number"])
        for key, value in json.loads(row["system_attrs_json"]).items():
            self.store.set_study_system_attr(row["number"], key, value)
        campaign = Campaign(
            id=row["id"],
            number=row["number"],
            owner=row["owner"],
            definition=definition,
            created=row["created"],
            study=study,
        )
        self._add(campaign)
        self._load_trials(connection, campaign)

    def _load_trials(self, connection: Connection, campaign: Campaign) -> None:
        t, s = tables.trials, tables.steps
        steps: dict[tuple[int, int], dict[int, float | None]] = defaultdict(dict)
        for row in connection.execute(select(s).where(s.c.study == campaign.id)).mappings():
            steps[row["number"], row["attempt"]][row["step"]] = row["value"]
        query = select(t).where(t.c.study == campaign.id).order_by(t.c.number)
        for found in connection.execute(query).mappings():
            self._load_trial(campaign, dict(found), steps)

    def _load_trial(
        self,
        campaign: Campaign,
        row: Mapping[str, Any],
        steps: Mapping[tuple[int, int], Mapping[int, float | None]],
    ) -> None:
        self._fill_gap(campaign, up_to=row["number"])
        trial = frozen_trial(row, campaign.definition.space, steps.get((row["number"], row["attempt"]), {}))
        self.store.create_new_trial(campaign.number, trial)
        self._load_lease(campaign, row)
        self.store._studies[campaign.number].param_distribution.update(trial.distributions)

    def _fill_gap(self, campaign: Campaign, up_to: int) -> None:
        """Fill a gap: a number without a row was never handed out, since the server was killed before."""
        while (number := self.store.n_trials(campaign.number)) < up_to:
            self.store.create_new_trial(campaign.number)
            campaign.leases[number] = Lease(attempt=0, held=False)
            campaign.returned.append(number)

    def _load_lease(self, campaign: Campaign, row: Mapping[str, Any]) -> None:
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

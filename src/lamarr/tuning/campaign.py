"""A campaign: one study as the server holds it, its owner, its strategies and who works on which trial."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamarr.tuning.problems import problem
from lamarr.tuning.space import Space, dump, to_optuna
from lamarr.tuning.strategies import Strategy, make_pruner, make_sampler

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

    from lamarr.tuning.store import Lease

__all__ = [
    "ACCESS",
    "DIRECTIONS",
    "Campaign",
    "Definition",
    "Settings",
    "canonical",
    "clean_text",
    "identity",
]

DIRECTIONS = ("minimize", "maximize")
ACCESS = ("read", "work")
"""What a share may allow: look, or look and work."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What may be changed while a campaign runs.

    `heartbeat` [s]: a trial without a sign of life for so long goes to another client. `attempts`: how
    often a trial is handed out before it counts as failed. `max_trials`: trials of the whole campaign.
    """

    heartbeat: float = 60.0
    attempts: int = 3
    max_trials: int | None = None
    closed: bool = False

    def dump(self) -> dict[str, Any]:
        """Plain JSON."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a client says a study is; `properties` are the constants that distinguish it."""

    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    directions: Sequence[str] = ("minimize",)
    sampler: Strategy = field(default_factory=lambda: Strategy(name="tpe"))
    pruner: Strategy = field(default_factory=lambda: Strategy(name="none", quick=True))
    settings: Settings = field(default_factory=Settings)

    def check(self) -> None:
        """Raise TuningError where parts do not fit together."""
        clean_text("the name of a study", self.name, 200)
        if not 1 <= len(self.directions) <= 16:
            raise problem("bad_request", f"a study has 1 to 16 objectives, got {len(self.directions)}")
        for direction in self.directions:
            if direction not in DIRECTIONS:
                raise problem("bad_request", f"a direction is minimize or maximize, got {direction[:40]!r}")
        if len(self.directions) > 1 and self.pruner.name != "none":
            raise problem("bad_request", "pruning needs a single objective; use the pruner 'none'")
        if len(self.directions) > 1 and self.sampler.name == "cma-es":
            raise problem("bad_request", "cma-es needs a single objective; use 'nsga-ii', 'tpe' or 'gp'")
        canonical("the properties", self.properties)


@dataclass(kw_only=True)
class Campaign:
    """One study in the memory of the server.

    `number` is Optuna's id of the study; `leases` says who holds each trial, `held` which trials are being
    worked on, `returned` which wait for a new worker, `requests` which trial a client's request got. `lock`
    is held for moments only; `sampling` while a sampler thinks, which may take seconds.
    """

    id: str
    number: int
    owner: str
    definition: Definition
    created: float
    study: Study
    shares: dict[str, str] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    returned: deque[int] = field(default_factory=deque)
    requests: dict[str, int] = field(default_factory=dict)
    open_trials: dict[int, Trial] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    sampling: threading.RLock = field(default_factory=threading.RLock)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.distributions = {n: to_optuna(r) for n, r in self.definition.space.items()}
        self.apply_strategies()

    def apply_strategies(self) -> None:
        """Give Optuna's study the sampler and pruner of the definition."""
        self.study.sampler = make_sampler(self.definition.sampler, self.definition.space)
        self.study.pruner = make_pruner(self.definition.pruner)

    @property
    def settings(self) -> Settings:
        """Settings of the definition."""
        return self.definition.settings

    def allows(self, user: str, access: str) -> bool:
        """Whether `user` may "read" or "work" here, as owner or by a share."""
        return user == self.owner or (
            ACCESS.index(access) <= ACCESS.index(self.shares.get(user, "read")) and (user in self.shares)
        )

    def row(self) -> dict[str, Any]:
        """Row of table `studies`."""
        d = self.definition
        return {
            "id": self.id,
            "number": self.number,
            "owner": self.owner,
            "name": d.name,
            "properties_json": json.dumps(d.properties),
            "space_json": json.dumps(dump(d.space)),
            "directions_json": json.dumps(list(d.directions)),
            "sampler_json": json.dumps(d.sampler.dump()),
            "pruner_json": json.dumps(d.pruner.dump()),
            "settings_json": json.dumps(d.settings.dump()),
            "system_attrs_json": json.dumps(self.study._storage.get_study_system_attrs(self.number)),
            "created": self.created,
        }

    def clash(self, other: Definition) -> None:
        """Raise TuningError ("clash") where `other` names the same study and means another one."""
        mine = self.definition
        for what, a, b in (
            ("space", dump(mine.space), dump(other.space)),
            ("directions", list(mine.directions), list(other.directions)),
        ):
            if a != b:
                raise problem(
                    "clash",
                    f"the study {mine.name!r} with these properties exists and has another {what} "
                    f"({_difference(a, b)}); change a property or the name, or ask for the same {what}",
                )


def _difference(mine: Any, theirs: Any) -> str:
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return f"there {json.dumps(mine)}, here {json.dumps(theirs)}"
    for name in [*mine, *theirs]:
        if mine.get(name) != theirs.get(name):
            there, here = (json.dumps(s.get(name)) if name in s else "nothing" for s in (mine, theirs))
            return f"{name!r} is {there[:150]} there and {here[:150]} here"
    return "the order of the parameters"


def canonical(what: str, value: object) -> str:
    """Canonical JSON of a value; raises TuningError for NaN, infinities, deep nesting and broken text."""
    try:
        text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise problem("bad_request", f"{what} must be JSON with finite numbers: {reason[:120]}") from None
    if len(text) > 1 << 20:
        raise problem("too_large", f"{what} must be at most 1 MiB of JSON")
    return text


def clean_text(what: str, text: str, longest: int) -> str:
    """Check text that is stored as it is: 1 … `longest` characters that UTF-8 can hold, without NUL."""
    if not 0 < len(text) <= longest:
        raise problem("bad_request", f"{what} has 1 to {longest} characters, got {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise problem("bad_request", f"{what} holds half of a surrogate pair; send valid Unicode") from None
    if "\0" in text:
        raise problem("bad_request", f"{what} must not hold a NUL character")
    return text


def identity(owner: str, name: str, properties: Mapping[str, Any], *more: object) -> str:
    """32 hexadecimal digits that depend on the owner, the name and the properties, not on their order."""
    text = canonical("the definition of the study", [owner, name, dict(properties), *more])
    return hashlib.sha256(text.encode()).hexdigest()[:32]

"""Users and tokens: made, hashed, looked up, revoked.

A token is ``lamarr_<id>_<secret>``: 8 hexadecimal digits that name it and 256 random bits. The database
keeps the SHA-256 of the whole (a slow password hash would add nothing: 256 random bits cannot be guessed),
and the comparison takes the same time for a wrong and an unknown token.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.tuning import tables
from lamarr.tuning.problems import problem

__all__ = [
    "SCOPES",
    "TOKEN_PATTERN",
    "Token",
    "TokenBook",
    "mask",
    "new_token",
    "remove_expired",
    "revoke",
    "show_tokens",
]

_log = logging.getLogger("lamarr.tuning")

SCOPES = ("read", "work", "admin")
"""Scopes in rising order; each includes those before it."""
TOKEN_PATTERN = re.compile(r"lamarr_([0-9a-f]{8})_[0-9a-f]{64}")
_LOOSE = re.compile(r"lamarr_([0-9a-f]{8})_[0-9A-Za-z]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_NOBODY = hashlib.sha256(b"no token has this hash").hexdigest()
_REFRESH_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token as the server knows it: everything but the secret. Times in seconds since 1970."""

    id: str
    user: str
    name: str
    scopes: str
    operator: bool
    created: float
    expires: float | None
    revoked: float | None
    used: float | None
    hash: str

    def allows(self, scope: str) -> bool:
        """Whether the token has `scope`, or a higher one."""
        return SCOPES.index(self.scopes) >= SCOPES.index(scope)

    @property
    def sees_all(self) -> bool:
        """Whether the token may see and act on the studies of all users."""
        return self.operator and self.scopes == "admin"


def mask(text: str) -> str:
    """Hide the secrets of all tokens in a text: for logs and error messages."""
    return _LOOSE.sub(r"lamarr_\1_…", text)


def new_token(
    engine: Engine,
    user: str,
    *,
    name: str = "",
    scope: str = "work",
    days: float | None = 90.0,
    operator: bool | None = None,
) -> str:
    """Make a token for `user`, who is added if new, and return it: the only time that it is readable.

    `days` is how long it is valid (None: for ever); `operator` makes the user one who, with the scope
    `admin`, sees everybody's studies (None: leave as it is). Raises ConfigurationError.
    """
    if not _NAME.fullmatch(user):
        raise ConfigurationError(
            f"a user's name has 1 to 64 letters, digits or . _ @ -, and starts with a letter or "
            f"digit: {user!r}"
        )
    if scope not in SCOPES:
        raise_unknown("scope", scope, SCOPES, ConfigurationError)
    if days is not None and not 0 < days <= 36_500:
        raise ConfigurationError(f"0 < days <= 36500 must hold, but got (days={days})")
    now, id_ = time.time(), secrets.token_hex(4)
    token = f"lamarr_{id_}_{secrets.token_hex(32)}"
    with engine.begin() as c:
        old = c.execute(select(tables.users).where(tables.users.c.name == user)).first()
        if old is None:
            c.execute(insert(tables.users).values(name=user, operator=bool(operator), created=now))
        elif operator is not None:
            c.execute(update(tables.users).where(tables.users.c.name == user).values(operator=operator))
        row = {"id": id_, "user": user, "name": name[:128], "hash": _hash(token), "scopes": scope}
        c.execute(insert(tables.tokens).values(**row, created=now, expires=days and now + days * 86_400))
    return token


def revoke(engine: Engine, id_: str) -> Token:
    """Revoke a token at once and for ever; raises UnknownNameError. Returns the token."""
    with engine.begin() as c:
        row = tables.tokens
        c.execute(update(row).where(row.c.id == id_, row.c.revoked.is_(None)).values(revoked=time.time()))
    found = {t.id: t for t in show_tokens(engine)}
    if id_ not in found:
        raise_unknown("token", id_, found)
    return found[id_]


def show_tokens(engine: Engine) -> list[Token]:
    """All tokens, oldest first."""
    joined = tables.tokens.join(tables.users, tables.tokens.c.user == tables.users.c.name)
    columns = [*tables.tokens.c, tables.users.c.operator]
    with engine.connect() as c:
        rows = c.execute(select(*columns).select_from(joined).order_by(tables.tokens.c.created)).mappings()
        return [Token(**row) for row in rows]


def remove_expired(engine: Engine, before: float) -> int:
    """Forget tokens that expired or were revoked before a time [s since 1970]; returns how many."""
    t = tables.tokens.c
    with engine.begin() as c:
        condition = (func.coalesce(t.revoked, t.expires)) < before
        return int(c.execute(delete(tables.tokens).where(condition)).rowcount)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class TokenBook:
    """The tokens in memory, read again once a second, so that a revocation counts within a second."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._read_at = -1e9
        self._tokens: dict[str, Token] = {}
        self.used: dict[str, float] = {}

    def refresh(self, force: bool = False) -> None:
        """Read the tokens if that was not done within the last second."""
        with self._lock:
            if not force and time.monotonic() - self._read_at < _REFRESH_S:
                return
            self._read_at = time.monotonic()
            try:
                self._tokens = {t.id: t for t in show_tokens(self._engine)}
            except SQLAlchemyError:
                # without its database the server can acknowledge nothing anyway: go on with what is known
                _log.exception("the tokens could not be read again")

    def all(self) -> Iterable[Token]:
        """All tokens."""
        self.refresh()
        return list(self._tokens.values())

    def check(self, text: str) -> Token:
        """Find the token that `text` is; raises TuningError, for all unknown ones after the same work."""
        self.refresh()
        found = TOKEN_PATTERN.fullmatch(text)
        token = self._tokens.get(found.group(1)) if found else None
        same = hmac.compare_digest(_hash(text[:4096]), token.hash if token else _NOBODY)
        if token is None or not same:
            raise problem("unknown_token", "this token is unknown; make one with `lamarr tune token create`")
        return self._valid(token)

    def by_id(self, id_: str) -> Token:
        """Look a token up by its name, for a session; raises TuningError if it is no longer valid."""
        self.refresh()
        token = self._tokens.get(id_)
        if token is None:
            raise problem("unknown_token", "the token of this session is gone; log in again")
        return self._valid(token)

    def _valid(self, token: Token) -> Token:
        now = time.time()
        if token.revoked is not None:
            raise problem("revoked_token", f"the token {token.id} was revoked; ask for a new one")
        if token.expires is not None and token.expires <= now:
            raise problem("expired_token", f"the token {token.id} has expired; ask for a new one")
        self.used[token.id] = now
        return token

"""Login to the web pages: a token is exchanged for a cookie that lives in the memory of the server."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping

from lamarr.tuning.problems import TuningError
from lamarr.tuning.tokens import Token, TokenBook

__all__ = ["COOKIE", "Sessions"]

COOKIE = "lamarr_session"
_MOST = 10_000


class Sessions:
    """Who is logged in: a random cookie → the id of a token; a revoked token ends its sessions."""

    def __init__(self, tokens: TokenBook, hours: float) -> None:
        self._tokens, self.seconds = tokens, hours * 3600
        self._open: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def begin(self, text: str) -> tuple[str, Token]:
        """Log in with a token: (cookie, token). Raises TuningError as for any request."""
        token = self._tokens.check(text)
        cookie = secrets.token_urlsafe(32)
        self._open[_key(cookie)] = (token.id, time.time() + self.seconds)
        while len(self._open) > _MOST:
            self._open.popitem(last=False)
        return cookie, token

    def token(self, cookies: Mapping[str, str]) -> Token | None:
        """Find the valid token of the session that the cookies name, or None."""
        key = _key(cookies.get(COOKIE, ""))
        id_, until = self._open.get(key, ("", 0.0))
        if until < time.time():
            self._open.pop(key, None)
            return None
        try:
            return self._tokens.by_id(id_)
        except TuningError:
            self._open.pop(key, None)
            return None

    def end(self, cookies: Mapping[str, str]) -> None:
        """Log out."""
        self._open.pop(_key(cookies.get(COOKIE, "")), None)


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()

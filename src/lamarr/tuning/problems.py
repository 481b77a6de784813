"""What can go wrong between a client and the tuning server: one error class, one sentence, one HTTP status.

The server turns a :class:`TuningError` into ``{"error": "<sentence>", "kind": "<word>"}`` with the status;
the client turns that JSON back into the same class. The *kind* is for programs and never changes, the
sentence is for people.
"""

from __future__ import annotations

from typing import Any

from lamarr.errors import ConfigurationError, LamarrError, MissingExtraError

__all__ = [
    "KINDS",
    "ConfigurationError",
    "MissingExtraError",
    "ServerAwayError",
    "TuningError",
    "problem",
]

KINDS: dict[str, int] = {
    "bad_request": 422,
    "bad_space": 422,
    "not_a_number": 422,
    "unknown_token": 401,
    "expired_token": 401,
    "revoked_token": 401,
    "scope": 403,
    "not_found": 404,
    "unknown_trial": 409,
    "method": 405,
    "version": 404,
    "clash": 409,
    "finished": 409,
    "lease_lost": 409,
    "exhausted": 409,
    "closed": 409,
    "no_result": 409,
    "too_large": 413,
    "rate": 429,
    "internal": 500,
    "starting": 503,
    "storage": 507,
}
"""Kind of a problem → HTTP status."""


class TuningError(LamarrError, ValueError):
    """A request to the tuning server that cannot be served.

    Parameters
    ----------
    kind : str
        A key of :data:`KINDS`.
    sentence : str
        What was expected, what was found, what to do.
    retry_after : float, optional
        Seconds after which the same request may work [s].
    """

    def __init__(self, kind: str, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """HTTP status of the kind; 400 for a kind of a newer server."""
        return KINDS.get(self.kind, 400)

    def body(self) -> dict[str, Any]:
        """Make the JSON object that the server sends."""
        return {"error": str(self), "kind": self.kind}


class ServerAwayError(LamarrError, ConnectionError):
    """The tuning server could not be reached, or did not answer, within the allowed tries."""


def problem(kind: str, sentence: str, retry_after: float | None = None) -> TuningError:
    """Make a :class:`TuningError`; a function, so that ``raise problem(...)`` reads as a sentence."""
    return TuningError(kind, " ".join(sentence.split()), retry_after)

"""Answers of a tuning server as the client reads them, and how long it waits before it asks again."""

from __future__ import annotations

import random
from typing import Any, Final

from lamarr.tuning.problems import TuningError, problem

__all__ = ["backoff", "read", "reason", "retry_after"]

SLOWEST_S: Final = 15.0


def backoff(tries: int) -> float:
    """0.1, 0.2, 0.4, … s up to 15 s, each shortened at random by up to a half: clients spread out."""
    return min(SLOWEST_S, 0.1 * 2.0 ** min(tries - 1, 20)) * random.uniform(0.5, 1.0)


def retry_after(answer: Any) -> float | None:
    """Seconds after which the server wants to be asked again; None if it does not say."""
    try:
        return float(answer.json()["retry_after"])
    except (ValueError, KeyError, TypeError):
        return None


def reason(answer: Any) -> str:
    """Why the server did not do it."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"


def read(answer: Any, server: str) -> Any:
    """Give the JSON of a good answer; raises TuningError with the server's sentence for all others."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.status_code < 300 and body is not None:
        return body
    if isinstance(body, dict) and "error" in body:
        raise TuningError(str(body.get("kind", "internal")), str(body["error"]), body.get("retry_after"))
    kind = "not_found" if answer.status_code == 404 else "internal"
    raise problem(kind, f"{server} answered {answer.status_code} and no JSON; is it a Lamarr tuning server?")

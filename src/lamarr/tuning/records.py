"""The audit log: who did what, from the server or from the shell."""

from __future__ import annotations

import getpass
import secrets
import time
from typing import Any

from sqlalchemy import Engine, insert, select

from lamarr.tuning import tables

__all__ = ["audit_row", "last_lines", "record_shell"]


def audit_row(
    action: str,
    target: str = "",
    outcome: str = "done",
    remote: str = "",
    *,
    user: str | None = None,
    token: str | None = None,
) -> dict[str, Any]:
    """Row of table `audit`, cut to its size and with nothing in it that a database refuses."""
    return {
        "id": secrets.token_hex(16),
        "at": time.time(),
        "user": user,
        "token": token,
        "action": action,
        "target": target.replace("\0", "").encode(errors="replace").decode()[:400],
        "remote": remote[:64],
        "outcome": outcome[:200],
    }


def record_shell(engine: Engine, action: str, target: str) -> None:
    """Add a line for a command typed on the server's machine; `remote` names who typed it."""
    row = audit_row(action, target, remote=f"shell {_login_name()}")
    with engine.begin() as connection:
        connection.execute(insert(tables.audit).values(row))


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for the user
        return "unknown"


def last_lines(engine: Engine, limit: int) -> list[dict[str, Any]]:
    """Read the last lines, newest first."""
    with engine.connect() as c:
        rows = c.execute(select(tables.audit).order_by(tables.audit.c.at.desc()).limit(limit)).mappings()
        return [dict(r) for r in rows]

"""Results that the server has not acknowledged yet, as files: a finished trial survives whatever happens.

A result is written here before it is sent and removed after the server has acknowledged it. What is left
over (the server was away, the machine went down) is sent by the next client that uses the same folder, or by
``lamarr tune flush``. No token is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamarr.errors import OutputFileError
from lamarr.publishing import write_text

__all__ = ["Letter", "Outbox", "default_outbox"]


def default_outbox() -> Path:
    """Folder of unsent results: $LAMARR_TUNE_OUTBOX, else one in the user's state folder."""
    named = os.environ.get("LAMARR_TUNE_OUTBOX")
    if named:
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "lamarr" / "tune-outbox"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One unsent result: where to, and what."""

    path: Path
    server: str
    url: str
    body: Mapping[str, Any]


class Outbox:
    """A folder of unsent results."""

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = Path(folder) if folder is not None else default_outbox()

    def put(self, server: str, url: str, body: Mapping[str, Any]) -> Letter:
        """Save a result; raises OutputFileError where that is impossible."""
        name = "".join(c if c.isalnum() else "-" for c in url.strip("/"))[-120:]
        path = self.folder / f"{name}.json"
        text = json.dumps({"server": server, "url": url, "body": dict(body)}, indent=1)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
        except OSError as error:
            raise OutputFileError(
                f"the result cannot be saved in {self.folder} ({error.strerror}); set LAMARR_TUNE_OUTBOX "
                "to a folder with space"
            ) from None
        return Letter(path=path, server=server, url=url, body=body)

    def letters(self, server: str | None = None) -> Iterator[Letter]:
        """All unsent results (for `server`), oldest first; a damaged file is set aside."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.json"), key=lambda p: p.stat().st_mtime):
            try:
                found = json.loads(path.read_text())
                letter = Letter(path=path, server=found["server"], url=found["url"], body=found["body"])
            except FileNotFoundError:
                continue  # another process has just sent it
            except (OSError, ValueError, KeyError, TypeError):
                path.rename(path.with_suffix(".damaged"))
                continue
            if server is None or letter.server == server:
                yield letter

    @staticmethod
    def sent(letter: Letter) -> None:
        """Forget a result that the server has acknowledged."""
        letter.path.unlink(missing_ok=True)

    @staticmethod
    def refused(letter: Letter, reason: str) -> Path:
        """Set aside a result that the server will never take, with the reason beside it."""
        aside = letter.path.with_suffix(".refused")
        text = json.dumps({"url": letter.url, "body": dict(letter.body), "refused": reason}, indent=1)
        letter.path.write_text(text)
        letter.path.rename(aside)
        return aside

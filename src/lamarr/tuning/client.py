"""The client: requests with time-outs, tries and backoff, and a folder for results not sent yet."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamarr._version import __version__
from lamarr.errors import ConfigurationError
from lamarr.tuning import answers
from lamarr.tuning.extra import need
from lamarr.tuning.outbox import Letter, Outbox
from lamarr.tuning.problems import ServerAwayError, TuningError, problem

if TYPE_CHECKING:
    from lamarr.tuning.study import Study

__all__ = ["Client"]

_log = logging.getLogger("lamarr.tuning")
_API = 1
_AGAIN = {429, 502, 503, 504, 507}


class Client:
    """A connection to a tuning server.

    Parameters
    ----------
    server : str, optional
        ``https://host[:port]``; default: environment variable ``LAMARR_TUNE_SERVER``. Never asked for on
        standard input: a batch job must not hang.
    token : str, optional
        Default: environment variable ``LAMARR_TUNE_TOKEN``.
    timeout : float
        Of one try [s].
    patience : float
        How long to try again when the server does not answer [s].
    outbox : path, optional
        Folder for results that could not be sent, see :mod:`lamarr.tuning.outbox`.
    worker : str, optional
        What this process calls itself; default host:pid.

    Raises
    ------
    ConfigurationError
        If server or token are missing.
    TuningError
        From every method, if the server refuses: its sentence and kind.
    ServerAwayError
        From every method, if the server stays away for longer than `patience`.
    """

    def __init__(
        self,
        server: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        patience: float = 300.0,
        outbox: Path | str | None = None,
        worker: str | None = None,
    ) -> None:
        httpx = need("httpx")
        self.server = (server or os.environ.get("LAMARR_TUNE_SERVER") or "").rstrip("/")
        token = token or os.environ.get("LAMARR_TUNE_TOKEN")
        if not self.server.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"the tuning server must be http[s]://host[:port], got {self.server!r}; give server=, "
                "--server or set LAMARR_TUNE_SERVER"
            )
        if not token or not token.isascii() or not token.isprintable():
            raise ConfigurationError("no usable token: give token= or set LAMARR_TUNE_TOKEN")
        self.worker = worker or f"{socket.gethostname()}:{os.getpid()}"
        self.patience = patience
        self.outbox = Outbox(outbox)
        headers = {"Authorization": f"Bearer {token}", "User-Agent": f"lamarr/{__version__}"}
        self._http = httpx.Client(base_url=self.server, headers=headers, timeout=timeout)
        self._transport_error: type[Exception] = httpx.TransportError
        self._checked = False
        self._away_until = 0.0
        self._flushing = threading.Lock()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- requests -----------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        patience: float | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send one request under /api/v1, again and again while the server is away.

        Every request of the interface may be repeated without harm, so a lost answer does not matter.
        """
        if not self._checked:
            self._check_version(patience)
        return self._send(method, f"/api/v{_API}{path}", body, patience, params)

    def _send(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        patience: float | None,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        until = time.monotonic() + (self.patience if patience is None else patience)
        tries = 0
        while True:
            try:
                answer = self._http.request(method, url, json=body, params=params)
            except self._transport_error as error:
                reason, wait = f"{type(error).__name__}: {error}", None
            else:
                if answer.status_code not in _AGAIN:
                    return answers.read(answer, self.server)
                reason, wait = answers.reason(answer), answers.retry_after(answer)
            tries += 1
            delay = answers.backoff(tries) if wait is None else max(wait, answers.backoff(1))
            if time.monotonic() + delay > until:
                raise ServerAwayError(
                    f"the tuning server {self.server} could not serve the request in {tries} tries "
                    f"({reason}); is it running, and is the address right?"
                )
            time.sleep(delay)

    def _check_version(self, patience: float | None) -> None:
        try:
            info = self._send("GET", f"/api/v{_API}/info", None, patience)
        except TuningError as error:
            if error.kind in ("version", "not_found"):
                raise problem(
                    "version",
                    f"{self.server} does not speak version {_API} of the interface ({error}); this client is "
                    f"lamarr {__version__}: update the server, or use an older client",
                ) from None
            raise
        if _API not in info.get("api", []):
            raise problem("version", f"{self.server} speaks versions {info.get('api')}, this client {_API}")
        self._checked = True

    def info(self) -> dict[str, Any]:
        """Version of the server and what it can do."""
        return dict(self.request("GET", "/info"))

    def me(self) -> dict[str, Any]:
        """Whose token this is and what it allows."""
        return dict(self.request("GET", "/me"))

    # -- studies ------------------------------------------------------------------------------------

    def study(
        self,
        name: str,
        space: Mapping[str, Any] | None = None,
        *,
        properties: Mapping[str, Any] | None = None,
        directions: str | Sequence[str] = "minimize",
        sampler: str | Mapping[str, Any] | None = None,
        pruner: str | Mapping[str, Any] | None = None,
        heartbeat: float | None = None,
        attempts: int = 3,
        max_trials: int | None = None,
    ) -> Study:
        """Make a study, or join the one with the same name and properties.

        `space` maps names to ranges (see :mod:`lamarr.tuning.space`); parameters may also be suggested one
        by one in a trial. Samplers: tpe, random, grid, cma-es, nsga-ii, gp; pruners: none, median,
        percentile, hyperband, successive-halving, threshold.
        """
        from lamarr.tuning.study import Study

        body = {
            "name": name,
            "properties": dict(properties or {}),
            "space": {k: v if isinstance(v, Mapping) else v.model_dump() for k, v in (space or {}).items()},
            "directions": [directions] if isinstance(directions, str) else list(directions),
            "sampler": {"name": sampler} if isinstance(sampler, str) else sampler,
            "pruner": {"name": pruner} if isinstance(pruner, str) else pruner,
            "heartbeat": heartbeat,
            "attempts": attempts,
            "max_trials": max_trials,
        }
        view = self.request("POST", "/studies", {k: v for k, v in body.items() if v is not None})
        return Study(self, view)

    def join(self, study_id: str) -> Study:
        """Join the study with this id, for example one that somebody has shared."""
        from lamarr.tuning.study import Study

        return Study(self, self.request("GET", f"/studies/{study_id}"))

    def studies(self) -> list[dict[str, Any]]:
        """All studies that the token may see."""
        return list(self.request("GET", "/studies"))

    def trials(self, study_id: str) -> list[dict[str, Any]]:
        """All trials of a study."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.request("GET", f"/studies/{study_id}/trials", params={"first": len(found)})
            found.extend(page)
            if not page:
                return found

    # -- results ------------------------------------------------------------------------------------

    def deliver(self, path: str, body: Mapping[str, Any], patience: float = 30.0) -> bool:
        """Save a result, then send it. True if the server has it, False if it waits in the outbox.

        Raises TuningError where the server refuses it; it is then set aside in the outbox.
        """
        letter = self.outbox.put(self.server, f"/api/v{_API}{path}", body)
        try:
            self._post(letter, patience)
        except ServerAwayError as error:
            _log.warning("%s; the result waits in %s and is sent with the next request", error, letter.path)
            return False
        return True

    def _post(self, letter: Letter, patience: float) -> None:
        try:
            self._send("POST", letter.url, letter.body, patience)
        except TuningError as error:
            if error.status in (401, 403):
                raise  # another token may do; the letter stays
            aside = self.outbox.refused(letter, str(error))
            _log.warning("the server does not take a result (%s); it was set aside: %s", error, aside)
            raise
        self.outbox.sent(letter)

    def flush(self, patience: float = 0.0, report: Callable[[Letter, str], None] | None = None) -> int:
        """Send results that wait in the outbox for this server; returns how many were taken."""
        sent = 0
        with self._flushing:
            for letter in list(self.outbox.letters(self.server)):
                try:
                    self._post(letter, patience)
                    sent += 1
                    outcome = "sent"
                except ServerAwayError:
                    return sent
                except TuningError as error:
                    outcome = str(error)
                if report is not None:
                    report(letter, outcome)
        return sent

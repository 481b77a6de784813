"""Studies and trials on the side of the client."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lamarr.tuning.problems import ServerAwayError, TuningError, problem

if TYPE_CHECKING:
    from lamarr.tuning.client import Client

__all__ = ["Pruned", "Study", "Trial"]

_log = logging.getLogger("lamarr.tuning")


class Pruned(Exception):  # noqa: N818 - not an error: the trial stops early, as it should
    """Raise in a trial to end it as pruned."""


class Study:
    """A study on the server; `view` is what the server says of it.

    Examples
    --------
    ::

        study = Client().study("rich", {"lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True}})
        with study.trial() as t:
            lr = t.params["lr"]
            width = t.suggest_int("width", 32, 256)
            for epoch in range(100):
                loss = ...
                t.report(epoch, loss)
                if t.should_prune():
                    break
            t.value = loss
    """

    def __init__(self, client: Client, view: Mapping[str, Any]) -> None:
        self.client, self.view = client, dict(view)

    @property
    def id(self) -> str:
        """32 hexadecimal digits."""
        return str(self.view["id"])

    def ask(self) -> Trial:
        """Get a trial. Raises TuningError ("exhausted", "closed") when there is none."""
        self.client.flush()
        body = {"worker": self.client.worker, "request": secrets.token_hex(16)}
        return Trial(self, self.client.request("POST", f"/studies/{self.id}/trials", body))

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """Get a trial, send signs of life while the block runs, tell how it ended.

        The trial is complete if the block has set `value` or `values`, pruned if it left after
        `should_prune` was true or raised :class:`Pruned`, failed if it raised anything else.
        """
        trial = self.ask()
        trial.start_heartbeat()
        try:
            yield trial
        except Pruned:
            trial.finish_pruned()
        except BaseException as error:
            trial.finish_failed(_last_line(error))
            raise
        else:
            trial.finish()
        finally:
            trial.stop_heartbeat()

    def optimize(self, objective: Callable[[Trial], Any], n_trials: int | None = None) -> int:
        """Work on trials until the study has none left, or on `n_trials`; returns how many.

        While others still work on the last trials it waits, in case one comes back from a dead worker.
        The objective returns the value(s), or None if it has set them itself.
        """
        done = 0
        while n_trials is None or done < n_trials:
            try:
                with self.trial() as trial:
                    result = objective(trial)
                    if result is not None:
                        trial.values = [result] if isinstance(result, int | float) else list(result)
            except TuningError as error:
                if error.kind == "closed" or (error.kind == "exhausted" and error.retry_after is None):
                    break
                if error.kind == "exhausted":
                    time.sleep(error.retry_after or 1.0)
                    continue
                if error.kind in ("finished", "lease_lost"):
                    continue  # another worker was faster; said and set aside by the client
                raise
            done += 1
        return done

    def best(self) -> list[dict[str, Any]]:
        """Give the best trial, or the Pareto front."""
        return list(self.client.request("GET", f"/studies/{self.id}/best"))

    def trials(self) -> list[dict[str, Any]]:
        """All trials."""
        return self.client.trials(self.id)

    def refresh(self) -> dict[str, Any]:
        """Ask the server again what the study is."""
        self.view = dict(self.client.request("GET", f"/studies/{self.id}"))
        return self.view

    def change(self, **changes: Any) -> None:
        """Change sampler, pruner, heartbeat, attempts, max_trials or closed."""
        self.view = dict(self.client.request("PATCH", f"/studies/{self.id}", changes))

    def share(self, user: str, access: str = "read") -> None:
        """Let another user "read" the study, or "work" on it."""
        self.client.request("PUT", f"/studies/{self.id}/shares/{user}", {"access": access})

    def delete(self) -> None:
        """Delete the study with all its trials for ever."""
        self.client.request("DELETE", f"/studies/{self.id}")


def _last_line(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()[:2000]


class Trial:
    """A trial at work. `params`: values of the declared parameters. Set `value` (or `values`) at the end."""

    def __init__(self, study: Study, handout: Mapping[str, Any]) -> None:
        self.study, self._client = study, study.client
        self.number = int(handout["number"])
        self.attempt = int(handout["attempt"])
        self.params: dict[str, Any] = dict(handout["params"])
        self.attrs: dict[str, Any] = {}
        self.values: Sequence[float] | None = None
        self.lost = False
        self._lease, self._heartbeat_s = handout["lease"], float(handout["heartbeat"])
        self._prune, self._told = False, False
        self._unsent: list[dict[str, Any]] = []
        self._away = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._path = f"/studies/{study.id}/trials/{self.number}"

    @property
    def value(self) -> float | None:
        """The single objective."""
        return self.values[0] if self.values else None

    @value.setter
    def value(self, value: float) -> None:
        self.values = [float(value)]

    # -- parameters ---------------------------------------------------------------------------------

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Get a real number in [low, high]."""
        range_ = {"type": "float", "low": float(low), "high": float(high), "log": log, "step": step}
        return float(self._suggest(name, range_))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Get an integer in [low, high]."""
        return int(self._suggest(name, {"type": "int", "low": low, "high": high, "log": log, "step": step}))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Get one of the choices."""
        return self._suggest(name, {"type": "categorical", "choices": list(choices)})

    def _suggest(self, name: str, range_: dict[str, Any]) -> Any:
        if self.study.view["space"].get(name) == range_ and name in self.params:
            return self.params[name]
        body = {"name": name, "range": range_, "lease": self._lease}
        self.params[name] = self._client.request("POST", self._path + "/suggest", body)["value"]
        return self.params[name]

    # -- progress -----------------------------------------------------------------------------------

    def report(self, step: int, value: float) -> None:
        """Report an intermediate value. If the server is away it is sent with a later report."""
        number = float(value)
        self._unsent.append({"step": step, "value": number if math.isfinite(number) else None})
        self._send_reports(patience=0.0 if self._away else 5.0)

    def _send_reports(self, patience: float) -> None:
        while self._unsent and not self.lost:
            body = {**self._unsent[0], "lease": self._lease}
            try:
                answer = self._client.request("POST", self._path + "/report", body, patience=patience)
            except ServerAwayError as error:
                if not self._away:
                    _log.warning("%s; intermediate values are kept and sent later", error)
                self._away = True
                return
            except TuningError as error:
                self._refused(error)
                return
            self._away = False
            self._prune = bool(answer["prune"])
            del self._unsent[0]

    def _refused(self, error: TuningError) -> None:
        if error.kind not in ("lease_lost", "finished"):
            raise error
        self.lost = True
        _log.warning("%s", error)

    def should_prune(self) -> bool:
        """Whether to stop: the pruner says so, or the trial was given to another worker."""
        return self._prune or self.lost

    def start_heartbeat(self) -> None:
        """Send signs of life from a thread until :meth:`stop_heartbeat`."""
        self._thread = threading.Thread(target=self._beat, name="lamarr-heartbeat", daemon=True)
        self._thread.start()

    def stop_heartbeat(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        pause = max(0.2, self._heartbeat_s / 4)
        while not self._stop.wait(pause):
            try:
                self._client.request("POST", self._path + "/heartbeat", {"lease": self._lease}, patience=0.0)
            except ServerAwayError:
                continue  # the main thread says so where it matters
            except TuningError as error:
                if not self._told:
                    self.lost = error.kind in ("lease_lost", "finished")
                    _log.warning("%s", error)
                return

    # -- the end ------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Tell how the trial ended, from what the block has set."""
        if self.values is not None:
            self.tell(self.values)
        elif self.lost:
            return
        elif self._prune:
            self.finish_pruned()
        else:
            self.finish_failed("the trial ended without a value")
            raise problem(
                "bad_request", f"trial {self.number} ended without a value; set trial.value before its end"
            )

    def tell(self, values: float | Sequence[float]) -> bool:
        """Finish with value(s). True if the server has them, False if they wait in the outbox."""
        numbers = [values] if isinstance(values, int | float) else values
        numbers = [float(v) for v in numbers]
        if not all(math.isfinite(v) for v in numbers):
            self.finish_failed(f"the objective is not finite: {numbers}")
            raise problem("not_a_number", f"the objective of trial {self.number} is not finite: {numbers}")
        return self._deliver("/tell", {"state": "complete", "values": numbers, "attrs": self.attrs})

    def finish_pruned(self) -> None:
        """Finish as pruned."""
        self._deliver("/tell", {"state": "pruned", "attrs": self.attrs})

    def finish_failed(self, reason: str) -> None:
        """Finish as failed. A reason that the server refuses (trial lost) is only logged."""
        if not self._told:
            try:
                self._deliver("/fail", {"error": reason})
            except TuningError as error:
                _log.warning("%s", error)

    def _deliver(self, end: str, body: dict[str, Any]) -> bool:
        self._told = True
        self._send_reports(patience=0.0)
        return self._client.deliver(self._path + end, {**body, "lease": self._lease})

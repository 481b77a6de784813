"""A trial at work, on the side of the client."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lamarr.tuning.problems import ServerAwayError, TuningError, problem

if TYPE_CHECKING:
    from lamarr.tuning.study import Study

__all__ = ["Trial"]

_log = logging.getLogger("lamarr.tuning")


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

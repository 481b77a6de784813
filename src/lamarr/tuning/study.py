"""Studies on the side of the client."""

from __future__ import annotations

import secrets
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lamarr.tuning.problems import TuningError
from lamarr.tuning.trial import Trial

if TYPE_CHECKING:
    from lamarr.tuning.client import Client

__all__ = ["Pruned", "Study", "Trial"]


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

"""The trainer of all classes of models: batches, looks at held-out rows, checkpoints, the best of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from lamarr.errors import ConfigurationError, ModelError
from lamarr.training.data import Sample
from lamarr.training.families.learner import Learner
from lamarr.training.preparation import Prepared
from lamarr.training.recipe import Steps
from lamarr.training.referee import referee
from lamarr.training.run import RunFolder

__all__ = ["Progress", "Trainer"]

_LOSS_ROWS: Final = 50_000
_CHUNK: Final = 10_000

Progress = Callable[[int, int, dict[str, float]], None]
"""Called with the step, the number of steps and the last values of all losses."""


@dataclass
class _State:
    """Where a training is."""

    step: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, float] | None = None


class Trainer:
    """Trains a learner; resumable to the bit.

    Parameters
    ----------
    learner : Learner
    prepared : Prepared
    sample : Sample
    steps : Steps
    run : RunFolder
    every : float
        Seconds between checkpoints.
    progress : callable, optional
        Told of every step.
    """

    def __init__(
        self,
        learner: Learner,
        prepared: Prepared,
        sample: Sample,
        steps: Steps,
        run: RunFolder,
        *,
        every: float = 30.0,
        progress: Progress | None = None,
    ) -> None:
        self.learner, self.settings, self.run, self.every = learner, steps, run, every
        self.device = _device(steps.device)
        self.learner.to(self.device)
        self.generator = torch.Generator().manual_seed(steps.seed)
        self.state, self.progress = _State(), progress
        self._c, self._t = torch.from_numpy(prepared.features), torch.from_numpy(prepared.targets)
        self._w = torch.from_numpy(prepared.weights)
        self.rows = {p: torch.from_numpy(sample.rows(p)) for p in ("train", "validation", "test")}
        self.batch_rows = steps.rows_at_once(len(self.rows["train"]))
        self.total = 1 if learner.whole else steps.updates(len(self.rows["train"]))

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features, targets and weights of rows, on the device."""
        c, t, w = (a[rows].to(self.device) for a in (self._c, self._t, self._w))
        return c, t, w

    def train(self) -> list[dict[str, float]]:
        """Train to the end, from the last checkpoint if there is one; the learner then is the best one.

        Returns
        -------
        list of dict
            What each look at held-out rows found.

        Raises
        ------
        ModelError
            If a loss becomes NaN or infinite: the step is named, and the best checkpoint is kept.
        """
        self._resume()
        looks = {round(self.total * (k + 1) / self.settings.looks) for k in range(self.settings.looks)}
        start = saved = time.monotonic()
        before = self.state.seconds
        try:
            while self.state.step < self.total:
                self._step()
                self.state.seconds = before + time.monotonic() - start
                if self.state.step in looks or self.state.step == self.total:
                    self._look()
                    self._store()
                    saved = time.monotonic()
                elif time.monotonic() - saved > self.every:
                    self._store()
                    saved = time.monotonic()
        finally:
            self.run.close()
        best = self.run.restore("best.pt")
        if best is not None:
            self.learner.load_state_dict(best["learner"])
        return self.state.history

    def _step(self) -> None:
        rows = self.rows["train"]
        if not self.learner.whole:
            rows = rows[torch.randint(0, len(rows), (self.batch_rows,), generator=self.generator)]
        c, t, w = self.batch(rows)
        with self._autocast():
            losses = self.learner.step(c, t, w, self.state.step / self.total, self.generator)
        values = {k: float(v) for k, v in losses.items()}
        if not all(np.isfinite(v) for v in values.values()):
            found = ", ".join(f"{k} = {v}" for k, v in values.items())
            best = self.state.best
            kept = (
                f"the best checkpoint, of step {best['step']:.0f}, is kept in {self.run.path / 'best.pt'}"
                if best
                else "there is no checkpoint yet"
            )
            raise ModelError(
                f"the training diverged: losses must be finite, but got {found} at step {self.state.step}; "
                f"{kept}. Lower the learning rates"
            )
        for k, v in values.items():
            self.state.sums[k] = self.state.sums.get(k, 0.0) + v
        self.state.count += 1
        self.state.step += 1
        if self.progress is not None:
            last = self.state.history[-1] if self.state.history else {}
            self.progress(self.state.step, self.total, {**last, **values})

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16)

    def _look(self) -> None:
        """Evaluate on held-out rows, log, and keep the learner if it is the best so far."""
        s = self.state
        line: dict[str, float] = {"step": float(s.step), "seconds": round(s.seconds, 3)}
        line |= {k: v / s.count for k, v in s.sums.items()}
        s.sums, s.count = {}, 0
        line |= self.judge("validation")
        s.history.append(line)
        self.run.log(s.history)
        score = line["held_out_loss"] if self.learner.criterion == "loss" else abs(line["auc"] - 0.5)
        if np.isfinite(score) and (s.best is None or score < s.best["score"]):
            s.best = {"step": float(s.step), "score": float(score)}
            self.run.store({"learner": self.learner.state_dict(), "best": s.best}, "best.pt")

    def judge(self, part: str) -> dict[str, float]:
        """Weighted mean loss, and the referee's AUC for a generator, on rows of a part."""
        found: dict[str, float] = {}
        rows = self.rows[part]
        loss = self._mean_loss(rows[:_LOSS_ROWS])
        if loss is not None:
            found["held_out_loss"] = loss
        if self.learner.n_noise:
            few = rows[: self.settings.referee_rows]
            c, t, w = (a.cpu().numpy() for a in self.batch(few))
            auc, error = referee(c, t, self.draw(few).numpy(), w)
            found |= {"auc": auc, "auc_error": error}
        return found

    @torch.no_grad()
    def _mean_loss(self, rows: Tensor) -> float | None:
        total = weight = 0.0
        for part in rows.split(_CHUNK):
            c, t, w = self.batch(part)
            losses = self.learner.losses(c, t)
            if losses is None:
                return None
            total += float((w * losses).sum(dtype=torch.float64))
            weight += float(w.sum(dtype=torch.float64))
        return total / weight

    def draw(self, rows: Tensor, seed: int = 0) -> Tensor:
        """Draws (rows, targets) for the conditions of rows; for classifiers probabilities."""
        generator = torch.Generator().manual_seed(seed)
        parts = []
        for part in rows.split(_CHUNK):
            noise = torch.randn(len(part), self.learner.n_noise, generator=generator).to(self.device)
            parts.append(self.learner.draw(self.batch(part)[0], noise).cpu())
        return torch.cat(parts)

    def _store(self) -> None:
        s = self.state
        self.run.store(
            {
                "learner": self.learner.state_dict(),
                "generator": self.generator.get_state(),
                "step": s.step,
                "seconds": s.seconds,
                "sums": s.sums,
                "count": s.count,
                "history": s.history,
                "best": s.best,
            }
        )

    def _resume(self) -> None:
        state = self.run.restore()
        if state is None:
            return
        self.learner.load_state_dict(state["learner"])
        self.generator.set_state(state["generator"])
        names = ("step", "seconds", "sums", "count", "history", "best")
        self.state = _State(**{k: state[k] for k in names})


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("device 'cuda' is asked for, but torch finds none: use 'cpu' or 'auto'")
    return name

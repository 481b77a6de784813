"""The loop over units: Muon and Adam, a mean of the weights, checkpoints that resume to the bit."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from lamarr.errors import ConfigurationError, InputFileError, ModelError
from lamarr.networks.events_to_events import Units
from lamarr.networks.muon import Muon, split_parameters
from lamarr.publishing import beside
from lamarr.training.ecal.batches import Batches
from lamarr.training.schedules import cosine_by_steps

__all__ = ["Fit", "Pace", "best_weights"]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long and how fast to train.

    Attributes
    ----------
    steps, batch : int
        Updates, and units in each.
    adam_rate, muon_rate : float
        At the start; both fall as a cosine.
    warmup, every : int
        Steps of linear rise; steps between looks at held-out units, and checkpoints.
    memory : float
        Of the mean of the weights, which is what is used.
    clip : float
        Largest norm of the gradient, per cluster.
    decay : float
        Of the weights of matrices.
    seed : int
    """

    steps: int
    batch: int = 16
    adam_rate: float = 2e-3
    muon_rate: float = 0.01
    warmup: int = 100
    every: int = 200
    memory: float = 0.995
    clip: float = 5.0
    decay: float = 0.1
    seed: int = 1

    def factor(self, step: int) -> float:
        """Factor on the learning rates at a step."""
        return cosine_by_steps(step, self.steps, self.warmup)


def best_weights(checkpoint: Path) -> dict[str, Tensor]:
    """Best mean of the weights in a checkpoint.

    Raises
    ------
    InputFileError
        If it is none.
    """
    try:
        best: dict[str, Tensor] = torch.load(checkpoint, weights_only=True)["best"]
    except (OSError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        raise InputFileError(
            f"'{checkpoint}' is no checkpoint of lamarr.training.ecal ({error!r})"
        ) from error
    return best


class Fit:
    """A training that can be killed at any time.

    Parameters
    ----------
    network : nn.Module
        With `losses(units, generator)`: losses by name, summed over the units.
    train, choose : Batches
    pace : Pace
    checkpoint : path
        If it exists, the training goes on from there with the same bits.
    identity : str
        Of sample and settings: a checkpoint of another one is refused.
    choose_last : bool
        Use the last mean of the weights, not that of the smallest held-out loss (games: it says little).
    """

    def __init__(
        self,
        network: nn.Module,
        train: Batches,
        choose: Batches,
        pace: Pace,
        *,
        checkpoint: Path,
        identity: str = "",
        choose_last: bool = False,
    ) -> None:
        self.network, self.train, self.choose, self.pace = network, train, choose, pace
        self.checkpoint, self.identity = checkpoint, f"{identity} {pace}"
        self.choose_last = choose_last
        matrices, rest = split_parameters(network)
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Adam(rest, pace.adam_rate, betas=(0.9, 0.99)),
            Muon(matrices, pace.muon_rate, decay=pace.decay),
        ]
        self.rates = [[g["lr"] for g in o.param_groups] for o in self.optimisers]
        self.generator = torch.Generator().manual_seed(pace.seed)
        self.mean = {k: v.detach().clone() for k, v in network.state_dict().items()}
        self.best: dict[str, Tensor] = {}
        self.step = 0
        self.history: list[dict[str, float]] = []
        if checkpoint.exists():
            self._restore()

    def run(self, until: int | None = None) -> list[dict[str, float]]:
        """Train to the end (or to a step), load the best mean of the weights, return the held-out losses.

        Raises
        ------
        ModelError
            If the loss becomes NaN: the step is named.
        """
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        end = self.pace.steps if until is None else min(until, self.pace.steps)
        with Progress(*columns, transient=True) as progress:
            task = progress.add_task("training", total=end, completed=self.step)
            while self.step < end:
                self._update()
                progress.update(task, completed=self.step)
                if self.step % self.pace.every == 0 or self.step == self.pace.steps:
                    self._look(progress.console.print)
        if until is not None or self.step == self.pace.steps:
            self.network.load_state_dict(self.best or self.mean)
        return self.history

    def _update(self) -> None:
        factor = self.pace.factor(self.step)
        for optimiser, initial in zip(self.optimisers, self.rates, strict=True):
            for group, rate in zip(optimiser.param_groups, initial, strict=True):
                group["lr"] = rate * factor
            optimiser.zero_grad(set_to_none=True)
        units = self.train.at(self.step)
        parts = self._losses(units, self.generator)
        value = torch.stack(list(parts.values())).sum() / units.m.sum().clamp(min=1)
        if not torch.isfinite(value.detach()):
            raise ModelError(f"the loss must be finite, but got {value.item()} at step {self.step}")
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.pace.clip)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        memory = min(self.pace.memory, self.step / (self.step + 10))
        with torch.no_grad():
            for k, v in self.network.state_dict().items():
                self.mean[k].lerp_(v, 1 - memory) if v.is_floating_point() else self.mean[k].copy_(v)

    def held_out(self) -> dict[str, float]:
        """Losses per held-out cluster of the mean of the weights."""
        own = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(self.mean)
        generator = torch.Generator().manual_seed(0)
        total: dict[str, float] = {}
        clusters = 0
        with torch.no_grad():
            for units in self.choose.all():
                clusters += int(units.m.sum())
                for k, v in self._losses(units, generator).items():
                    total[k] = total.get(k, 0.0) + float(v)
        self.network.load_state_dict(own)
        return {k: v / max(clusters, 1) for k, v in total.items()}

    def _losses(self, units: Units, generator: torch.Generator) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = self.network.losses(units, generator)  # type: ignore[operator]
        return losses

    def _look(self, say: Callable[[str], None]) -> None:
        parts = self.held_out()
        total = sum(parts.values())
        if self.choose_last or not self.history or total <= min(h["total"] for h in self.history):
            self.best = {k: v.clone() for k, v in self.mean.items()}
        self.history.append({"step": self.step, "total": total, **parts})
        say(f"step {self.step}: {total:.4f}  " + "  ".join(f"{k} {v:.3f}" for k, v in parts.items()))
        self._save()

    def _save(self) -> None:
        state = {
            "identity": self.identity,
            "network": self.network.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "generator": self.generator.get_state(),
            "mean": self.mean,
            "best": self.best,
            "step": self.step,
            "history": self.history,
        }
        with beside(self.checkpoint) as part:
            torch.save(state, part)

    def _restore(self) -> None:
        state: dict[str, Any] = torch.load(self.checkpoint, weights_only=True)
        if state["identity"] != self.identity:
            raise ConfigurationError(
                f"the checkpoint {self.checkpoint} belongs to another training ({state['identity']}, now "
                f"{self.identity}): remove it or train into another folder"
            )
        self.network.load_state_dict(state["network"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.generator.set_state(state["generator"])
        self.mean, self.best = state["mean"], state["best"]
        self.step, self.history = state["step"], state["history"]

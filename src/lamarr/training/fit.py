"""The training loop: random batches, Muon and Adam, a cosine schedule, checkpoints that resume to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from lamarr.errors import ConfigurationError, ModelError
from lamarr.networks.muon import Muon, split_parameters
from lamarr.publishing import beside
from lamarr.training.schedules import cosine_by_steps

__all__ = ["Schedule", "fit", "mean_loss"]

Loss = Callable[..., Tensor]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast to train.

    Attributes
    ----------
    steps, batch : int
        Number of updates, and rows in each.
    adam_rate, muon_rate : float
        Learning rates at the start; both fall as a cosine to a thousandth.
    warmup : int
        Steps of linear rise before.
    clip : float
        Largest norm of the gradient.
    hold_out : int
        Rows at the start of the sample that are never trained on.
    seed : int
        Of initial weights and batches.
    """

    steps: int
    batch: int = 1024
    adam_rate: float = 2e-3
    muon_rate: float = 0.02
    warmup: int = 300
    clip: float = 10.0
    hold_out: int = 20_000
    seed: int = 1

    def factor(self, step: int) -> float:
        """Factor on the learning rates at a step."""
        return cosine_by_steps(step, self.steps, self.warmup)


@torch.no_grad()
def mean_loss(loss: Loss, tensors: Sequence[Tensor], rows: int, chunk: int = 4000) -> float:
    """Mean loss over the first `rows` rows."""
    parts = [loss(*(t[a : a + chunk] for t in tensors)).sum() for a in range(0, rows, chunk)]
    return float(torch.stack(parts).sum() / rows)


def fit(
    network: nn.Module,
    loss: Loss,
    tensors: Sequence[Tensor],
    schedule: Schedule,
    *,
    checkpoint: Path | None = None,
    every: int = 2000,
    adam: Sequence[str] = (),
) -> list[tuple[int, float]]:
    """Minimise the mean of `loss` (rows,) over random batches of `tensors` (rows, …); one thread, in place.

    Parameters
    ----------
    checkpoint : path, optional
        Written every `every` steps; if it exists, training goes on from there with the same bits.
    adam : sequence of str
        Names of matrices that Adam trains; by default Muon trains them all.

    Returns
    -------
    list of (step, loss on held-out rows)

    Raises
    ------
    ModelError
        If the loss becomes NaN: the step is named.
    ConfigurationError
        If the sample is not larger than the held-out part, or the checkpoint is of another training.
    """
    rows = len(tensors[0])
    if rows <= schedule.hold_out:
        raise ConfigurationError(f"rows > hold_out must hold, but got (rows={rows}, {schedule.hold_out=})")
    matrices, rest = split_parameters(network, adam=adam)
    optimisers: list[torch.optim.Optimizer] = [torch.optim.Adam(rest, schedule.adam_rate, betas=(0.9, 0.99))]
    if matrices:
        optimisers.append(Muon(matrices, schedule.muon_rate))
    rates = [[g["lr"] for g in o.param_groups] for o in optimisers]
    generator = torch.Generator().manual_seed(schedule.seed)
    step = 0
    history: list[tuple[int, float]] = []
    if checkpoint is not None and checkpoint.exists():
        step, history = _restore(checkpoint, network, optimisers, generator, schedule, rows)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("training", total=schedule.steps, completed=step)
        while step < schedule.steps:
            _set_rates(optimisers, rates, schedule.factor(step))
            batch = torch.randint(schedule.hold_out, rows, (schedule.batch,), generator=generator)
            value = loss(*(t[batch] for t in tensors)).mean()
            if not torch.isfinite(value.detach()):
                raise ModelError(f"the loss must be finite, but got {value.detach().item()} at step {step}")
            for o in optimisers:
                o.zero_grad(set_to_none=True)
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
            for o in optimisers:
                o.step()
            step += 1
            progress.update(task, completed=step)
            if step % every == 0 or step == schedule.steps:
                history.append((step, mean_loss(loss, tensors, schedule.hold_out)))
                progress.console.print(f"step {step}: held-out loss {history[-1][1]:.4f}")
                if checkpoint is not None:
                    _save(checkpoint, network, optimisers, generator, schedule, rows, step, history)
    return history


def _set_rates(optimisers: list[torch.optim.Optimizer], rates: list[list[float]], factor: float) -> None:
    for optimiser, initial in zip(optimisers, rates, strict=True):
        for group, rate in zip(optimiser.param_groups, initial, strict=True):
            group["lr"] = rate * factor


def _save(
    path: Path,
    network: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    generator: torch.Generator,
    schedule: Schedule,
    rows: int,
    step: int,
    history: list[tuple[int, float]],
) -> None:
    state = {
        "network": network.state_dict(),
        "optimisers": [o.state_dict() for o in optimisers],
        "generator": generator.get_state(),
        "training": (str(schedule), rows),
        "step": step,
        "history": history,
    }
    with beside(path) as part:
        torch.save(state, part)


def _restore(
    path: Path,
    network: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    generator: torch.Generator,
    schedule: Schedule,
    rows: int,
) -> tuple[int, list[tuple[int, float]]]:
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if tuple(state["training"]) != (str(schedule), rows):
        raise ConfigurationError(
            f"the checkpoint {path} belongs to another training ({state['training']}, now {schedule}, "
            f"{rows} rows): remove it or train into another folder"
        )
    network.load_state_dict(state["network"])
    for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    generator.set_state(state["generator"])
    return state["step"], [tuple(h) for h in state["history"]]

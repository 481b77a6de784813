"""What every class of models offers to the trainer: update, judge, draw, lower."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lamarr.training.optimiser import Optimiser
from lamarr.transpile import GraphBuilder, Value

__all__ = ["Average", "Learner"]


class Average:
    """Mean of a network's weights over the last steps: what is drawn from is calmer than what learns.

    Parameters
    ----------
    live : nn.Module
        The network that learns.
    memory : float
        Share of the mean that a step keeps, from 0 (no mean at all) up to 1; in the first steps less.

    References
    ----------
    B. Polyak, A. Juditsky, Acceleration of stochastic approximation by averaging (1992)
    """

    def __init__(self, live: nn.Module, memory: float) -> None:
        self.live, self.memory, self.count = live, memory, 0
        self.mean = deepcopy(live) if memory else live

    @torch.no_grad()
    def update(self) -> None:
        """Take one more step into the mean."""
        if self.mean is self.live:
            return
        memory = min(self.memory, (1 + self.count) / (10 + self.count))
        self.count += 1
        for mean, now in zip(self.mean.parameters(), self.live.parameters(), strict=True):
            mean.lerp_(now, 1 - memory)


class Learner(ABC):
    """A conditional model of targets t (n, `targets`) given features c (n, `conditions`), and how it learns.

    All random numbers come from the generator that :meth:`step` is given, so that a training that goes on
    from a checkpoint gives the same bits.

    Attributes
    ----------
    networks, optimisers : dict
        Everything with a state, by name.
    n_noise : int
        N(0, 1) numbers per draw; 0 for classifiers.
    criterion : str
        ``loss`` if held-out losses of two checkpoints can be compared, else ``referee``.
    whole : bool
        Whether one step takes the whole sample instead of a batch.
    """

    n_noise: int
    criterion: ClassVar[str] = "loss"
    whole: ClassVar[bool] = False
    average: Average | None = None

    def __init__(self) -> None:
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, Optimiser] = {}

    @abstractmethod
    def step(
        self, c: Tensor, t: Tensor, w: Tensor, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """One update on a batch with weights w (n,) of mean one; returns losses by name."""

    @abstractmethod
    def losses(self, c: Tensor, t: Tensor) -> Tensor | None:
        """Loss of each row (n,), or None if the class has none that can be compared."""

    @abstractmethod
    def draw(self, c: Tensor, noise: Tensor) -> Tensor:
        """Targets (n, targets) from noise (n, n_noise); for classifiers probabilities (n, classes)."""

    @abstractmethod
    def lower(self, b: GraphBuilder, c: Value, noise: Value | None) -> Value:
        """Append :meth:`draw` to a graph."""

    @property
    def parameters(self) -> int:
        """Number of weights that a draw needs."""
        return sum(p.numel() for p in self.networks["model"].parameters())

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a training needs to go on."""
        return {
            "networks": {k: n.state_dict() for k, n in self.networks.items()},
            "optimisers": {k: o.state_dict() for k, o in self.optimisers.items()},
            "averaged": 0 if self.average is None else self.average.count,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        for k, network in self.networks.items():
            network.load_state_dict(state["networks"][k])
        for k, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][k])
        if self.average is not None:
            self.average.count = int(state["averaged"])

    def to(self, device: str) -> Learner:
        """Move all networks to a device, before the first step."""
        for network in self.networks.values():
            network.to(device)
        return self

"""One optimiser for a network, whatever its parts: Muon with Adam, Adam, or RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lamarr.declaration import STRICT
from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.networks.muon import Muon, split_parameters
from lamarr.training.schedules import Fall

__all__ = ["Optimiser", "OptimiserSettings"]

_KINDS = ("muon", "adam", "rmsprop")


@dataclass(frozen=True, kw_only=True)
class OptimiserSettings:
    """What updates weights.

    Attributes
    ----------
    kind : str
        ``muon`` (matrices; the rest by Adam), ``adam`` or ``rmsprop``.
    rate, matrix_rate : float
        Learning rates at the start, of Adam or RMSprop and of Muon.
    betas : (float, float)
        Of Adam.
    clip : float
        Largest norm of the gradient.
    decay : float
        Weight decay: weights shrink by rate × decay per step (not with RMSprop).
    schedule : Fall
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    kind: str = "muon"
    rate: float = 2e-3
    matrix_rate: float = 0.02
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 10.0
    decay: float = 0.0
    schedule: Fall = field(default_factory=Fall)

    def __post_init__(self) -> None:
        """Check kind and rates."""
        if self.kind not in _KINDS:
            raise_unknown("optimiser", self.kind, _KINDS, ConfigurationError)
        if not (self.rate > 0 and self.matrix_rate > 0 and self.clip > 0):
            raise ConfigurationError(
                f"rate, matrix_rate and clip must be positive, but got ({self.rate}, {self.matrix_rate}, "
                f"{self.clip})"
            )


class Optimiser:
    """Updates the weights of a network.

    Parameters
    ----------
    network : nn.Module
    settings : OptimiserSettings
    skip : sequence of str
        Names of matrices that Muon leaves to Adam.
    """

    def __init__(self, network: nn.Module, settings: OptimiserSettings, skip: Sequence[str] = ()) -> None:
        self.network, self.settings = network, settings
        matrices, rest = split_parameters(network, adam=skip)
        if settings.kind == "muon":
            self.parts: list[torch.optim.Optimizer] = [
                Muon(matrices, settings.matrix_rate, decay=settings.decay)
            ]
            if rest:
                self.parts.append(self._adam(rest))
        elif settings.kind == "adam":
            self.parts = [self._adam(list(network.parameters()))]
        else:
            self.parts = [torch.optim.RMSprop(network.parameters(), settings.rate)]
        self._rates = [[g["lr"] for g in part.param_groups] for part in self.parts]

    def _adam(self, parameters: list[Tensor]) -> torch.optim.Optimizer:
        s = self.settings
        if s.decay:
            return torch.optim.AdamW(parameters, s.rate, betas=s.betas, weight_decay=s.decay)
        return torch.optim.Adam(parameters, s.rate, betas=s.betas)

    def update(self, loss: Tensor, progress: float) -> None:
        """One step down the gradient of `loss`, at the rate that the schedule gives at this progress."""
        factor = self.settings.schedule.factor(progress)
        for part, rates in zip(self.parts, self._rates, strict=True):
            part.zero_grad(set_to_none=True)
            for group, rate in zip(part.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        for part in self.parts:
            part.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of all parts."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Restore the state of all parts."""
        for part, saved in zip(self.parts, state, strict=True):
            part.load_state_dict(saved)

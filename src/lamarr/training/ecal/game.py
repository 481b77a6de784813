"""Adversarial fine-tuning: a DeepSets judge tells drawn clusters from simulated ones, and the drawing learns.

Both learn in one step: the judge minimises its cross entropy, and the gradient that reaches the clusters is
turned round. The likelihood stays in the loss, so that what is learned is not forgotten.

References
----------
I. Goodfellow et al., Generative Adversarial Networks (2014), arXiv:1406.2661
Y. Ganin, V. Lempitsky, Unsupervised Domain Adaptation by Backpropagation (2014), arXiv:1409.7495 (reversal)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from lamarr.networks.deepsets import DeepSets
from lamarr.networks.events_to_events import Units
from lamarr.networks.translation import Translation

__all__ = ["Game"]


class _Reversal(torch.autograd.Function):
    """The identity, with −`strength` times the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


class Game(nn.Module):
    """A translation and its judge.

    Parameters
    ----------
    player : Translation
    queries, features : int
        Features of queries and tokens.
    strength : float
        Of the reversed gradient.
    """

    def __init__(self, player: Translation, queries: int, features: int, *, strength: float = 1.0) -> None:
        super().__init__()
        self.player, self.strength = player, strength
        self.judge = DeepSets(player.targets + queries, features)

    def losses(self, units: Units, generator: torch.Generator) -> dict[str, Tensor]:
        """Losses of the player, and the cross entropy of the judge."""
        noise = torch.randn((*units.targets.shape[:2], self.player.noise), generator=generator)
        drawn = self.player.clusters(units, noise)
        fake = self._judged(_Reversal.apply(drawn, self.strength), units)
        real = self._judged(units.targets, units)
        return {
            **self.player.losses(units, generator),
            "judge": (softplus(fake) + softplus(-real)).sum(),
        }

    def _judged(self, targets: Tensor, units: Units) -> Tensor:
        objects = torch.cat([targets, units.queries], dim=-1)
        return self.judge(objects, units.clusters_there, units.tokens, units.sources_there)

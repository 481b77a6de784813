"""From n sources to m clusters: what the models of the calorimeter have in common.

A unit (an event, or a part of it) has n sources, which the network sees as tokens (n, features). In two steps

1. every source is told how many clusters are *its own* (0: it is lost, or merged into that of a harder
   one), and the unit how many clusters nobody owns;
2. these clusters, as queries with the token of their owner, become objects of their own and get their
   features.

All clusters of a unit are drawn with the numbers of clusters of all sources in sight.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lamarr.networks.geometric import Block, present
from lamarr.networks.mixture import AutoregressiveMixture
from lamarr.networks.mlp import MLP

__all__ = ["POOL_SCALE", "Counts", "Encoder", "Units"]

POOL_SCALE = 0.02
"""Of the sum over sources, beside their mean."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """Units of a training step; places are the first two features of tokens and queries.

    Attributes
    ----------
    tokens : Tensor (units, sources, features)
    n : Tensor (units,)
        Sources that are there.
    owned : Tensor (units, sources), integers
        Clusters that belong to each source.
    queries : Tensor (units, clusters, query features)
        The last feature is 1 for a cluster that nobody owns.
    targets : Tensor (units, clusters, target features)
    m : Tensor (units,)
        Clusters that are there.
    """

    tokens: Tensor
    n: Tensor
    owned: Tensor
    queries: Tensor
    targets: Tensor
    m: Tensor

    @property
    def sources_there(self) -> Tensor:
        """Which sources are there (units, sources)."""
        return present(self.n, self.tokens.shape[1])

    @property
    def clusters_there(self) -> Tensor:
        """Which clusters are there (units, clusters)."""
        return present(self.m, self.queries.shape[1])

    @property
    def ownerless(self) -> Tensor:
        """Clusters that nobody owns (units, clusters), among those that are there."""
        return (self.queries[..., -1] > 0.5) & self.clusters_there


class Encoder(nn.Module):
    """Tokens (n, a, features) → memory (n, a, width), by `layers` of attention among them."""

    def __init__(self, features: int, width: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))

    def forward(self, tokens: Tensor, there: Tensor) -> Tensor:
        """Return the memory."""
        x, at = self.embed(tokens), tokens[..., :2]
        for block in self.blocks:
            x = block(x, at, (None, at, there))
        return x


class Counts(nn.Module):
    """How many clusters: of every source a category, of the unit a mixture for the logarithm of their number.

    Parameters
    ----------
    width : int
        Of the memory.
    most : int
        Largest number of clusters of a source.
    """

    def __init__(self, width: int, most: int) -> None:
        super().__init__()
        self.most = most
        self.owned = MLP(width, [width], most + 1)
        self.ownerless = AutoregressiveMixture(2 * width, 1, trunk=width, depth=2, head=16, components=4)

    def pooled(self, memory: Tensor, there: Tensor) -> Tensor:
        """Mean and scaled sum (n, 2 width) of what is there."""
        total = (memory * there[..., None]).sum(dim=1)
        return torch.cat([total / there.sum(dim=1, keepdim=True).clamp(min=1), POOL_SCALE * total], dim=1)

    def losses(self, memory: Tensor, units: Units, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Negative log likelihood of the numbers: of the sources, and of the unit, summed over units.

        The number of ownerless clusters is spread over half a unit to either side, evenly.
        """
        there = units.sources_there
        log_p = torch.log_softmax(self.owned(memory), dim=-1)
        chosen = log_p.gather(-1, units.owned[..., None])[..., 0]
        number = units.ownerless.sum(dim=1)
        spread = torch.log(number + 0.5 + torch.rand(number.shape, generator=generator))
        log_density = self.ownerless.log_prob(spread[:, None], self.pooled(memory, there))
        return -(chosen * there).sum(), -(log_density - spread).sum()

    def draw(self, memory: Tensor, there: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers (n, a) of the sources and (n,) of the unit from N(0, 1) `noise` (n, a + 2)."""
        uniform = torch.special.ndtr(noise[:, :-2])
        cumulative = torch.cumsum(torch.softmax(self.owned(memory), dim=-1), dim=-1)
        owned = (cumulative[..., :-1] <= uniform[..., None]).sum(dim=-1) * there
        spread = self.ownerless.sample(self.pooled(memory, there), noise[:, -2:])[:, 0]
        return owned, torch.ceil(torch.exp(spread) - 1.5).clamp(min=0)

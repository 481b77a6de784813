"""Sources → clusters as a graph that becomes a graph: features of clusters flow from noise to their places.

Two families of nodes: sources, whose features never change, and clusters, whose features start from N(0, 1)
and follow dx/dt = v(x, t). The velocity v is found by messages: clusters look at clusters and sources,
sources at clusters, each within the reach of its heads; hidden states of both are updated. All clusters
move together, so that they know of each other (two that share an energy do). Trained by flow matching: v is
the mean of (end − start) over straight ways.

References
----------
Y. Lipman et al., Flow Matching for Generative Modeling (2022), arXiv:2210.02747
P. Veličković et al., Graph Attention Networks (2017), arXiv:1710.10903
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from lamarr.networks.events_to_events import Counts, Encoder, Units
from lamarr.networks.geometric import Block

__all__ = ["GraphFlow", "times", "waves"]

WAVES = 3


def waves(t: Tensor) -> Tensor:
    """Features (…, 1 + WAVES) of a time (…, 1) between 0 and 1."""
    return torch.cat([t, *(torch.cos(math.pi * (k + 1) * t) for k in range(WAVES))], dim=-1)


def times(steps: int) -> list[float]:
    """Borders of the steps from 0 to 1: closer where features are nearly in place."""
    return [math.sin(0.5 * math.pi * k / steps) for k in range(steps + 1)]


class GraphFlow(nn.Module):
    """Velocity of all clusters of a unit, and the numbers of clusters.

    Parameters
    ----------
    features, queries, targets : int
        Features of sources, of cluster nodes that do not change (their owner, their rank), and that do.
    most : int
        Largest number of clusters of a source.
    width, encoder : int
        Of the hidden states, and layers of messages among sources.
    steps : int
        Of a draw.
    """

    def __init__(
        self,
        features: int,
        queries: int,
        targets: int,
        *,
        most: int = 3,
        width: int = 64,
        encoder: int = 2,
        steps: int = 8,
    ) -> None:
        super().__init__()
        self.targets, self.steps = targets, steps
        self.encoder = Encoder(features, width, encoder)
        self.counts = Counts(width, most)
        self.embed = nn.Linear(queries + targets + 1 + WAVES, width)
        self.first, self.second = Block(width, looks=2), Block(width, looks=2)
        self.back = Block(width)
        self.out = nn.Linear(width, targets)

    @property
    def noise(self) -> int:
        """N(0, 1) numbers of a cluster."""
        return self.targets

    def velocity(self, memory: Tensor, units: Units, x: Tensor, t: Tensor) -> Tensor:
        """Return v (units, clusters, targets) at features x of that shape, times t (units, clusters, 1)."""
        h = self.embed(torch.cat([units.queries, x, waves(t)], dim=-1))
        at, seen = units.queries[..., :2], units.tokens[..., :2]
        own = (None, at, units.clusters_there)
        h = self.first(h, at, own, (memory, seen, units.sources_there))
        memory = self.back(memory, seen, (h, at, units.clusters_there))
        h = self.second(h, at, own, (memory, seen, units.sources_there))
        return self.out(h)

    def losses(self, units: Units, generator: torch.Generator) -> dict[str, Tensor]:
        """Negative log likelihoods of the numbers, and squared errors of the velocity, summed over units."""
        memory = self.encoder(units.tokens, units.sources_there)
        owned, ownerless = self.counts.losses(memory, units, generator)
        start = torch.randn(units.targets.shape, generator=generator)
        t = torch.rand((len(units.n), 1, 1), generator=generator).expand(*start.shape[:2], 1)
        v = self.velocity(memory, units, start + t * (units.targets - start), t)
        error = (v - (units.targets - start)).square().sum(dim=-1) * units.clusters_there
        return {"owned": owned, "ownerless": ownerless, "velocity": error.sum()}

    def clusters(self, units: Units, noise: Tensor) -> Tensor:
        """Draw targets (units, clusters, targets) for given queries by steps of Euler from `noise`."""
        memory = self.encoder(units.tokens, units.sources_there)
        x, border = noise, times(self.steps)
        for a, b in itertools.pairwise(border):
            t = torch.full_like(x[..., :1], a)
            x = x + (b - a) * self.velocity(memory, units, x, t)
        return x * units.clusters_there[..., None]

"""Sources → clusters as a translation: an encoder-decoder transformer with mixtures as its words.

The sources, sorted by energy, are the sentence; their numbers of clusters say how long the answer is. The
decoder's queries (owner and rank of each cluster) look at each other and at the sources, and each ends in a
mixture of Gaussians, feature by feature. All words are drawn at once.

References
----------
A. Vaswani et al., Attention is all you need (2017), arXiv:1706.03762
C. Bishop, Mixture Density Networks (1994)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lamarr.networks.events_to_events import Counts, Encoder, Units
from lamarr.networks.geometric import Block
from lamarr.networks.mixture import LOG_SIGMA, AutoregressiveMixture

__all__ = ["Translation", "draw_differentiably"]


def draw_differentiably(mixture: AutoregressiveMixture, c: Tensor, noise: Tensor) -> Tensor:
    """Draw as :meth:`AutoregressiveMixture.sample`, with gradients along the Gaussians that were chosen."""
    first = mixture.context(mixture.trunk(c)).reshape(-1, mixture.targets, mixture.head)
    normal, chosen = noise.split(mixture.targets, dim=-1)
    uniform = torch.special.ndtr(chosen)
    drawn: list[Tensor] = []
    for j in range(mixture.targets):
        hidden = first[:, j]
        if drawn:
            hidden = hidden + torch.stack(drawn, dim=-1) @ mixture.previous[:j, j]
        raw = mixture.activation(hidden) @ mixture.out[j] + mixture.out_bias[j]
        logit, mu, log_sigma = raw.split(mixture.components, dim=-1)
        cumulative = torch.cumsum(torch.softmax(logit.detach(), dim=-1), dim=-1)
        k = (cumulative[:, :-1] <= uniform[:, j : j + 1]).sum(dim=-1, keepdim=True)
        spread = torch.exp(log_sigma.clamp(*LOG_SIGMA).gather(1, k))[:, 0]
        drawn.append(mu.gather(1, k)[:, 0] + spread * normal[:, j])
    return torch.stack(drawn, dim=-1)


class Translation(nn.Module):
    """Encoder-decoder transformer from tokens to clusters.

    Parameters
    ----------
    features, queries, targets : int
        Features of tokens, queries and clusters.
    most : int
        Largest number of clusters of a source.
    width, encoder, decoder, components : int
        Of the layers, their numbers, and the Gaussians of a target.
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
        decoder: int = 2,
        components: int = 8,
    ) -> None:
        super().__init__()
        self.targets = targets
        self.encoder = Encoder(features, width, encoder)
        self.counts = Counts(width, most)
        self.embed = nn.Linear(queries, width)
        self.decoder = nn.ModuleList(Block(width, looks=2) for _ in range(decoder))
        self.owned, self.ownerless = (
            AutoregressiveMixture(width, targets, trunk=width, depth=2, components=components)
            for _ in range(2)
        )

    @property
    def noise(self) -> int:
        """N(0, 1) numbers of a cluster."""
        return 2 * self.targets

    def words(self, memory: Tensor, units: Units) -> Tensor:
        """Return what the decoder says of every cluster (units, clusters, width)."""
        x, at = self.embed(units.queries), units.queries[..., :2]
        own, sources = (None, at, units.clusters_there), (memory, units.tokens[..., :2], units.sources_there)
        for block in self.decoder:
            x = block(x, at, own, sources)
        return x

    def losses(self, units: Units, generator: torch.Generator) -> dict[str, Tensor]:
        """Negative log likelihoods, summed over the units."""
        memory = self.encoder(units.tokens, units.sources_there)
        owned, ownerless = self.counts.losses(memory, units, generator)
        words, free = self.words(memory, units), units.ownerless
        mine = units.clusters_there & ~free
        return {
            "owned": owned,
            "ownerless": ownerless,
            "clusters": -self.owned.log_prob(units.targets[mine], words[mine]).sum(),
            "ownerless clusters": -self.ownerless.log_prob(units.targets[free], words[free]).sum(),
        }

    def clusters(self, units: Units, noise: Tensor) -> Tensor:
        """Draw targets (units, clusters, targets) for given queries from `noise` (…, self.noise)."""
        words = self.words(self.encoder(units.tokens, units.sources_there), units)
        flat, random = words.reshape(-1, words.shape[-1]), noise.reshape(-1, self.noise)
        owned = draw_differentiably(self.owned, flat, random).reshape(*words.shape[:2], -1)
        ownerless = draw_differentiably(self.ownerless, flat, random).reshape(*words.shape[:2], -1)
        free = units.queries[..., -1:] > 0.5
        return torch.where(free, ownerless, owned) * units.clusters_there[..., None]

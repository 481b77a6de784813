"""A judge of sets: whether this set of clusters belongs to these sources.

    score = ρ(Σ_i φ(cluster_i), Σ_j ψ(source_j))

References
----------
M. Zaheer et al., Deep Sets (2017), arXiv:1703.06114
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lamarr.networks.mlp import MLP

__all__ = ["DeepSets"]


class DeepSets(nn.Module):
    """Score (n,) of sets.

    Parameters
    ----------
    objects, context : int
        Features of the objects that are judged, and of those that they are judged by (0: none).
    width : int
        Of all layers.
    scale : float
        Of the sums, so that they are of order one.
    """

    def __init__(self, objects: int, context: int = 0, *, width: int = 64, scale: float = 0.05) -> None:
        super().__init__()
        self.scale = scale
        self.object = MLP(objects, [width], width, activation="leaky_relu", last="leaky_relu")
        self.context = MLP(context, [width], width, activation="leaky_relu") if context else None
        self.whole = MLP(width * (2 if context else 1) + 1, [width, width], 1, activation="leaky_relu")

    def forward(
        self,
        objects: Tensor,
        there: Tensor,
        context: Tensor | None = None,
        context_there: Tensor | None = None,
    ) -> Tensor:
        """Judge objects (n, a, features) of which `there` (n, a) are, given context (n, b, features)."""
        parts = [self._sum(self.object(objects), there), there.sum(dim=1, keepdim=True) * self.scale]
        if self.context is not None and context is not None and context_there is not None:
            parts.append(self._sum(self.context(context), context_there))
        return self.whole(torch.cat(parts, dim=1))[:, 0]

    def _sum(self, values: Tensor, there: Tensor) -> Tensor:
        return self.scale * (values * there[..., None]).sum(dim=1)

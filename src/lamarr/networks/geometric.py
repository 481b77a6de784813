"""Attention between objects that lie in a plane: content, and how far apart they are.

    weight_ij ∝ exp(q_i · k_j / √d − |r_i − r_j|² / 2 σ_h²)

Every head h has a reach σ_h that it learns. Up to a factor of the row, which the softmax removes, this is a
scalar product of (q, s x, s y, 1) and (k, s x, s y, −s² r² / 2) with s = 1 / σ: plain attention, for every
back end.

References
----------
A. Vaswani et al., Attention is all you need (2017), arXiv:1706.03762
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lamarr.networks.mlp import MLP

__all__ = ["REACH", "Block", "GeometricAttention", "present"]

REACH = (0.08, 0.2, 0.6, 3.0)
"""Reach of the heads at the start, in the unit of the positions (m)."""


def present(count: Tensor, most: int) -> Tensor:
    """Which of `most` objects are there (n, most), of `count` (n,)."""
    return torch.arange(most)[None] < count[:, None]


class GeometricAttention(nn.Module):
    """Mean of the values of objects, weighted by content and distance; 0 where there is no object.

    Parameters
    ----------
    width : int
        Features of queries, of what is looked at, and of the result.
    reach : sequence of float
        One head each: its reach at the start.
    """

    def __init__(self, width: int, reach: Sequence[float] = REACH) -> None:
        super().__init__()
        self.heads, self.depth = len(reach), width // len(reach)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.log_reach = nn.Parameter(torch.log(torch.tensor(list(reach))))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def forward(self, x: Tensor, y: Tensor, at_x: Tensor, at_y: Tensor, there: Tensor) -> Tensor:
        """Look from x (n, a, width) at y (n, b, width), of which `there` (n, b) are; places (n, ·, 2)."""
        s = torch.exp(-self.log_reach)[:, None, None]
        q, k, v = self._split(self.q(x)), self._split(self.k(y)), self._split(self.v(y))
        far = at_y[:, None].square().sum(-1, keepdim=True) * (-0.5 * s * s)
        q = torch.cat([q / math.sqrt(self.depth), at_x[:, None] * s, torch.ones_like(q[..., :1])], dim=-1)
        k = torch.cat([k, at_y[:, None] * s, far], dim=-1)
        score = (q @ k.mT).masked_fill(~there[:, None, None], -1e30)
        weight = torch.softmax(score, dim=-1) * there[:, None, None]
        return self.out((weight @ v).transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    """x ← x + attention(norm x, …), then x ← x + perceptron(norm x).

    Parameters
    ----------
    width : int
    looks : int
        Attentions one after the other; what each looks at is said in the call.
    """

    def __init__(self, width: int, looks: int = 1) -> None:
        super().__init__()
        self.norms: Sequence[nn.LayerNorm] = nn.ModuleList(  # type: ignore[assignment]
            nn.LayerNorm(width) for _ in range(looks)
        )
        self.attention: Sequence[GeometricAttention] = nn.ModuleList(  # type: ignore[assignment]
            GeometricAttention(width) for _ in range(looks)
        )
        self.norm = nn.LayerNorm(width)
        self.body = MLP(width, [2 * width], width)

    def forward(self, x: Tensor, at_x: Tensor, *seen: tuple[Tensor | None, Tensor, Tensor]) -> Tensor:
        """Update x (n, a, width); `seen` are (objects or None for x, places, which are there)."""
        for norm, attention, (y, at_y, there) in zip(self.norms, self.attention, seen, strict=True):
            own = norm(x)
            x = x + attention(own, own if y is None else y, at_x, at_y, there)
        return x + self.body(self.norm(x))

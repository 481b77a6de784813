"""The second player of an adversarial game: a perceptron that judges, and shows what it looks at.

References
----------
T. Salimans et al., Improved Techniques for Training GANs (2016), arXiv:1606.03498 (feature matching)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lamarr.networks.mlp import MLP

__all__ = ["Discriminator"]


class Discriminator(nn.Module):
    """Score (n,) or embedding (n, `outputs`) of targets t given conditions c.

    Parameters
    ----------
    conditions, targets, outputs : int
    pairs : sequence of (int, int)
        Differences t_i − t_j that it sees besides the targets (for likelihoods: which hypothesis wins).
    width, depth : int
        Of the residual layers.
    """

    left: Tensor
    right: Tensor

    def __init__(
        self,
        conditions: int,
        targets: int,
        *,
        outputs: int = 1,
        pairs: Sequence[tuple[int, int]] = (),
        width: int = 96,
        depth: int = 4,
        activation: str = "leaky_relu",
    ) -> None:
        super().__init__()
        self.outputs = outputs
        self.register_buffer("left", torch.tensor([i for i, _ in pairs], dtype=torch.long))
        self.register_buffer("right", torch.tensor([j for _, j in pairs], dtype=torch.long))
        inputs = conditions + targets + len(pairs)
        self.body = MLP(
            inputs, [width] * (depth - 1), width, activation=activation, last=activation, residual=True
        )
        self.head = nn.Linear(width, outputs)

    def hidden(self, t: Tensor, c: Tensor) -> Tensor:
        """Last hidden layer (n, width): what feature matching compares."""
        return self.body(torch.cat([c, t, t[:, self.left] - t[:, self.right]], dim=1))

    def forward(self, t: Tensor, c: Tensor) -> Tensor:
        """Score (n,) if there is one output, else embedding (n, outputs)."""
        y = self.head(self.hidden(t, c))
        return y[:, 0] if self.outputs == 1 else y

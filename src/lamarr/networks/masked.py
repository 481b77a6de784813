"""Masked perceptron: numbers for target j that depend on the conditions and the targets before j alone.

References
----------
M. Germain et al., MADE: Masked Autoencoder for Distribution Estimation (2015), arXiv:1502.03509
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from lamarr.networks.mlp import ACTIVATIONS

__all__ = ["MADE", "MaskedLinear"]


class MaskedLinear(nn.Linear):
    """A linear layer that sees an input only where ``mask`` (outputs, inputs) is 1."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask)

    def masked(self) -> Tensor:
        """Return the weights (outputs, inputs) that act."""
        return self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, inputs) to (n, outputs)."""
        return linear(x, self.masked(), self.bias)


class MADE(nn.Module):
    """Numbers (n, targets, `numbers`) from targets (n, `targets`) and conditions (n, `conditions`).

    Parameters
    ----------
    conditions, targets, numbers : int
    hidden : sequence of int
        Widths of the hidden layers.
    activation : str
        Name in :data:`lamarr.networks.mlp.ACTIVATIONS`.
    """

    layers: Sequence[MaskedLinear]

    def __init__(
        self,
        conditions: int,
        targets: int,
        numbers: int,
        *,
        hidden: Sequence[int] = (64, 64),
        activation: str = "silu",
    ) -> None:
        super().__init__()
        self.targets, self.numbers = targets, numbers
        self.activation_name, self.activation = activation, ACTIVATIONS[activation]
        # degree 0: conditions; a hidden unit of degree k sees the first k targets
        degree = torch.cat([torch.arange(1, targets + 1), torch.zeros(conditions, dtype=torch.long)])
        layers = []
        for width in hidden:
            after = torch.arange(width) % targets
            layers.append(MaskedLinear((after[:, None] >= degree[None]).float()))
            degree = after
        out = torch.arange(targets).repeat_interleave(numbers)
        layers.append(MaskedLinear((out[:, None] >= degree[None]).float()))
        nn.init.zeros_(layers[-1].weight)
        nn.init.zeros_(layers[-1].bias)
        self.layers = nn.ModuleList(layers)  # type: ignore[assignment]

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """Numbers (n, targets, numbers)."""
        h = torch.cat([x, c], dim=-1)
        for layer in list(self.layers)[:-1]:
            h = self.activation(layer(h))
        return self.layers[-1](h).reshape(*x.shape[:-1], self.targets, self.numbers)

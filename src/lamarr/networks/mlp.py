"""Multi-layer perceptrons, plain and residual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lamarr.errors import raise_unknown

__all__ = ["ACTIVATIONS", "MLP"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky_relu": nn.functional.leaky_relu,
    "tanh": torch.tanh,
    "silu": nn.functional.silu,
    "linear": lambda x: x,
}


class MLP(nn.Module):
    """y = A_k g(A_{k−1} … g(A_0 x)); with `residual`, hidden layers of equal width add their input.

    Parameters
    ----------
    inputs, outputs : int
        Widths of x and y.
    hidden : sequence of int
        Widths of the hidden layers.
    activation, last : str
        Names in :data:`ACTIVATIONS` for the hidden layers and after the last one.
    """

    layers: Sequence[nn.Linear]

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        *,
        activation: str = "silu",
        last: str = "linear",
        residual: bool = False,
    ) -> None:
        super().__init__()
        for name in (activation, last):
            if name not in ACTIVATIONS:
                raise_unknown("activation", name, ACTIVATIONS)
        widths = pairwise([inputs, *hidden, outputs])
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in widths)  # type: ignore[assignment]
        self.activation_name, self.last_name, self.residual = activation, last, residual
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """Map x (n, inputs) to y (n, outputs)."""
        for layer in list(self.layers)[:-1]:
            y = self.activation(layer(x))
            x = x + y if self.residual and y.shape[-1] == x.shape[-1] else y
        return ACTIVATIONS[self.last_name](self.layers[-1](x))

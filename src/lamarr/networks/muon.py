"""Muon: momentum with orthogonalised updates for the matrices of a network.

    M ← β M + (1 − β) G,   W ← W − η sqrt(max(1, rows / columns)) NS(β M + (1 − β) G)

where NS maps the singular values of a matrix towards one by five Newton–Schulz steps. Small multi-layer
perceptrons reach a given likelihood in about half the steps of Adam.

References
----------
K. Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024), kellerjordan.github.io
J. Bernstein, L. Newhouse, Old Optimizer, New Norm: An Anthology (2024), arXiv:2409.20325
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

__all__ = ["Muon", "orthogonalised", "split_parameters"]

_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_STEPS: Final = 5


def orthogonalised(matrix: Tensor) -> Tensor:
    """Matrices (..., rows, columns) with their singular values moved to about one."""
    a, b, c = _COEFFICIENTS
    x = matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(_STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Optimiser of matrices (or stacks of matrices); see the module's docstring.

    Parameters
    ----------
    params : iterable of Tensor
    lr, momentum, decay : float
        Learning rate, memory of the gradient, and weight decay: weights shrink by lr × decay per step.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient; a closure is not called."""
        del closure
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                mean = self.state[p].setdefault("momentum", torch.zeros_like(p))
                mean.lerp_(p.grad, 1 - group["momentum"])
                update = orthogonalised(p.grad.lerp(mean, group["momentum"]))
                if group["decay"]:
                    p.mul_(1 - group["lr"] * group["decay"])
                p.add_(update, alpha=-group["lr"] * max(1.0, p.shape[-2] / p.shape[-1]) ** 0.5)


def split_parameters(network: nn.Module, *, adam: Iterable[str] = ()) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters for Muon (at least two dimensions) and for Adam (the rest, and those named in `adam`)."""
    names = set(adam)
    muon: list[Tensor] = []
    rest: list[Tensor] = []
    for name, p in network.named_parameters():
        (muon if p.ndim >= 2 and name not in names else rest).append(p)
    return muon, rest

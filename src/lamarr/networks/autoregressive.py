"""Conditional autoregressive flow with rational-quadratic splines, made to be sampled in one pass.

    t_j = m_j(c) + b_j(c) sinh h_j,     h_j = mu_j + sigma_j f_j(u_j),     u_j ~ N(0, 1)

where mu_j, sigma_j and the monotone spline f_j are given by a small network of c and h_0 … h_{j−1}.
The outer location m and scale b know the conditions alone; sinh carries the heavy tails of residuals.
Each target has a network of its own ("head") above a common trunk, so that a draw costs one evaluation
of every head, and training is one batched product.

References
----------
G. Papamakarios et al., Masked Autoregressive Flow for Density Estimation (2017), arXiv:1705.07057
C. Durkan et al., Neural Spline Flows (2019), arXiv:1906.04032
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lamarr.networks.mlp import MLP
from lamarr.networks.spline import spline, spline_inverse

__all__ = ["AutoregressiveSpline"]


class AutoregressiveSpline(nn.Module):
    """Density and draws of targets t (n, `targets`) given conditions c (n, `conditions`).

    Parameters
    ----------
    conditions, targets : int
        Widths of conditions and targets.
    trunk : sequence of int
        Widths of the hidden layers shared by all heads; the last one is the context.
    head : int
        Width of the hidden layer of each head.
    bins, bound : int, float
        Cells of the spline, and the half width of the interval that it acts on.
    """

    mask: Tensor

    def __init__(
        self,
        conditions: int,
        targets: int,
        *,
        trunk: Sequence[int] = (64, 64),
        head: int = 32,
        bins: int = 12,
        bound: float = 4.0,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        self.targets, self.head, self.bins, self.bound = targets, head, bins, bound
        self.trunk = MLP(conditions, trunk[:-1], trunk[-1], activation=activation, last=activation)
        self.scale = nn.Linear(trunk[-1], 2 * targets)
        self.context = nn.Linear(trunk[-1], targets * head)
        self.previous = nn.Parameter(torch.randn(targets, targets, head) / math.sqrt(targets))
        self.out = nn.Parameter(torch.randn(targets, head, 2 * bins + 1) * 0.01)
        self.out_bias = nn.Parameter(torch.zeros(targets, 2 * bins + 1))
        self.activation = self.trunk.activation
        self.register_buffer("mask", torch.triu(torch.ones(targets, targets), diagonal=1)[..., None])
        nn.init.zeros_(self.scale.weight)
        nn.init.zeros_(self.scale.bias)

    def start_from(self, targets: Tensor) -> None:
        """Set the outer location and scale to median and spread of a sample (n, targets)."""
        low, middle, high = torch.quantile(targets, torch.tensor([0.16, 0.5, 0.84]), dim=0)
        with torch.no_grad():
            self.scale.bias[: self.targets] = middle
            self.scale.bias[self.targets :] = torch.log(0.5 * (high - low))

    def _outer(self, context: Tensor) -> tuple[Tensor, Tensor]:
        location, log_scale = self.scale(context).chunk(2, dim=-1)
        return location, log_scale

    def _heads(self, context: Tensor, h: Tensor) -> Tensor:
        """Raw numbers (targets, n, 2 bins + 1) of all heads, each seeing only the h before its own."""
        weight = (self.previous * self.mask).reshape(self.targets, -1)
        hidden = self.activation(self.context(context) + h @ weight)
        hidden = hidden.reshape(-1, self.targets, self.head).transpose(0, 1)
        return torch.baddbmm(self.out_bias[:, None], hidden, self.out)

    def log_prob(self, t: Tensor, c: Tensor) -> Tensor:
        """Log density (n,) of the targets."""
        context = self.trunk(c)
        location, log_scale = self._outer(context)
        ratio = (t - location) * torch.exp(-log_scale)
        h = torch.asinh(ratio)
        raw = self._heads(context, h).transpose(0, 1)
        log_sigma = raw[..., 1]
        v = (h - raw[..., 0]) * torch.exp(-log_sigma)
        u, log_slope = spline_inverse(v, raw[..., 2:], self.bins, self.bound)
        log_jacobian = log_slope - log_sigma - log_scale - 0.5 * torch.log1p(ratio * ratio)
        return (log_jacobian - 0.5 * u * u - 0.5 * math.log(2 * math.pi)).sum(-1)

    def sample(self, c: Tensor, noise: Tensor) -> Tensor:
        """Draw targets (n, targets) from N(0, 1) `noise` of the same shape."""
        context = self.trunk(c)
        location, log_scale = self._outer(context)
        first = self.context(context).reshape(-1, self.targets, self.head)
        h = torch.zeros_like(noise)
        for j in range(self.targets):
            hidden = self.activation(first[:, j] + h[:, :j] @ self.previous[:j, j])
            raw = hidden @ self.out[j] + self.out_bias[j]
            f = spline(noise[:, j], raw[:, 2:], self.bins, self.bound)
            h = torch.cat([h[:, :j], (raw[:, 0] + torch.exp(raw[:, 1]) * f)[:, None], h[:, j + 1 :]], dim=1)
        return location + torch.exp(log_scale) * torch.sinh(h)

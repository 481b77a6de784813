"""Conditional autoregressive mixture of Gaussians (RNADE): the density of a track's parameters.

    p(t | c) = prod_j sum_k w_jk N(t_j; mu_jk, sigma_jk),   (w, mu, sigma)_j = head_j(trunk(c), t_0 … t_{j−1})

Each target has a head of one hidden layer above a common trunk; training is one batched product, a draw
costs one evaluation of every head and two random numbers per target.

References
----------
B. Uria, I. Murray, H. Larochelle, RNADE: The real-valued neural autoregressive density-estimator (2013),
arXiv:1306.0186
C. Bishop, Mixture Density Networks (1994)
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from lamarr.networks.mlp import MLP

__all__ = ["LOG_SIGMA", "AutoregressiveMixture"]

LOG_SIGMA: Final = (-7.0, 3.0)
"""Range of log sigma of a component."""


class AutoregressiveMixture(nn.Module):
    """Density and draws of targets t (n, `targets`) given conditions c (n, `conditions`).

    Parameters
    ----------
    conditions, targets : int
        Widths of conditions and targets; targets should be of order one (normal scores).
    trunk, depth : int
        Width and number of the residual layers shared by all heads.
    head : int
        Width of the hidden layer of each head.
    components : int
        Gaussians per target.
    activation : str
        Name in :data:`lamarr.networks.mlp.ACTIVATIONS`.
    bound : float
        Draws are kept within ± this number, before the next target sees them.
    """

    mask: Tensor

    def __init__(
        self,
        conditions: int,
        targets: int,
        *,
        trunk: int = 64,
        depth: int = 3,
        head: int = 32,
        components: int = 6,
        activation: str = "silu",
        bound: float = math.inf,
    ) -> None:
        super().__init__()
        self.targets, self.head, self.components, self.bound = targets, head, components, bound
        hidden = [trunk] * (depth - 1)
        self.trunk = MLP(conditions, hidden, trunk, activation=activation, last=activation, residual=True)
        self.activation = self.trunk.activation
        self.context = nn.Linear(trunk, targets * head)
        self.previous = nn.Parameter(torch.randn(targets, targets, head) * 0.5 / math.sqrt(targets))
        self.out = nn.Parameter(torch.randn(targets, head, 3 * components) * 0.3 / math.sqrt(head))
        bias = torch.zeros(targets, 3 * components)
        bias[:, components : 2 * components] = torch.linspace(-1.5, 1.5, components)
        bias[:, 2 * components :] = -0.5
        self.out_bias = nn.Parameter(bias)
        self.register_buffer("mask", torch.triu(torch.ones(targets, targets), diagonal=1)[..., None])

    def _components(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logit, mu, log_sigma = raw.split(self.components, dim=-1)
        return logit, mu, log_sigma.clamp(*LOG_SIGMA)

    def log_prob(self, t: Tensor, c: Tensor) -> Tensor:
        """Log density (n,) of the targets."""
        weight = (self.previous * self.mask).reshape(self.targets, -1)
        hidden = self.activation(self.context(self.trunk(c)) + t @ weight)
        hidden = hidden.reshape(-1, self.targets, self.head).transpose(0, 1)
        logit, mu, log_sigma = self._components(torch.baddbmm(self.out_bias[:, None], hidden, self.out))
        pull = (t.T[..., None] - mu) * torch.exp(-log_sigma)
        log_density = torch.logsumexp(logit - log_sigma - 0.5 * pull * pull, dim=-1) - torch.logsumexp(
            logit, dim=-1
        )
        return log_density.sum(0) - 0.5 * self.targets * math.log(2 * math.pi)

    @torch.no_grad()
    def sample(self, c: Tensor, noise: Tensor) -> Tensor:
        """Draw targets from `noise` (n, 2 targets): N(0, 1) values, then N(0, 1) that choose components."""
        first = self.context(self.trunk(c)).reshape(-1, self.targets, self.head)
        normal, chosen = noise.split(self.targets, dim=-1)
        uniform = torch.special.ndtr(chosen)
        t = torch.zeros_like(normal)
        for j in range(self.targets):
            hidden = self.activation(first[:, j] + t[:, :j] @ self.previous[:j, j])
            logit, mu, log_sigma = self._components(hidden @ self.out[j] + self.out_bias[j])
            cumulative = torch.cumsum(torch.softmax(logit, dim=-1), dim=-1)
            k = (cumulative[:, :-1] <= uniform[:, j : j + 1]).sum(dim=-1, keepdim=True)
            spread = torch.exp(log_sigma.gather(1, k))[:, 0]
            drawn = mu.gather(1, k)[:, 0] + spread * normal[:, j]
            t[:, j] = drawn.clamp(-self.bound, self.bound)
        return t

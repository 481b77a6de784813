"""Normalising flows: masked and inverse autoregressive, and coupling with rational-quadratic splines.

    MAF      u_j = (t_j − m_j(t_<j, c)) exp(−s_j(t_<j, c)): densities in one pass, draws one target at a time
    IAF      the same map from noise to targets: draws in one pass, densities one target at a time
    coupling t_b = spline(u_b; t_a, c), then the halves change places: both in one pass

Layers are stacked, with the order of the targets reversed between them; u ~ N(0, 1).

References
----------
G. Papamakarios et al., Masked Autoregressive Flow for Density Estimation (2017), arXiv:1705.07057
D. Kingma et al., Improving Variational Inference with Inverse Autoregressive Flow (2016), arXiv:1606.04934
C. Durkan et al., Neural Spline Flows (2019), arXiv:1906.04032
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lamarr.networks.masked import MADE
from lamarr.networks.mlp import MLP
from lamarr.networks.spline import spline, spline_inverse

__all__ = ["LARGEST_LOG_SCALE", "AutoregressiveFlow", "CouplingSpline"]

LARGEST_LOG_SCALE = 4.0
"""Log scales of affine layers are s tanh(x / s)."""


def _normal(u: Tensor) -> Tensor:
    return (-0.5 * u * u).sum(-1) - 0.5 * u.shape[-1] * math.log(2 * math.pi)


class AutoregressiveFlow(nn.Module):
    """MAF, or IAF if `inverse`: density and draws of targets t (n, `targets`) given conditions c.

    Parameters
    ----------
    conditions, targets : int
    layers : int
        Number of affine layers.
    hidden : sequence of int
        Hidden widths of the masked perceptron of each layer.
    inverse : bool
        IAF instead of MAF.
    """

    def __init__(
        self,
        conditions: int,
        targets: int,
        *,
        layers: int = 4,
        hidden: Sequence[int] = (64, 64),
        activation: str = "silu",
        inverse: bool = False,
    ) -> None:
        super().__init__()
        self.targets, self.inverse = targets, inverse
        self.made: Sequence[MADE] = nn.ModuleList(  # type: ignore[assignment]
            MADE(conditions, targets, 2, hidden=hidden, activation=activation) for _ in range(layers)
        )

    @staticmethod
    def _numbers(raw: Tensor) -> tuple[Tensor, Tensor]:
        return raw[..., 0], LARGEST_LOG_SCALE * torch.tanh(raw[..., 1] / LARGEST_LOG_SCALE)

    def _pass(self, made: MADE, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """All y = (x − m) exp(−s) at once, and log |dy/dx|."""
        m, s = self._numbers(made(x, c))
        return (x - m) * torch.exp(-s), -s.sum(-1)

    def _steps(self, made: MADE, y: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """All x with _pass(x) = y, one after the other, and log |dx/dy|."""
        x, log_slope = torch.zeros_like(y), torch.zeros_like(y[..., 0])
        for j in range(self.targets):
            m, s = self._numbers(made(x, c)[..., j, :])
            new = y[..., j] * torch.exp(s) + m
            x = torch.cat([x[..., :j], new[..., None], x[..., j + 1 :]], dim=-1)
            log_slope = log_slope + s
        return x, log_slope

    def log_prob(self, t: Tensor, c: Tensor) -> Tensor:
        """Log density (n,)."""
        total = torch.zeros_like(t[..., 0])
        for made in reversed(list(self.made)):
            t, log_slope = (self._steps if self.inverse else self._pass)(made, t, c)
            t, total = t.flip(-1), total + log_slope
        return _normal(t) + total

    def sample(self, c: Tensor, noise: Tensor) -> Tensor:
        """Draw targets from N(0, 1) `noise` (n, targets)."""
        for made in self.made:
            noise, _ = (self._pass if self.inverse else self._steps)(made, noise.flip(-1), c)
        return noise


class CouplingSpline(nn.Module):
    """Density and draws of targets t (n, `targets`) given conditions c (n, `conditions`).

    Parameters
    ----------
    conditions, targets : int
    layers : int
        Number of coupling layers, each of which changes one half.
    hidden : sequence of int
        Hidden widths of the perceptron of each layer.
    bins, bound : int, float
        Cells of the splines, and the half width of the interval that they act on.
    """

    def __init__(
        self,
        conditions: int,
        targets: int,
        *,
        layers: int = 4,
        hidden: Sequence[int] = (64, 64),
        bins: int = 12,
        bound: float = 8.0,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        self.targets, self.bins, self.bound = targets, bins, bound
        half = targets // 2
        self.kept = [half if k % 2 == 0 else targets - half for k in range(layers)]
        self.kept = [0] * layers if targets == 1 else self.kept
        networks = []
        for kept in self.kept:
            raw = (targets - kept) * (2 * bins - 1)
            networks.append(MLP(conditions + kept, list(hidden), raw, activation=activation))
            nn.init.normal_(networks[-1].layers[-1].weight, std=0.01)
            nn.init.zeros_(networks[-1].layers[-1].bias)
        self.networks: Sequence[MLP] = nn.ModuleList(networks)  # type: ignore[assignment]

    def raw(self, k: int, kept: Tensor, c: Tensor) -> Tensor:
        """Raw knots (n, changed, 2 bins − 1) of layer `k`."""
        raw = self.networks[k](torch.cat([kept, c], dim=-1))
        return raw.reshape(*c.shape[:-1], self.targets - self.kept[k], 2 * self.bins - 1)

    def log_prob(self, t: Tensor, c: Tensor) -> Tensor:
        """Log density (n,)."""
        total = torch.zeros_like(t[..., 0])
        for k in reversed(range(len(self.kept))):
            a, b = t[..., : self.kept[k]], t[..., self.kept[k] :]
            u, log_slope = spline_inverse(b, self.raw(k, a, c), self.bins, self.bound)
            t, total = torch.cat([a, u], dim=-1).flip(-1), total + log_slope.sum(-1)
        return _normal(t) + total

    def sample(self, c: Tensor, noise: Tensor) -> Tensor:
        """Draw targets from N(0, 1) `noise` (n, targets)."""
        for k, kept in enumerate(self.kept):
            flipped = noise.flip(-1)
            a, b = flipped[..., :kept], flipped[..., kept:]
            noise = torch.cat([a, spline(b, self.raw(k, a, c), self.bins, self.bound)], dim=-1)
        return noise

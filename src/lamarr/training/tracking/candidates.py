"""Four classes of conditional generators, trained alike, to choose among by evidence.

Each has ``step(c, t)`` (one update on a batch) and ``draw(c, generator)``; the comparison in
:mod:`lamarr.validation.zoo` gives them the same data and CPU time.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from copy import deepcopy
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from lamarr.networks.autoregressive import AutoregressiveSpline
from lamarr.networks.mixture import AutoregressiveMixture
from lamarr.networks.mlp import MLP
from lamarr.networks.muon import Muon, split_parameters

__all__ = ["CANDIDATES", "Adversarial", "Candidate", "FlowMatching", "Likelihood"]


class Optimiser:
    """Muon for matrices and Adam for the rest; rates scaled by a factor."""

    def __init__(self, network: nn.Module, adam: float, muon: float, skip: tuple[str, ...] = ()) -> None:
        matrices, rest = split_parameters(network, adam=skip)
        self.parts: list[torch.optim.Optimizer] = [torch.optim.Adam(rest, adam, betas=(0.9, 0.99))]
        self.parts += [Muon(matrices, muon)] if matrices and muon else []
        if not muon:
            self.parts = [torch.optim.Adam(network.parameters(), adam, betas=(0.5, 0.99))]
        self.rates = [[g["lr"] for g in o.param_groups] for o in self.parts]
        self.network = network

    def update(self, loss: Tensor, factor: float) -> None:
        """One step down the gradient of `loss`."""
        for part, rates in zip(self.parts, self.rates, strict=True):
            part.zero_grad(set_to_none=True)
            for group, rate in zip(part.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        for part in self.parts:
            part.step()


class Candidate(ABC):
    """A conditional generator of targets (n, targets) given conditions (n, conditions)."""

    network: nn.Module

    @abstractmethod
    def step(self, c: Tensor, t: Tensor, progress: float) -> None:
        """One update on a batch; `progress` from 0 to 1 is the share of the budget that is used."""

    @abstractmethod
    def draw(self, c: Tensor, generator: torch.Generator) -> Tensor:
        """Draw targets, one row per row of `c`."""

    @property
    def parameters(self) -> int:
        """Number of weights that a draw needs."""
        return sum(p.numel() for p in self.network.parameters())


def _fall(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))) + 1e-3


class Likelihood(Candidate):
    """Maximum likelihood of an autoregressive density: a mixture of Gaussians, or a spline flow."""

    network: AutoregressiveMixture | AutoregressiveSpline

    def __init__(self, network: AutoregressiveMixture | AutoregressiveSpline, noise: int) -> None:
        self.network, self.noise = network, noise
        self.optimiser = Optimiser(network, 2e-3, 0.02, ("previous", "out_bias", "scale.weight"))

    def step(self, c: Tensor, t: Tensor, progress: float) -> None:
        """Minimise −log p(t | c)."""
        self.optimiser.update(-self.network.log_prob(t, c).mean(), _fall(progress))

    @torch.no_grad()
    def draw(self, c: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one target after the other."""
        return self.network.sample(c, torch.randn(len(c), self.noise, generator=generator))


class Adversarial(Candidate):
    """Conditional GAN: binary cross-entropy with smoothed labels, input noise, generator averaged over steps.

    References
    ----------
    I. Goodfellow et al., Generative Adversarial Networks (2014), arXiv:1406.2661
    M. Mirza, S. Osindero, Conditional Generative Adversarial Nets (2014), arXiv:1411.1784
    """

    NOISE: Final = 64

    def __init__(self, conditions: int, targets: int, width: int = 72, depth: int = 6) -> None:
        self.player = MLP(conditions + self.NOISE, [width] * depth, targets, residual=True)
        self.judge = MLP(conditions + targets, [128] * 4, 1, activation="leaky_relu", residual=True)
        self.network = deepcopy(self.player)
        self.first, self.second = Optimiser(self.player, 5e-4, 0.0), Optimiser(self.judge, 1e-3, 0.0)

    def step(self, c: Tensor, t: Tensor, progress: float) -> None:
        """One update of the discriminator, one of the generator."""
        fake = self.player(torch.cat([c, torch.randn(len(c), self.NOISE)], dim=1))

        def judged(x: Tensor) -> Tensor:
            return self.judge(torch.cat([c, x + 0.02 * torch.randn_like(x)], dim=1))[:, 0]

        one = torch.ones(len(c))
        self.second.update(
            bce(judged(t), 0.95 * one) + bce(judged(fake.detach()), 0.05 * one), _fall(progress)
        )
        self.first.update(bce(judged(fake), 0.95 * one), _fall(progress))
        with torch.no_grad():
            for mean, now in zip(self.network.parameters(), self.player.parameters(), strict=True):
                mean.lerp_(now, 0.002)

    @torch.no_grad()
    def draw(self, c: Tensor, generator: torch.Generator) -> Tensor:
        """One evaluation of the averaged generator."""
        return self.network(torch.cat([c, torch.randn(len(c), self.NOISE, generator=generator)], dim=1))


class FlowMatching(Candidate):
    """Conditional flow matching, then distilled to one step along its own trajectories.

    For the first 60 % of the budget a velocity v(x_s, s, c) is fitted to t − u on straight lines from noise
    u to targets t; then a network of the same size learns the end points of the trajectories of v.

    References
    ----------
    Y. Lipman et al., Flow Matching for Generative Modeling (2022), arXiv:2210.02747
    X. Liu, C. Gong, Q. Liu, Flow Straight and Fast (2022), arXiv:2209.03003
    """

    SHARE: Final = 0.6
    STEPS: Final = 8

    def __init__(self, conditions: int, targets: int, width: int = 72, depth: int = 6) -> None:
        self.targets = targets
        self.velocity = MLP(conditions + targets + 2, [width] * depth, targets, residual=True)
        self.network = MLP(conditions + targets, [width] * depth, targets, residual=True)
        self.first, self.second = (Optimiser(n, 2e-3, 0.02) for n in (self.velocity, self.network))

    def _v(self, c: Tensor, x: Tensor, s: Tensor) -> Tensor:
        return self.velocity(torch.cat([c, x, s, s * s], dim=1))

    def step(self, c: Tensor, t: Tensor, progress: float) -> None:
        """One update of the velocity, or later of the one-step network."""
        u = torch.randn_like(t)
        if progress < self.SHARE:
            s = torch.rand(len(t), 1)
            error = self._v(c, u + s * (t - u), s) - (t - u)
            self.first.update(error.square().mean(), _fall(progress / self.SHARE))
            return
        with torch.no_grad():
            end = self._trajectory(c, u)
        error = self.network(torch.cat([c, u], dim=1)) - (end - u)
        self.second.update(error.square().mean(), _fall((progress - self.SHARE) / (1 - self.SHARE)))

    def _trajectory(self, c: Tensor, u: Tensor) -> Tensor:
        """Midpoint rule along the velocity from noise to targets."""
        x, h = u, 1 / self.STEPS
        for i in range(self.STEPS):
            s = torch.full((len(c), 1), i * h)
            x = x + h * self._v(c, x + 0.5 * h * self._v(c, x, s), s + 0.5 * h)
        return x

    @torch.no_grad()
    def draw(self, c: Tensor, generator: torch.Generator) -> Tensor:
        """One evaluation of the one-step network."""
        u = torch.randn(len(c), self.targets, generator=generator)
        return u + self.network(torch.cat([c, u], dim=1))


def _mixture(conditions: int, targets: int) -> Candidate:
    return Likelihood(AutoregressiveMixture(conditions, targets), 2 * targets)


def _spline(conditions: int, targets: int) -> Candidate:
    return Likelihood(AutoregressiveSpline(conditions, targets, trunk=(64, 64, 64)), targets)


CANDIDATES = {
    "autoregressive mixture": _mixture,
    "autoregressive spline flow": _spline,
    "conditional GAN": Adversarial,
    "flow matching, one step": FlowMatching,
}
"""Constructors (conditions, targets) of the classes that are compared."""

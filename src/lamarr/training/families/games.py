"""The nine adversarial games: what each player minimises.

A game sees scores of the discriminator through a :class:`Turn` (one batch of real and generated targets
with their conditions and weights) and gives a loss. Weights may be negative.

References
----------
GAN         I. Goodfellow et al., Generative Adversarial Networks (2014), arXiv:1406.2661
BceGAN      the same with the non-saturating loss of the generator; smoothed labels: arXiv:1606.03498
LSGAN       X. Mao et al., Least Squares Generative Adversarial Networks (2016), arXiv:1611.04076
WGAN        M. Arjovsky et al., Wasserstein GAN (2017), arXiv:1701.07875
WGAN-GP     I. Gulrajani et al., Improved Training of Wasserstein GANs (2017), arXiv:1704.00028
CramerGAN   M. Bellemare et al., The Cramer Distance as a Solution to Biased Wasserstein Gradients (2017),
            arXiv:1705.10743
WGAN-ALP    D. Terjék, Adversarial Lipschitz Regularization (2019), arXiv:1907.05681
BceGAN-GP, BceGAN-ALP  the same penalties on BceGAN
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, relu

__all__ = ["GAMES", "Game", "Turn"]

Judge = Callable[[Tensor, Tensor], Tensor]


Penalty = Callable[["Turn", Judge], Tensor]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A batch: conditions (n, …), real and generated targets (n, …), a second draw, weights (n,)."""

    c: Tensor
    real: Tensor
    fake: Tensor
    other: Tensor
    w: Tensor
    judge: Judge
    generator: torch.Generator
    smoothing: float = 0.0
    strength: float = 10.0

    def mean(self, values: Tensor) -> Tensor:
        """Weighted mean; weights have a mean of one."""
        return (self.w * values).mean()

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers (n, 1)."""
        return torch.rand(len(like), 1, generator=self.generator).to(like.device)

    def normal(self, like: Tensor) -> Tensor:
        """N(0, 1) numbers of the shape of `like`."""
        return torch.randn(like.shape, generator=self.generator).to(like.device)


def gradient_penalty(turn: Turn, critic: Judge) -> Tensor:
    """E (|∇f| − 1)² between real and generated targets."""
    share = turn.uniform(turn.real)
    x = (share * turn.real + (1 - share) * turn.fake.detach()).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(x, turn.c).sum(), x, create_graph=True)
    return ((slope.square().sum(1) + 1e-12).sqrt() - 1).square().mean()


def lipschitz_penalty(turn: Turn, critic: Judge, *, step: float = 0.1, reach: float = 0.5) -> Tensor:
    """E max(0, |f(x + r) − f(x)| / |r| − 1)² along the direction r that changes f most (one power step)."""
    share = turn.uniform(turn.real)
    x = torch.where(share < 0.5, turn.real, turn.fake.detach())
    first = turn.normal(x)
    direction = (first / (first.norm(dim=1, keepdim=True) + 1e-12)).requires_grad_(True)
    change = (critic(x + step * direction, turn.c) - critic(x, turn.c)).abs().sum()
    (found,) = torch.autograd.grad(change, direction)
    found = found / (found.norm(dim=1, keepdim=True) + 1e-12)
    length = reach * turn.uniform(x).clamp(min=0.05)
    slope = (critic(x + length * found, turn.c) - critic(x, turn.c)).abs() / length[:, 0]
    return relu(slope - 1).square().mean()


class Game(ABC):
    """What the discriminator and the generator minimise.

    Attributes
    ----------
    embedding : bool
        Whether the discriminator gives a vector instead of a score.
    clips : bool
        Whether its weights are clipped after each update.
    """

    embedding: ClassVar[bool] = False

    def __init__(self, penalty: Penalty | None = None, *, clips: bool = False) -> None:
        self.penalty, self.clips = penalty, clips

    def discriminator(self, turn: Turn) -> Tensor:
        """Loss of the discriminator, with its penalty."""
        loss = self.judged(turn)
        return loss + turn.strength * self.penalty(turn, turn.judge) if self.penalty else loss

    @abstractmethod
    def judged(self, turn: Turn) -> Tensor:
        """Loss of the discriminator without penalty."""

    @abstractmethod
    def generator(self, turn: Turn) -> Tensor:
        """Loss of the generator."""


class Minimax(Game):
    """log D(real) + log(1 − D(generated)): one wants it large, the other small."""

    def judged(self, turn: Turn) -> Tensor:
        """−E log D(real) − E log(1 − D(generated))."""
        real, fake = turn.judge(turn.real, turn.c), turn.judge(turn.fake.detach(), turn.c)
        return -turn.mean(logsigmoid(real)) - turn.mean(logsigmoid(-fake))

    def generator(self, turn: Turn) -> Tensor:
        """E log(1 − D(generated))."""
        return turn.mean(logsigmoid(-turn.judge(turn.fake, turn.c)))


def _bce(turn: Turn, score: Tensor, label: float) -> Tensor:
    target = torch.full_like(score, label)
    return turn.mean(binary_cross_entropy_with_logits(score, target, reduction="none"))


class Bce(Game):
    """Binary cross-entropies with smoothed labels; the generator wants its draws called real."""

    def judged(self, turn: Turn) -> Tensor:
        """Cross-entropy of both samples."""
        real = _bce(turn, turn.judge(turn.real, turn.c), 1 - turn.smoothing)
        return real + _bce(turn, turn.judge(turn.fake.detach(), turn.c), turn.smoothing)

    def generator(self, turn: Turn) -> Tensor:
        """Cross-entropy of the generated sample with the label of the real one."""
        return _bce(turn, turn.judge(turn.fake, turn.c), 1 - turn.smoothing)


class LeastSquares(Game):
    """(D − label)² with labels 1 and 0."""

    def judged(self, turn: Turn) -> Tensor:
        """½ E (D(real) − 1)² + ½ E D(generated)²."""
        real = (turn.judge(turn.real, turn.c) - 1 + turn.smoothing).square()
        fake = (turn.judge(turn.fake.detach(), turn.c) - turn.smoothing).square()
        return 0.5 * (turn.mean(real) + turn.mean(fake))

    def generator(self, turn: Turn) -> Tensor:
        """½ E (D(generated) − 1)²."""
        return 0.5 * turn.mean((turn.judge(turn.fake, turn.c) - 1 + turn.smoothing).square())


class Wasserstein(Game):
    """Difference of mean scores, of a critic that is kept Lipschitz by clipping or a penalty."""

    def judged(self, turn: Turn) -> Tensor:
        """E f(generated) − E f(real)."""
        real, fake = turn.judge(turn.real, turn.c), turn.judge(turn.fake.detach(), turn.c)
        return turn.mean(fake) - turn.mean(real)

    def generator(self, turn: Turn) -> Tensor:
        """−E f(generated)."""
        return -turn.mean(turn.judge(turn.fake, turn.c))


class Cramer(Game):
    """Energy distance in the embedding h: f(x) = |h(x) − h(x')| − |h(x)|, x' an independent draw."""

    embedding = True

    @staticmethod
    def _norm(h: Tensor) -> Tensor:
        return (h.square().sum(1) + 1e-12).sqrt()

    def _critic(self, turn: Turn, x: Tensor) -> Tensor:
        h = turn.judge(x, turn.c)
        return self._norm(h - turn.judge(turn.other.detach(), turn.c)) - self._norm(h)

    def discriminator(self, turn: Turn) -> Tensor:
        """−E f(real) + E f(generated), with the gradient penalty on f."""
        loss = self.judged(turn)
        return loss + turn.strength * gradient_penalty(turn, lambda x, _: self._critic(turn, x))

    def judged(self, turn: Turn) -> Tensor:
        """−E f(real) + E f(generated)."""
        return turn.mean(self._critic(turn, turn.fake.detach()) - self._critic(turn, turn.real))

    def generator(self, turn: Turn) -> Tensor:
        """E |h(x) − h(g)| + E |h(x) − h(g')| − E |h(g) − h(g')| for real x and draws g, g'."""
        x, g, other = (turn.judge(v, turn.c) for v in (turn.real, turn.fake, turn.other))
        return turn.mean(self._norm(x - g) + self._norm(x - other) - self._norm(g - other))


GAMES: dict[str, Game] = {
    "gan": Minimax(),
    "bce-gan": Bce(),
    "ls-gan": LeastSquares(),
    "wgan": Wasserstein(clips=True),
    "wgan-gp": Wasserstein(gradient_penalty),
    "cramer-gan": Cramer(),
    "wgan-alp": Wasserstein(lipschitz_penalty),
    "bce-gan-gp": Bce(gradient_penalty),
    "bce-gan-alp": Bce(lipschitz_penalty),
}
"""The games by name."""

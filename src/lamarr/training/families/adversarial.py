"""The adversarial family: a generator and a discriminator play one of nine games.

The generator starts with a share of the training in which it minimises the energy score, a proper scoring
rule that needs no discriminator; draws come from the mean of its weights over the last steps.

References
----------
T. Gneiting, A. Raftery, Strictly Proper Scoring Rules (2007), doi:10.1198/016214506000001437 (energy score)
M. Heusel et al., GANs Trained by a Two Time-Scale Update Rule (2017), arXiv:1706.08500
Y. Yazıcı et al., The Unusual Effectiveness of Averaging in GAN Training (2018), arXiv:1806.04498
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from lamarr.declaration import STRICT
from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.networks.discriminator import Discriminator
from lamarr.networks.lowering import lower_mlp
from lamarr.networks.mlp import MLP
from lamarr.training.families.games import GAMES, Turn
from lamarr.training.families.learner import Average, Learner
from lamarr.training.optimiser import Optimiser, OptimiserSettings
from lamarr.training.schedules import Fall
from lamarr.transpile import GraphBuilder, Value

__all__ = ["Adversarial", "AdversarialLearner"]


def _player(rate: float) -> OptimiserSettings:
    return OptimiserSettings(
        kind="adam", rate=rate, betas=(0.5, 0.99), schedule=Fall(name="exponential", end=0.02)
    )


@dataclass(frozen=True, kw_only=True)
class Adversarial:
    """Settings of a game.

    Attributes
    ----------
    game : str
        Name in :data:`lamarr.training.families.games.GAMES`.
    noise : int
        N(0, 1) numbers of the generator.
    width, depth, judge_width, judge_depth : int
        Of the residual layers of generator and discriminator.
    smoothing : float
        Of the labels.
    input_noise : float
        Standard deviation of the noise on what the discriminator sees.
    feature_matching : float
        Weight, in the generator's loss, of the distance of mean hidden features.
    auxiliary : tuple of (str, str)
        Pairs of outputs whose difference the discriminator sees too.
    warmup : float
        Share of the training in which the generator minimises the energy score alone.
    judge_steps : int
        Updates of the discriminator for each of the generator.
    penalty : float
        Strength of gradient or Lipschitz penalties.
    clip : float
        Range of the critic's weights in WGAN.
    average : float
        Memory of the mean of the generator's weights, per step.
    generator, judge : OptimiserSettings
        Two time scales: the discriminator's rate is usually larger.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    title: ClassVar[str] = "conditional GAN"

    game: str = "bce-gan"
    noise: int = 64
    width: int = 72
    depth: int = 5
    judge_width: int = 96
    judge_depth: int = 4
    smoothing: float = 0.05
    input_noise: float = 0.02
    feature_matching: float = 0.0
    auxiliary: tuple[tuple[str, str], ...] = ()
    warmup: float = 0.1
    judge_steps: int = 1
    penalty: float = 10.0
    clip: float = 0.05
    average: float = 0.998
    generator: OptimiserSettings = field(default_factory=lambda: _player(5e-4))
    judge: OptimiserSettings = field(default_factory=lambda: _player(1e-3))

    def __post_init__(self) -> None:
        """Check the game and the numbers."""
        if self.game not in GAMES:
            raise_unknown("adversarial game", self.game, GAMES, ConfigurationError)
        if not (0 <= self.smoothing < 0.5 and 0 <= self.average < 1 and self.judge_steps >= 1):
            raise ConfigurationError(
                "0 <= smoothing < 0.5, 0 <= average < 1 and judge_steps >= 1 must hold, but got "
                f"({self.smoothing}, {self.average}, {self.judge_steps})"
            )

    def build(self, conditions: int, targets: int, outputs: Sequence[str] = ()) -> AdversarialLearner:
        """Make a learner with new weights; `outputs` names the targets, for the auxiliary pairs."""
        for name in (n for pair in self.auxiliary for n in pair):
            if name not in outputs:
                raise_unknown("output in an auxiliary pair", name, outputs, ConfigurationError)
        pairs = [(list(outputs).index(a), list(outputs).index(b)) for a, b in self.auxiliary]
        return AdversarialLearner(self, conditions, targets, pairs)


class AdversarialLearner(Learner):
    """Generator and discriminator, and the mean generator that draws."""

    criterion = "referee"
    average: Average

    def __init__(
        self, settings: Adversarial, conditions: int, targets: int, pairs: Sequence[tuple[int, int]]
    ) -> None:
        super().__init__()
        s = self.settings = settings
        self.game, self.n_noise = GAMES[s.game], s.noise
        self.player = MLP(conditions + s.noise, [s.width] * s.depth, targets, residual=True)
        self.judge = Discriminator(
            conditions,
            targets,
            outputs=16 if self.game.embedding else 1,
            pairs=pairs,
            width=s.judge_width,
            depth=s.judge_depth,
        )
        self.average = Average(self.player, s.average)
        self.mean: Any = self.average.mean
        self.networks = {"model": self.mean, "player": self.player, "judge": self.judge}
        self.optimisers = {
            "player": Optimiser(self.player, s.generator),
            "judge": Optimiser(self.judge, s.judge),
        }

    def step(
        self, c: Tensor, t: Tensor, w: Tensor, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Update the discriminator, then the generator; in the warm-up the generator alone."""
        if progress < self.settings.warmup:
            loss = self._energy_score(c, t, w, generator)
            self.optimisers["player"].update(loss, progress)
            losses = {"energy": loss.detach()}
        else:
            losses = self._play(c, t, w, progress, generator)
        self.average.update()
        return losses

    def _play(
        self, c: Tensor, t: Tensor, w: Tensor, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        for _ in range(self.settings.judge_steps):
            with torch.no_grad():
                fake, other = self._draw(c, generator), self._draw(c, generator)
            judged = self.game.discriminator(self._turn(c, t, w, fake, other, generator))
            self.optimisers["judge"].update(judged, progress)
            if self.game.clips:
                with torch.no_grad():
                    for p in self.judge.parameters():
                        p.clamp_(-self.settings.clip, self.settings.clip)
        fake = self._draw(c, generator)
        other = self._draw(c, generator) if self.game.embedding else fake
        loss = self.game.generator(self._turn(c, t, w, fake, other, generator))
        if self.settings.feature_matching:
            real, ours = self.judge.hidden(t, c).detach(), self.judge.hidden(fake, c)
            distance = ((w[:, None] * (real - ours)).mean(0)).square().sum()
            loss = loss + self.settings.feature_matching * distance
        self.optimisers["player"].update(loss, progress)
        return {"judge": judged.detach(), "generator": loss.detach()}

    def _turn(
        self, c: Tensor, t: Tensor, w: Tensor, fake: Tensor, other: Tensor, generator: torch.Generator
    ) -> Turn:
        sigma = self.settings.input_noise

        def judge(x: Tensor, conditions: Tensor) -> Tensor:
            noise = torch.randn(x.shape, generator=generator).to(x.device)
            result: Tensor = self.judge(x + sigma * noise, conditions)
            return result

        return Turn(
            c=c,
            real=t,
            fake=fake,
            other=other,
            w=w,
            judge=judge,
            generator=generator,
            smoothing=self.settings.smoothing,
            strength=self.settings.penalty,
        )

    def _draw(self, c: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(len(c), self.n_noise, generator=generator).to(c.device)
        result: Tensor = self.player(torch.cat([c, noise], dim=1))
        return result

    def _energy_score(self, c: Tensor, t: Tensor, w: Tensor, generator: torch.Generator) -> Tensor:
        """E |g − t| − ½ E |g − g'|."""
        g, other = self._draw(c, generator), self._draw(c, generator)

        def distance(a: Tensor, b: Tensor) -> Tensor:
            return ((a - b).square().sum(1) + 1e-9).sqrt()

        score = 0.5 * (distance(g, t) + distance(other, t)) - 0.5 * distance(g, other)
        return (w * score).mean()

    def losses(self, c: Tensor, t: Tensor) -> None:  # noqa: ARG002
        """Return None: losses of a game do not tell how good the generator is."""
        return

    @torch.no_grad()
    def draw(self, c: Tensor, noise: Tensor) -> Tensor:
        """One evaluation of the mean generator."""
        result: Tensor = self.mean(torch.cat([c, noise], dim=1))
        return result

    def lower(self, b: GraphBuilder, c: Value, noise: Value | None) -> Value:
        """Append the mean generator."""
        assert noise is not None  # a generator always takes noise
        return lower_mlp(b, self.mean, b.concat(c, noise))

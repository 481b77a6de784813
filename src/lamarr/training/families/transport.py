"""The transport family: conditional flow matching, drawn in a few steps or distilled to one.

A velocity v(x, s, c) is fitted to t − u on straight lines x = u + s (t − u) from noise u to targets t. Draws
follow it by the midpoint rule in `steps` steps; or a second network learns, in the last part of the
training, to jump to the end of a trajectory: from its start (``trajectory``), or from anywhere on it,
agreeing with itself one step further (``consistency``).

References
----------
Y. Lipman et al., Flow Matching for Generative Modeling (2022), arXiv:2210.02747
X. Liu, C. Gong, Q. Liu, Flow Straight and Fast (2022), arXiv:2209.03003
Y. Song et al., Consistency Models (2023), arXiv:2303.01469
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from lamarr.declaration import STRICT
from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.networks.lowering import lower_mlp
from lamarr.networks.mlp import MLP
from lamarr.training.families.learner import Learner
from lamarr.training.optimiser import Optimiser, OptimiserSettings
from lamarr.transpile import GraphBuilder, Value

__all__ = ["Transport", "TransportLearner"]

_DISTILLED = ("none", "trajectory", "consistency")


@dataclass(frozen=True, kw_only=True)
class Transport:
    """Settings of flow matching.

    Attributes
    ----------
    width, depth : int
        Of the residual layers.
    steps : int
        Midpoint steps of a draw, or of the trajectories that are distilled.
    distil : str
        ``none``, ``trajectory`` or ``consistency``.
    share : float
        Share of the training that the velocity gets before it is distilled.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    title: ClassVar[str] = "flow matching"

    width: int = 72
    depth: int = 6
    steps: int = 8
    distil: str = "trajectory"
    share: float = 0.6
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.distil not in _DISTILLED:
            raise_unknown("distillation", self.distil, _DISTILLED, ConfigurationError)
        if not (self.steps >= 1 and 0 < self.share < 1):
            raise ConfigurationError(
                f"steps >= 1 and 0 < share < 1 must hold, but got ({self.steps}, {self.share})"
            )

    def build(self, conditions: int, targets: int) -> TransportLearner:
        """Make a learner with new weights."""
        return TransportLearner(self, conditions, targets)


class TransportLearner(Learner):
    """Velocity, and the network that jumps to the end of its trajectories."""

    criterion = "referee"

    def __init__(self, settings: Transport, conditions: int, targets: int) -> None:
        super().__init__()
        s = self.settings = settings
        self.n_noise = targets
        self.velocity = MLP(conditions + targets + 2, [s.width] * s.depth, targets, residual=True)
        self.networks = {"model": self.velocity}
        self.optimisers = {"velocity": Optimiser(self.velocity, s.optimiser)}
        if s.distil != "none":
            extra = 0 if s.distil == "trajectory" else 2
            self.jump = MLP(conditions + targets + extra, [s.width] * s.depth, targets, residual=True)
            self.ahead = deepcopy(self.jump)
            self.networks = {"model": self.jump, "velocity": self.velocity, "ahead": self.ahead}
            self.optimisers["jump"] = Optimiser(self.jump, s.optimiser)

    def step(
        self, c: Tensor, t: Tensor, w: Tensor, progress: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Update the velocity, or later the network that jumps."""
        u = torch.randn(t.shape, generator=generator).to(t.device)
        share = 1.0 if self.settings.distil == "none" else self.settings.share
        if progress < share:
            s = torch.rand(len(t), 1, generator=generator).to(t.device)
            error = self._v(c, u + s * (t - u), s) - (t - u)
            loss = (w * error.square().mean(1)).mean()
            self.optimisers["velocity"].update(loss, progress / share)
            return {"velocity": loss.detach()}
        error = self._error(c, u, generator)
        loss = (w * error.square().mean(1)).mean()
        self.optimisers["jump"].update(loss, (progress - share) / (1 - share))
        with torch.no_grad():
            for mean, now in zip(self.ahead.parameters(), self.jump.parameters(), strict=True):
                mean.lerp_(now, 0.02)
        return {"distillation": loss.detach()}

    def _error(self, c: Tensor, u: Tensor, generator: torch.Generator) -> Tensor:
        if self.settings.distil == "trajectory":
            with torch.no_grad():
                end = self._follow(c, u, 0, self.settings.steps)
            return u + self.jump(torch.cat([c, u], dim=1)) - end
        # consistency: from step k of a trajectory as the mean network from step k + 1
        steps = self.settings.steps
        k = int(torch.randint(0, steps, (1,), generator=generator))
        with torch.no_grad():
            x = self._follow(c, u, 0, k)
            further = self._follow(c, x, k, k + 1)
            goal = further if k + 1 == steps else self._jump(self.ahead, c, further, (k + 1) / steps)
        return self._jump(self.jump, c, x, k / steps) - goal

    def _jump(self, network: MLP, c: Tensor, x: Tensor, s: float) -> Tensor:
        """End of the trajectory that is at x at time s: x + (1 − s) f(x, s, c)."""
        time = torch.full((len(c), 1), s, device=c.device)
        return x + (1 - s) * network(torch.cat([c, x, time, time * time], dim=1))

    def _v(self, c: Tensor, x: Tensor, s: Tensor) -> Tensor:
        result: Tensor = self.velocity(torch.cat([c, x, s, s * s], dim=1))
        return result

    def _follow(self, c: Tensor, x: Tensor, first: int, last: int) -> Tensor:
        """Midpoint rule along the velocity."""
        h = 1 / self.settings.steps
        for i in range(first, last):
            s = torch.full((len(c), 1), i * h, device=c.device)
            x = x + h * self._v(c, x + 0.5 * h * self._v(c, x, s), s + 0.5 * h)
        return x

    def losses(self, c: Tensor, t: Tensor) -> None:  # noqa: ARG002
        """Return None: the error of a velocity does not tell how good draws are."""
        return

    @torch.no_grad()
    def draw(self, c: Tensor, noise: Tensor) -> Tensor:
        """One jump, or `steps` steps."""
        if self.settings.distil == "none":
            return self._follow(c, noise, 0, self.settings.steps)
        if self.settings.distil == "consistency":
            return self._jump(self.jump, c, noise, 0.0)
        return noise + self.jump(torch.cat([c, noise], dim=1))

    def lower(self, b: GraphBuilder, c: Value, noise: Value | None) -> Value:
        """Append one jump, or all steps."""
        assert noise is not None  # transport starts from noise
        x = noise
        if self.settings.distil == "trajectory":
            return b.add("add", x, lower_mlp(b, self.jump, b.concat(c, x)))
        if self.settings.distil == "consistency":
            return b.add("add", x, lower_mlp(b, self.jump, b.concat(c, x, *self._time(b, c, 0.0))))
        h = 1 / self.settings.steps
        for i in range(self.settings.steps):
            v = lower_mlp(b, self.velocity, b.concat(c, x, *self._time(b, c, i * h)))
            middle = b.add("add", x, b.add("affine", v, scale=[0.5 * h], shift=[0.0]))
            v = lower_mlp(b, self.velocity, b.concat(c, middle, *self._time(b, c, (i + 0.5) * h)))
            x = b.add("add", x, b.add("affine", v, scale=[h], shift=[0.0]))
        return x

    @staticmethod
    def _time(b: GraphBuilder, c: Value, s: float) -> list[Value]:
        """Columns s and s²."""
        column = b.select(c, [0])
        return [b.add("affine", column, scale=[0.0], shift=[v]) for v in (s, s * s)]

"""The likelihood family: maximise Σ w log p(t | c) of an autoregressive density or a normalising flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lamarr.declaration import STRICT
from lamarr.networks.autoregressive import AutoregressiveSpline
from lamarr.networks.flows import AutoregressiveFlow, CouplingSpline
from lamarr.networks.lowering import lower_autoregressive, lower_mixture
from lamarr.networks.lowering_flows import lower_autoregressive_flow, lower_coupling
from lamarr.networks.mixture import AutoregressiveMixture
from lamarr.training.families.learner import Average, Learner
from lamarr.training.optimiser import Optimiser, OptimiserSettings
from lamarr.transpile import GraphBuilder, Value

__all__ = ["Coupling", "Flow", "Likelihood", "Mixture", "Spline"]

Lowering = Callable[[GraphBuilder, Any, Value, Value], Value]


class Likelihood(Learner):
    """Maximum likelihood of a network with ``log_prob(t, c)`` and ``sample(c, noise)``."""

    average: Average

    def __init__(
        self,
        network: nn.Module,
        noise: int,
        lowering: Lowering,
        settings: OptimiserSettings,
        skip: tuple[str, ...] = (),
        average: float = 0.0,
    ) -> None:
        super().__init__()
        self.average = Average(network, average)
        self.live: Any = network
        self.network: Any = self.average.mean
        self.n_noise, self.lowering = noise, lowering
        self.networks = {"model": self.network, "live": network}
        self.optimisers = {"model": Optimiser(network, settings, skip)}

    def step(
        self,
        c: Tensor,
        t: Tensor,
        w: Tensor,
        progress: float,
        generator: torch.Generator,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Minimise the weighted mean of −log p(t | c)."""
        loss = (w * -self.live.log_prob(t, c)).mean()
        self.optimisers["model"].update(loss, progress)
        self.average.update()
        return {"loss": loss.detach()}

    def losses(self, c: Tensor, t: Tensor) -> Tensor:
        """Return −log p (n,)."""
        result: Tensor = -self.network.log_prob(t, c)
        return result

    @torch.no_grad()
    def draw(self, c: Tensor, noise: Tensor) -> Tensor:
        """Draw targets."""
        result: Tensor = self.network.sample(c, noise)
        return result

    def lower(self, b: GraphBuilder, c: Value, noise: Value | None) -> Value:
        """Append a draw."""
        assert noise is not None  # a density always takes noise
        return self.lowering(b, self.network, c, noise)


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Autoregressive mixture of Gaussians: a trunk of `depth` residual layers, a head per target."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    title: ClassVar[str] = "autoregressive mixture"

    trunk: int = 64
    depth: int = 3
    head: int = 32
    components: int = 6
    activation: str = "silu"
    average: float = 0.998
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)

    def build(self, conditions: int, targets: int) -> Likelihood:
        """Make a learner with new weights."""
        network = AutoregressiveMixture(
            conditions,
            targets,
            trunk=self.trunk,
            depth=self.depth,
            head=self.head,
            components=self.components,
            activation=self.activation,
        )
        return Likelihood(
            network, 2 * targets, lower_mixture, self.optimiser, ("previous", "out_bias"), self.average
        )


@dataclass(frozen=True, kw_only=True)
class Spline:
    """Autoregressive rational-quadratic splines: one pass of heads per draw."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    title: ClassVar[str] = "autoregressive spline flow"

    trunk: tuple[int, ...] = (64, 64, 64)
    head: int = 32
    bins: int = 12
    bound: float = 4.0
    activation: str = "silu"
    average: float = 0.998
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)

    def build(self, conditions: int, targets: int) -> Likelihood:
        """Make a learner with new weights."""
        network = AutoregressiveSpline(
            conditions,
            targets,
            trunk=self.trunk,
            head=self.head,
            bins=self.bins,
            bound=self.bound,
            activation=self.activation,
        )
        skip = ("previous", "out_bias", "scale.weight")
        return Likelihood(network, targets, lower_autoregressive, self.optimiser, skip, self.average)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Masked autoregressive flow; inverse autoregressive if `inverse`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    title: ClassVar[str] = "masked autoregressive flow"

    layers: int = 4
    hidden: tuple[int, ...] = (48, 48)
    activation: str = "silu"
    inverse: bool = False
    average: float = 0.998
    optimiser: OptimiserSettings = field(default_factory=lambda: OptimiserSettings(kind="adam"))

    def build(self, conditions: int, targets: int) -> Likelihood:
        """Make a learner with new weights."""
        network = AutoregressiveFlow(
            conditions,
            targets,
            layers=self.layers,
            hidden=self.hidden,
            activation=self.activation,
            inverse=self.inverse,
        )
        return Likelihood(network, targets, lower_autoregressive_flow, self.optimiser, (), self.average)


@dataclass(frozen=True, kw_only=True)
class Coupling:
    """Coupling layers with rational-quadratic splines."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    title: ClassVar[str] = "coupling spline flow"

    layers: int = 4
    hidden: tuple[int, ...] = (48, 48)
    bins: int = 12
    bound: float = 8.0
    activation: str = "silu"
    average: float = 0.998
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)

    def build(self, conditions: int, targets: int) -> Likelihood:
        """Make a learner with new weights."""
        network = CouplingSpline(
            conditions,
            targets,
            layers=self.layers,
            hidden=self.hidden,
            bins=self.bins,
            bound=self.bound,
            activation=self.activation,
        )
        return Likelihood(network, targets, lower_coupling, self.optimiser, (), self.average)

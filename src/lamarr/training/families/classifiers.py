"""Classifiers for efficiencies: perceptrons, plain or residual, and gradient-boosted trees.

References
----------
J. Platt, Probabilistic Outputs for Support Vector Machines (1999); A. Niculescu-Mizil, R. Caruana,
Predicting Good Probabilities with Supervised Learning (2005) — calibration by a line in the logit
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from lamarr.declaration import STRICT
from lamarr.errors import ConfigurationError
from lamarr.networks.lowering import lower_mlp
from lamarr.networks.mlp import MLP
from lamarr.training.calibration import Calibration
from lamarr.training.families.learner import Average, Learner
from lamarr.training.optimiser import Optimiser, OptimiserSettings
from lamarr.transpile import Graph, GraphBuilder, Value, evaluate

__all__ = ["Classifier", "Perceptron", "PerceptronLearner", "Trees", "TreesLearner"]


class Classifier(Learner):
    """Probabilities of classes; targets are 0 or 1 in one column, or one column per class.

    ``draw`` and ``lower`` give calibrated probabilities (n, targets).
    """

    n_noise = 0

    def __init__(self, targets: int) -> None:
        super().__init__()
        self.targets = targets
        self.calibration = Calibration()

    def logits(self, c: Tensor) -> Tensor:
        """Uncalibrated logits (n, targets)."""
        raise NotImplementedError

    def lower_logits(self, b: GraphBuilder, c: Value) -> Value:
        """Append :meth:`logits`."""
        raise NotImplementedError

    def losses(self, c: Tensor, t: Tensor) -> Tensor:
        """Cross-entropy (n,)."""
        return self.entropy(self.logits(c), t)

    def entropy(self, z: Tensor, t: Tensor) -> Tensor:
        """Cross-entropy (n,) of logits and labels."""
        if self.targets == 1:
            return binary_cross_entropy_with_logits(z, t, reduction="none")[:, 0]
        return cross_entropy(z, t, reduction="none")

    @torch.no_grad()
    def draw(self, c: Tensor, noise: Tensor) -> Tensor:  # noqa: ARG002
        """Return calibrated probabilities."""
        z = self.calibration.slope * self.logits(c) + self.calibration.shift
        return torch.sigmoid(z) if self.targets == 1 else torch.softmax(z, dim=1)

    @torch.no_grad()
    def calibrate(self, c: Tensor, t: Tensor, w: Tensor) -> None:
        """Fit the line in the logit to rows that were not trained on."""
        if self.targets == 1:
            z, y = (v.cpu().numpy()[:, 0] for v in (self.logits(c), t))
            self.calibration = Calibration.fit(z, y, w.cpu().numpy())

    @torch.no_grad()
    def centre(self, c: Tensor, t: Tensor, w: Tensor) -> None:
        """Put the mean probability right, with all rows but those of the test."""
        if self.targets == 1:
            z, y = (v.cpu().numpy()[:, 0] for v in (self.logits(c), t))
            self.calibration = self.calibration.centred(z, y, w.cpu().numpy())

    def lower(self, b: GraphBuilder, c: Value, noise: Value | None) -> Value:  # noqa: ARG002
        """Append calibrated probabilities."""
        line = self.calibration
        z = b.add("affine", self.lower_logits(b, c), scale=[line.slope], shift=[line.shift])
        return b.add("sigmoid" if self.targets == 1 else "softmax", z)


@dataclass(frozen=True, kw_only=True)
class Perceptron:
    """Layers of one width, residual or plain."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    title: ClassVar[str] = "perceptron"

    width: int = 48
    depth: int = 3
    activation: str = "silu"
    residual: bool = True
    average: float = 0.998
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)

    def build(self, conditions: int, targets: int) -> PerceptronLearner:
        """Make a learner with new weights."""
        return PerceptronLearner(self, conditions, targets)


class PerceptronLearner(Classifier):
    """A perceptron that minimises the weighted cross-entropy."""

    average: Average

    def __init__(self, settings: Perceptron, conditions: int, targets: int) -> None:
        super().__init__(targets)
        live = MLP(
            conditions,
            [settings.width] * settings.depth,
            targets,
            activation=settings.activation,
            residual=settings.residual,
        )
        self.average = Average(live, settings.average)
        self.live, self.network = live, cast(MLP, self.average.mean)
        self.networks = {"model": self.network, "live": live}
        self.optimisers = {"model": Optimiser(live, settings.optimiser)}

    def logits(self, c: Tensor) -> Tensor:
        """Evaluate the network."""
        result: Tensor = self.network(c)
        return result

    def step(
        self,
        c: Tensor,
        t: Tensor,
        w: Tensor,
        progress: float,
        generator: torch.Generator,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Minimise the weighted cross-entropy."""
        loss = (w * self.entropy(self.live(c), t)).mean()
        self.optimisers["model"].update(loss, progress)
        self.average.update()
        return {"loss": loss.detach()}

    def lower_logits(self, b: GraphBuilder, c: Value) -> Value:
        """Append the network."""
        return lower_mlp(b, self.network, c)


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Gradient-boosted trees (histograms), for one column of 0 or 1."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    title: ClassVar[str] = "gradient-boosted trees"

    trees: int = 200
    rate: float = 0.1
    leaves: int = 31
    smallest_leaf: int = 40
    seed: int = 1

    def build(self, conditions: int, targets: int) -> TreesLearner:
        """Make a learner."""
        if targets != 1:
            raise ConfigurationError(f"trees take one column of 0 or 1, but got {targets} targets")
        return TreesLearner(self, conditions)


class TreesLearner(Classifier):
    """Trees of scikit-learn, kept as a graph: one step fits them to the whole sample."""

    whole = True

    def __init__(self, settings: Trees, conditions: int) -> None:
        super().__init__(1)
        self.settings, self.conditions = settings, conditions
        self.graph: Graph | None = None

    @property
    def parameters(self) -> int:
        """Numbers in the nodes of the trees."""
        return 0 if self.graph is None else sum(a.size for a in self.graph.constants.values())

    def step(
        self,
        c: Tensor,
        t: Tensor,
        w: Tensor,
        progress: float,  # noqa: ARG002
        generator: torch.Generator,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Fit all trees.

        Raises
        ------
        ConfigurationError
            If a weight is negative: trees cannot learn from such.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        from lamarr.transpile.imports import add_trees

        if (w < 0).any():
            raise ConfigurationError(
                "trees need weights >= 0, but some are negative (sWeights): use the model 'perceptron'"
            )
        trees = HistGradientBoostingClassifier(
            max_iter=self.settings.trees,
            learning_rate=self.settings.rate,
            max_leaf_nodes=self.settings.leaves,
            min_samples_leaf=self.settings.smallest_leaf,
            early_stopping=False,
            random_state=self.settings.seed,
        )
        trees.fit(c.numpy(), t.numpy()[:, 0], sample_weight=w.numpy())
        builder = GraphBuilder(x=self.conditions)
        probabilities = add_trees(builder, trees, builder.input("x"))
        self.graph = builder.finish(probabilities)
        return {"loss": (w * self.losses(c, t)).mean()}

    def logits(self, c: Tensor) -> Tensor:
        """Sum the leaves."""
        b = GraphBuilder(x=self.conditions)
        graph = b.finish(self.lower_logits(b, b.input("x")))
        return torch.from_numpy(evaluate(graph, x=c.cpu().numpy()).astype(np.float32))

    def lower_logits(self, b: GraphBuilder, c: Value) -> Value:
        """Append the trees and their start value."""
        assert self.graph is not None  # trained
        values, nodes = {"x": c}, {n.op: n for n in self.graph.nodes}
        value = values["x"]
        for op in ("trees", "affine"):
            node = nodes[op]
            constants = {k: self.graph.constants[name] for k, name in node.constants.items()}
            value = b.add(op, value, attributes=node.attributes, **constants)
        return value

    def state_dict(self) -> dict[str, Any]:
        """Return the trees as tensors."""
        if self.graph is None:
            return {"graph": None}
        constants = {k: torch.from_numpy(np.array(a)) for k, a in self.graph.constants.items()}
        return {"graph": self.graph.to_json(), "constants": constants}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the trees."""
        self.graph = None
        if state["graph"] is not None:
            constants = {k: v.numpy() for k, v in state["constants"].items()}
            self.graph = Graph.from_json(state["graph"], constants)

"""How the four tracking models are trained: from arrays of a sample to a model with its card."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, InputFileError
from lamarr.networks.lowering import lower_mixture, lower_mlp
from lamarr.networks.mixture import AutoregressiveMixture
from lamarr.networks.mlp import MLP
from lamarr.parametrizations.tracking import (
    BEAM_CONDITIONS,
    COVARIANCE,
    COVARIANCE_CONDITIONS,
    EFFICIENCY,
    PRODUCTION_CONDITIONS,
    RESOLUTION,
)
from lamarr.parametrizations.tracking.features import (
    DIAGONAL_SHARE,
    beam_columns,
    beam_flags,
    covariance_outputs,
    production_columns,
    production_flags,
    resolution_outputs,
    scores,
)
from lamarr.training.fit import Schedule, fit
from lamarr.training.scores import REACH, NormalScore
from lamarr.training.tracking.targets import TRACK_TYPES, TargetScores, draw_scores, fit_scores
from lamarr.training.tracking.teacher import correlation_matrix
from lamarr.transpile import Graph, GraphBuilder, Model, Value, evaluate

__all__ = [
    "RECIPES",
    "Chance",
    "Recipe",
    "Response",
    "beam_tables",
    "by_track_type",
    "covariance_targets",
    "load_sample",
    "resolution_targets",
]

ORDER: Final = (0, 3, 1, 4, 2, 5, 6, 7, 8)
"""Order in which the outputs of resolution are drawn: a position, then the slope that goes with it."""


def load_sample(folder: Path, *names: str) -> list[NDArray[Any]]:
    """Load arrays of a sample; a missing one is answered with the command that makes it."""
    missing = [n for n in names if not (folder / f"{n}.npy").exists()]
    if missing:
        raise InputFileError(
            f"{folder} lacks {', '.join(m + '.npy' for m in missing)}; make the sample with "
            f"'python -m lamarr.training.tracking.sample train -o {folder}'"
        )
    return [np.load(folder / f"{n}.npy", mmap_mode="r") for n in names]


def resolution_targets(beam: NDArray[Any], residuals: NDArray[Any]) -> NDArray[np.float64]:
    """Residuals with dp replaced by artanh(dp / p)."""
    t = np.asarray(residuals, np.float64).copy()
    p = 10.0 ** np.asarray(beam[:, BEAM_CONDITIONS.index("log10_p")], np.float64)
    t[:, 5] = np.arctanh(np.clip(t[:, 5] / p, -0.99999, 0.99999))
    return t


def covariance_targets(covariance: NDArray[Any]) -> NDArray[np.float64]:
    """Log variances, and artanh of the canonical partial correlations of positive definite matrices."""
    matrix = correlation_matrix(covariance)
    off = ~np.eye(5, dtype=bool)
    matrix[:, off] /= 1 - DIAGONAL_SHARE
    factor = np.linalg.cholesky(matrix + 1e-10 * np.eye(5))
    partial = [
        factor[:, j, i] / np.sqrt(np.maximum(1 - (factor[:, j, :i] ** 2).sum(axis=1), 1e-12))
        for j in range(5)
        for i in range(j)
    ]
    bounded = np.clip(np.stack(partial, axis=1), -1 + 1e-7, 1 - 1e-7)
    return np.column_stack([np.asarray(covariance[:, :5], np.float64), np.arctanh(bounded)])


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What trains a model: its declaration, its network, its schedule."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    network: dict[str, Any]
    schedule: Schedule
    title: str
    references: tuple[str, ...]

    def ranges(self, conditions: NDArray[Any]) -> dict[str, tuple[float, float]]:
        """Return the range of each continuous condition: what the sample covers but for 10⁻⁵ at each end."""
        flags = {n for n in self.inputs if n.startswith("is_")}
        flags |= {"long", "upstream", "downstream", "charge", "phi"}  # all their values occur
        levels = np.quantile(conditions[:2_000_000], [1e-5, 1 - 1e-5], axis=0)
        return {
            n: (float(levels[0, j]), float(levels[1, j])) for j, n in enumerate(self.inputs) if n not in flags
        }


@dataclass(frozen=True, kw_only=True)
class Chance(Recipe):
    """Acceptance or efficiency: probabilities by a residual perceptron, fitted to those of the teacher."""

    def train(self, folder: Path, checkpoint: Path | None = None) -> Model:
        """Train on the arrays ``production`` and ``probability`` of a sample."""
        torch.manual_seed(self.schedule.seed)
        conditions, probability = (np.array(a) for a in load_sample(folder, "production", "probability"))
        tables = NormalScore.tables(fit_scores(_columns(production_columns, conditions, conditions.shape[1])))
        features = torch.from_numpy(self.features(conditions, tables))
        labels = torch.from_numpy(probability)
        network = MLP(features.shape[1], **self.network)
        history = fit(network, self._loss(network), (features, labels), self.schedule, checkpoint=checkpoint)
        graph = self._graph(tables, network)
        return Model(
            name=self.name,
            inputs=self.inputs,
            outputs=self.outputs,
            n_noise=0,
            ranges=self.ranges(conditions),
            graph=graph,
            card=_card(self, history, graph, len(features)),
        )

    def _loss(self, network: MLP) -> Any:
        if self.name == "acceptance":
            return lambda x, p: torch.nn.functional.binary_cross_entropy_with_logits(
                network(x)[:, 0], p[:, 0], reduction="none"
            )
        # rows count as much as they are accepted, with a little weight where they hardly are
        return lambda x, p: -(p[:, 1:] * torch.log_softmax(network(x), dim=1)).sum(dim=1) * (p[:, 0] + 0.05)

    def features(self, conditions: NDArray[Any], tables: Any) -> NDArray[np.float32]:
        """Return what the network is fed with, (rows, features)."""
        b = GraphBuilder(x=len(self.inputs))
        return _evaluate(b.finish(self._front(b, tables)), conditions)

    def _front(self, b: GraphBuilder, tables: Any) -> Value:
        x = b.input("x")
        return b.concat(scores(b, production_columns(b, x), tables), production_flags(b, x))

    def _graph(self, tables: Any, network: MLP) -> Graph:
        b = GraphBuilder(x=len(self.inputs))
        y = lower_mlp(b, network, self._front(b, tables))
        return b.finish(b.add("sigmoid" if self.name == "acceptance" else "softmax", y))


@dataclass(frozen=True, kw_only=True)
class Response(Recipe):
    """Resolution or covariance: an autoregressive mixture of the scores of the targets.

    With `by_type` each type of track has scores of its own, recalibrated after the training, and draws stay
    within them.
    """

    by_type: bool = False

    def arrays(self, folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return conditions (rows, inputs) and targets (rows, outputs) of the physical draws."""
        beam, residuals, covariance, physical = load_sample(
            folder, "beam", "resolution", "covariance", "physical"
        )
        rows = np.flatnonzero(physical)
        beam, residuals = np.array(beam[rows]), np.array(residuals[rows])
        if self.name == "resolution":
            return beam, resolution_targets(beam, residuals)[:, ORDER]
        conditions = np.hstack([beam[:, :6], residuals[:, 6:], beam[:, 6:]])
        return conditions, covariance_targets(np.array(covariance[rows]))

    def train(self, folder: Path, checkpoint: Path | None = None) -> Model:
        """Train on the arrays ``beam``, ``resolution``, ``covariance`` and ``physical`` of a sample."""
        torch.manual_seed(self.schedule.seed)
        conditions, targets = self.arrays(folder)
        tables = beam_tables(self, conditions)
        flags = [self.inputs.index(n) for n in TRACK_TYPES] if self.by_type else ()
        target_scores = TargetScores.fit(targets, conditions, flags)
        t = target_scores.forward(targets, conditions)
        features = torch.from_numpy(self.features(conditions, tables))
        network = AutoregressiveMixture(features.shape[1], t.shape[1], **self.network)
        history = fit(
            network,
            lambda c, y: -network.log_prob(y, c),
            (features, torch.from_numpy(t)),
            self.schedule,
            checkpoint=checkpoint,
            adam=("previous", "out_bias"),
        )
        if self.by_type:
            drawn = draw_scores(network.sample, features, 2 * t.shape[1], self.schedule.seed)
            passes = len(drawn) // len(conditions)
            target_scores = target_scores.recalibrated(drawn, np.tile(conditions, (passes, 1)))
        dp = np.tanh(targets[:, 5]) * 10.0 ** conditions[:, 5] if self.name == "resolution" else np.zeros(1)
        graph = self._graph(tables, target_scores, network, (float(dp.min()), float(dp.max())))
        return Model(
            name=self.name,
            inputs=self.inputs,
            outputs=self.outputs,
            n_noise=2 * len(self.outputs),
            ranges=self.ranges(conditions),
            graph=graph,
            card=_card(self, history, graph, len(features)),
        )

    def _front(self, b: GraphBuilder, tables: Any) -> Value:
        x = b.input("x")
        return b.concat(scores(b, beam_columns(b, x), tables), beam_flags(b, x))

    def features(self, conditions: NDArray[Any], tables: Any) -> NDArray[np.float32]:
        """Return what the network is fed with, (rows, features)."""
        b = GraphBuilder(x=len(self.inputs))
        return _evaluate(b.finish(self._front(b, tables)), conditions)

    def _graph(
        self, tables: Any, targets: TargetScores, network: AutoregressiveMixture, dp: tuple[float, float]
    ) -> Graph:
        b = GraphBuilder(x=len(self.inputs), noise=2 * len(self.outputs))
        z = lower_mixture(b, network, self._front(b, tables), b.input("noise"))
        x, drawn_in = b.input("x"), ORDER if self.name == "resolution" else range(len(self.outputs))
        values = targets.lower(b, x, z, [drawn_in.index(j) for j in range(len(self.outputs))])
        if self.name == "covariance":
            return b.finish(covariance_outputs(b, values))
        return b.finish(resolution_outputs(b, x, values, *dp))


def beam_tables(recipe: Response, conditions: NDArray[Any]) -> Any:
    """Fit the tables of scores of the columns that the network of `recipe` is fed with."""
    return NormalScore.tables(fit_scores(_columns(beam_columns, conditions, len(recipe.inputs))))


def _columns(build: Any, conditions: NDArray[Any], width: int) -> NDArray[Any]:
    b = GraphBuilder(x=width)
    return _evaluate(b.finish(build(b, b.input("x"))), conditions)


def _evaluate(graph: Graph, conditions: NDArray[Any]) -> NDArray[np.float32]:
    return evaluate(graph, x=conditions).astype(np.float32, copy=False)


def _card(recipe: Recipe, history: list[tuple[int, float]], graph: Graph, rows: int) -> dict[str, Any]:
    return {
        "title": recipe.title,
        "references": list(recipe.references),
        "recipe": {
            "network": recipe.network,
            **({"by_type": True} if getattr(recipe, "by_type", False) else {}),
            "schedule": {k: getattr(recipe.schedule, k) for k in recipe.schedule.__dataclass_fields__},
        },
        "sample": {"rows": rows},
        "multiplications": graph.multiplications,
        "held_out_loss": {"step": history[-1][0], "loss": round(history[-1][1], 5)},
    }


_LAMARR = (
    "L. Anderlini et al., Lamarr: LHCb ultra-fast simulation based on machine learning models (2022), "
    "arXiv:2204.09947"
)
_RNADE = (
    "B. Uria, I. Murray, H. Larochelle, RNADE: The real-valued neural autoregressive density-estimator "
    "(2013), arXiv:1306.0186"
)
_PERCEPTRON = {"hidden": [48, 48, 48], "activation": "silu", "residual": True}

RECIPES: Final[dict[str, Any]] = {
    "acceptance": Chance(
        name="acceptance",
        inputs=PRODUCTION_CONDITIONS,
        outputs=("acceptance",),
        network={**_PERCEPTRON, "outputs": 1},
        schedule=Schedule(steps=30_000, batch=2048),
        title="Probability that a charged particle crosses the acceptance of the tracking detectors",
        references=(_LAMARR,),
    ),
    "efficiency": Chance(
        name="efficiency",
        inputs=PRODUCTION_CONDITIONS,
        outputs=EFFICIENCY,
        network={**_PERCEPTRON, "outputs": 4},
        schedule=Schedule(steps=30_000, batch=2048),
        title="Probabilities of an accepted particle: not reconstructed, long, upstream, downstream track",
        references=(_LAMARR,),
    ),
    "resolution": Response(
        name="resolution",
        inputs=BEAM_CONDITIONS,
        outputs=RESOLUTION,
        network={"trunk": 64, "depth": 3, "head": 40, "components": 6, "activation": "silu"},
        schedule=Schedule(steps=100_000),
        title="Reconstructed minus true state closest to the beam, and the quality of the track fit",
        references=(_LAMARR, _RNADE),
    ),
    "covariance": Response(
        name="covariance",
        inputs=COVARIANCE_CONDITIONS,
        outputs=COVARIANCE,
        network={"trunk": 64, "depth": 3, "head": 32, "components": 6, "activation": "silu"},
        schedule=Schedule(steps=80_000),
        title="Covariance of the track fit for (x, y, tx, ty, q/p): log variances and correlations",
        references=(_LAMARR, _RNADE),
    ),
}
"""Recipes of the four tracking models by name."""


def by_track_type(recipe: Recipe) -> Response:
    """Return the recipe with scores of the targets for each type of track; draws stay within them.

    Raises
    ------
    ConfigurationError
        If the model draws nothing.
    """
    if not isinstance(recipe, Response):
        raise ConfigurationError(
            f"only resolution and covariance have scores by type of track, not {recipe.name}"
        )
    return replace(recipe, by_type=True, network={**recipe.network, "bound": REACH})

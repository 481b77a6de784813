"""From a trained learner to a model with its card: graph, ranges, what held-out rows say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lamarr._version import __version__
from lamarr.training.calibration import reliability
from lamarr.training.data import Sample
from lamarr.training.families.classifiers import Classifier
from lamarr.training.families.learner import Learner
from lamarr.training.preparation import Prepared
from lamarr.training.recipe import Recipe
from lamarr.training.referee import kolmogorov, weighted_auc
from lamarr.training.trainer import Trainer
from lamarr.training.transforms import recalibrated
from lamarr.transpile import Graph, GraphBuilder, Model

__all__ = ["Tested", "finish", "lower"]

_TEST_ROWS = 100_000
_RECALIBRATION_ROWS = 300_000
_CENTRED_ROWS = 500_000


def lower(recipe: Recipe, prepared: Prepared, learner: Learner) -> Graph:
    """Return the graph from conditions and noise to outputs: preprocessing, network, and the way back."""
    b = GraphBuilder(x=len(recipe.inputs), noise=learner.n_noise)
    features = prepared.inputs.lower(b, b.input("x"))
    noise = b.input("noise") if learner.n_noise else None
    y = learner.lower(b, features, noise)
    if recipe.kind != "classifier":
        y = prepared.outputs.lower_inverse(b, y)
    if recipe.copies:
        y = b.concat(y, b.select(b.input("x"), [recipe.inputs.index(n) for n in recipe.copies.values()]))
    return b.finish(y)


def _recalibrated(prepared: Prepared, trainer: Trainer) -> Prepared:
    """Put the distributions of all outputs right: the trained model draws for the training rows."""
    rows = trainer.rows["train"][:_RECALIBRATION_ROWS]
    passes = min(8, max(1, _RECALIBRATION_ROWS // len(rows)))
    drawn = np.concatenate([trainer.draw(rows, seed=1 + k).numpy() for k in range(passes)])
    _, true, weights = (a.cpu().numpy() for a in trainer.batch(rows))
    own = None if (weights == weights[0]).all() else weights
    return replace(prepared, outputs=recalibrated(prepared.outputs, drawn, true, own))


class Tested:
    """A model on the test part: conditions, true and drawn outputs, weights."""

    def __init__(self, model: Model, sample: Sample) -> None:
        rows = sample.rows("test")[:_TEST_ROWS]
        self.x, self.true = np.array(sample.conditions[rows]), np.array(sample.outputs[rows])
        self.weights = np.array(sample.weights[rows], np.float64)
        noise = np.random.default_rng(1).normal(size=(len(rows), model.n_noise)) if model.n_noise else None
        self.drawn: NDArray[Any] = model(self.x, noise)[:, : self.true.shape[1]]  # without copies

    def generator(self, names: tuple[str, ...]) -> dict[str, Any]:
        """KS distance of each output, its noise floor, largest difference of rank correlations."""
        w = self.weights
        effective = float(w.sum() ** 2 / (w**2).sum())
        distances = {
            n: round(kolmogorov(self.true[:, j], self.drawn[:, j], w), 5) for j, n in enumerate(names)
        }
        found: dict[str, Any] = {"ks": distances, "ks_floor": round(1.36 * (2 / effective) ** 0.5, 5)}
        if len(names) > 1:
            away = np.abs(_rank_correlation(self.true) - _rank_correlation(self.drawn))
            found["largest_difference_of_rank_correlations"] = round(float(away.max()), 4)
        return found

    def classifier(self, names: tuple[str, ...]) -> dict[str, Any]:
        """AUC and reliability curve of each class."""
        return {
            n: {
                "auc": round(weighted_auc(self.drawn[:, j], self.true[:, j], self.weights), 5),
                "reliability": reliability(self.drawn[:, j], self.true[:, j], self.weights),
            }
            for j, n in enumerate(names)
        }


def _rank_correlation(columns: NDArray[Any]) -> NDArray[Any]:
    """Spearman's correlations; tied values share the mean of their ranks."""
    ranks = []
    for x in columns.T:
        _, at, count = np.unique(x, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(count) - 0.5 * (count - 1))[at])
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant column has no correlations
        return np.nan_to_num(np.corrcoef(np.array(ranks)))


def _ranges(sample: Sample) -> dict[str, tuple[float, float]]:
    rows = sample.rows("train")
    low, high = sample.conditions[rows].min(0), sample.conditions[rows].max(0)
    return {n: (float(a), float(b)) for n, a, b in zip(sample.inputs, low, high, strict=True)}


def finish(
    recipe: Recipe, sample: Sample, prepared: Prepared, trainer: Trainer, *, command: str
) -> tuple[Model, Tested]:
    """Calibrate a classifier, lower the learner, and measure the model on the test part."""
    learner = trainer.learner
    if isinstance(learner, Classifier):
        learner.calibrate(*trainer.batch(trainer.rows["validation"]))
        known = torch.cat([trainer.rows["train"], trainer.rows["validation"]])
        learner.centre(*trainer.batch(known[-_CENTRED_ROWS:]))
    if recipe.kind == "generator" and recipe.preprocessing.recalibrate:
        prepared = _recalibrated(prepared, trainer)
    graph = lower(recipe, prepared, learner)
    outputs = recipe.gives or recipe.outputs
    best = trainer.state.best or {"step": float(trainer.total), "score": float("nan")}
    test = {k: round(v, 5) for k, v in trainer.judge("test").items()}
    card: dict[str, Any] = {
        "title": recipe.title,
        "references": list(recipe.references),
        "recipe": recipe.settings(),
        "sample": {
            "sha256": sample.digest,
            "files": list(sample.files),
            "rows": {p: len(trainer.rows[p]) for p in trainer.rows},
            "origin": sample.origin,
            "selection": sample.selection,
        },
        "command": command,
        "training": {
            "steps": trainer.total,
            "best_step": int(best["step"]),
            "best_score": round(float(best["score"]), 6),
            "seconds": round(trainer.state.seconds, 1),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "held_out": test,
        "multiplications": graph.multiplications,
        "parameters": learner.parameters,
        "data": {"origin": sample.origin, "date": date.today().isoformat()},
        "licence": "BSD-3-Clause",
        "lamarr": __version__,
    }
    model = Model(
        name=recipe.name,
        inputs=recipe.inputs,
        outputs=(*outputs, *recipe.copies),
        n_noise=learner.n_noise,
        ranges=_ranges(sample),
        graph=graph,
        card=card,
    )
    tested = Tested(model, sample)
    if recipe.kind == "classifier":
        if isinstance(learner, Classifier):
            test["calibration"] = [round(learner.calibration.slope, 5), round(learner.calibration.shift, 5)]  # type: ignore[assignment]
        test |= tested.classifier(outputs)
    else:
        test |= tested.generator(outputs)
    return model, tested

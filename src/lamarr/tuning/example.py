"""A small real training to tune: a classifier of signal and background on generated data.

It is no model of LHCb; it shows what a recipe needs (docs/tuning.md) and is the campaign of the benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.tuning.study import Pruned, Trial

__all__ = ["objective"]


@cache
def _data(rows: int, seed: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    from sklearn.datasets import make_classification

    x, y = make_classification(
        n_samples=rows, n_features=12, n_informative=6, n_clusters_per_class=3, flip_y=0.05, random_state=seed
    )
    half = rows // 2
    return x[:half], y[:half], x[half:], y[half:]


def objective(settings: Mapping[str, Any], trial: Trial) -> float:
    """Log loss on held-out data after `epochs` passes; reports it after each pass."""
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    x, y, x_test, y_test = _data(settings["rows"], settings["seed"])
    network = settings["network"]
    model = MLPClassifier(
        hidden_layer_sizes=(network["width"],) * network["depth"],
        activation=network["activation"],
        alpha=settings["alpha"],
        learning_rate_init=settings["learning_rate"],
        batch_size=settings["batch"],
        random_state=settings["seed"],
    )
    loss = np.inf
    for epoch in range(settings["epochs"]):
        model.partial_fit(x, y, classes=[0, 1])
        loss = float(log_loss(y_test, model.predict_proba(x_test)))
        trial.report(epoch, loss)
        if trial.should_prune():
            raise Pruned
    return loss

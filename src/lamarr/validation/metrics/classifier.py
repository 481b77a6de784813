"""Classifier two-sample tests: how well a classifier tells two samples apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import raise_unknown
from lamarr.validation.metrics.univariate import Weights

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLASSIFIERS", "auc_error", "classifier_auc", "cross_validated_auc"]

Array = NDArray[Any]


def _trees(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=300, early_stopping=True, random_state=seed)


def _perceptron(seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer

    scores = QuantileTransformer(output_distribution="normal", subsample=100_000, random_state=seed)
    network = MLPClassifier((64, 64), early_stopping=True, max_iter=30, random_state=seed)
    return make_pipeline(scores, network)


AUC_REPLICAS: Final = 20
"""Bootstrap samples for the error of an AUC of rows that come in groups."""

CLASSIFIERS: Final[dict[str, Callable[[int], Any]]] = {"trees": _trees, "perceptron": _perceptron}
"""Classifiers by name: gradient-boosted trees, and a perceptron on normal scores."""


def classifier_auc(a: Array, b: Array, *, seed: int = 0) -> tuple[float, float]:
    """AUC with which gradient-boosted trees tell rows of `a` from rows of `b`, and its standard error.

    Trained on 70 %, evaluated on the rest; 0.5 means that they cannot (and values a little below happen).

    References
    ----------
    D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests (2017), arXiv:1610.06545
    """
    from sklearn.metrics import roc_auc_score

    x = np.concatenate([a, b])
    label = np.repeat([1, 0], [len(a), len(b)])
    order = np.random.default_rng(seed).permutation(len(x))
    x, label = x[order], label[order]
    split = int(0.7 * len(x))
    trees = _trees(seed)
    trees.fit(x[:split], label[:split])
    auc = float(roc_auc_score(label[split:], trees.predict_proba(x[split:])[:, 1]))
    return auc, auc_error(auc, int(label[split:].sum()), int((1 - label[split:]).sum()))


def cross_validated_auc(
    a: Array,
    b: Array,
    weights_a: Weights = None,
    weights_b: Weights = None,
    *,
    groups_a: Array | None = None,
    groups_b: Array | None = None,
    classifier: str = "trees",
    folds: int = 3,
    seed: int = 0,
) -> tuple[float, float]:
    """AUC of a classifier of :data:`CLASSIFIERS`, every row judged by a fold that has not seen it.

    Weights enter the training (those below 0 as 0, classifiers know no negative ones) and the AUC. Rows of
    one group (groups of `a` and `b` by the same numbers: events, say) are in one fold: tracks share the
    number of tracks of their event, by which a classifier would know again what it has seen.

    Raises
    ------
    UnknownNameError
        If there is no such classifier.
    """
    from sklearn.metrics import roc_auc_score

    if classifier not in CLASSIFIERS:
        raise_unknown("classifier", classifier, CLASSIFIERS)
    x = np.concatenate([a, b])
    label = np.repeat([1, 0], [len(a), len(b)])
    weights = np.concatenate(
        [np.ones(len(s)) if w is None else np.maximum(w, 0) for s, w in ((a, weights_a), (b, weights_b))]
    )
    weights *= np.where(label == 1, 1 / weights[label == 1].sum(), 1 / weights[label == 0].sum()) * len(x) / 2
    _, group = np.unique(
        np.arange(len(x)) if groups_a is None or groups_b is None else np.concatenate([groups_a, groups_b]),
        return_inverse=True,
    )
    fold = (np.random.default_rng(seed).permutation(group.max() + 1) % folds)[group]
    score = np.empty(len(x))
    weighted = weights_a is not None or weights_b is not None
    for k in range(folds):
        model = CLASSIFIERS[classifier](seed)
        options = {"sample_weight": weights[fold != k]} if weighted and classifier == "trees" else {}
        model.fit(x[fold != k], label[fold != k], **options)
        # Folds have scales of their own: ranks within the fold make them comparable.
        output = model.predict_proba(x[fold == k])[:, 1]
        score[fold == k] = np.argsort(np.argsort(output)) / max(len(output), 1)
    auc = float(roc_auc_score(label, score, sample_weight=weights))
    if len(a) + len(b) == group.max() + 1:
        return auc, auc_error(auc, len(a), len(b))
    return auc, _auc_error_of_groups(label, score, weights, group, np.random.default_rng(seed))


def _auc_error_of_groups(
    label: Array, score: Array, weights: Array, group: Array, rng: np.random.Generator
) -> float:
    """Return the standard error of an AUC by bootstrap of the groups."""
    from sklearn.metrics import roc_auc_score

    drawn = (weights * rng.poisson(1.0, group.max() + 1)[group] for _ in range(AUC_REPLICAS))
    both = (w for w in drawn if w[label == 1].any() and w[label == 0].any())
    return float(np.std([roc_auc_score(label, score, sample_weight=w) for w in both]))


def auc_error(auc: float, n: int, m: int) -> float:
    """Return the standard error of an AUC from `n` and `m` entries.

    References
    ----------
    J. Hanley, B. McNeil, Radiology 143 (1982) 29
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (n - 1) * (q1 - auc**2) + (m - 1) * (q2 - auc**2)) / (n * m)
    return float(np.sqrt(max(variance, 0.0)))

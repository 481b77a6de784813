"""The referee, a classifier that no player sees, and weighted distances between real and drawn rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["kolmogorov", "referee", "weighted_auc"]

Array = NDArray[Any]


def weighted_auc(score: Array, label: Array, weights: Array) -> float:
    """P(score of a 1 > score of a 0), with weights (n,) that may be negative; ties count half."""
    values, at = np.unique(score, return_inverse=True)
    ones = np.bincount(at, weights * (label == 1), len(values))
    zeros = np.bincount(at, weights * (label == 0), len(values))
    below = np.cumsum(zeros) - zeros
    return float((ones * (below + 0.5 * zeros)).sum() / (ones.sum() * zeros.sum()))


def referee(
    conditions: Array, real: Array, drawn: Array, weights: Array, *, seed: int = 0, trees: int = 60
) -> tuple[float, float]:
    """AUC with which gradient-boosted trees tell drawn from real rows on held-out data, and its error.

    The rows (n, …) are those of held-out events: one half trains the trees, the other is judged. Both
    samples have the same conditions and weights; trees are trained with weights clipped at zero, which
    only makes them a little worse, and judged with the weights as they are.

    References
    ----------
    D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests (2017), arXiv:1610.06545
    J. Hanley, B. McNeil, Radiology 143 (1982) 29 (error)
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    n = len(real)
    order = np.random.default_rng(seed).permutation(n)
    learn, judge = order[: n // 2], order[n // 2 :]

    def both(rows: Array) -> tuple[Array, Array, Array]:
        x = np.concatenate(
            [np.hstack([conditions[rows], real[rows]]), np.hstack([conditions[rows], drawn[rows]])]
        )
        return x, np.repeat([0, 1], len(rows)), np.tile(weights[rows], 2)

    x, y, w = both(learn)
    model = HistGradientBoostingClassifier(
        max_iter=trees, learning_rate=0.15, early_stopping=False, random_state=seed
    )
    model.fit(np.where(np.isfinite(x), x, np.nan), y, sample_weight=np.maximum(w, 0))
    x, y, w = both(judge)
    score = model.predict_proba(np.where(np.isfinite(x), x, np.nan))[:, 1]
    auc = weighted_auc(score, y, w)
    effective = max(float(w.sum() ** 2 / (w**2).sum()) / 2, 2.0)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (effective - 1) * (q1 + q2 - 2 * auc**2)) / effective**2
    return auc, float(np.sqrt(max(variance, 0.0)))


def kolmogorov(real: Array, drawn: Array, weights: Array) -> float:
    """Kolmogorov distance of two samples (n,) with common weights (n,); 0 if alike, 1 if disjoint."""
    values, at = np.unique(np.concatenate([real, drawn]), return_inverse=True)
    n = len(real)
    total = weights.sum()
    difference = np.bincount(at[:n], weights, len(values)) - np.bincount(at[n:], weights, len(values))
    return float(np.abs(np.cumsum(difference)).max() / total)

"""Calibration of probabilities: a line in the logit, and the reliability curve that shows the need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.transpile.operators import sigmoid

__all__ = ["Calibration", "reliability"]


@dataclass(frozen=True)
class Calibration:
    """p = sigmoid(slope × logit + shift)."""

    slope: float = 1.0
    shift: float = 0.0

    @classmethod
    def fit(cls, logit: NDArray[Any], label: NDArray[Any], weights: NDArray[Any]) -> Calibration:
        """Maximise the weighted likelihood of labels 0 or 1 by Newton's method; logits (n,) stay as they are.

        Where the likelihood has no maximum (the classes are told apart perfectly, or negative weights
        make it convex), the calibration is the identity.
        """
        z, y, w = (np.asarray(v, np.float64) for v in (logit, label, weights))
        beta = np.array([1.0, 0.0])
        design = np.stack([z, np.ones_like(z)], axis=1)
        for _ in range(50):
            p = sigmoid(design @ beta)
            gradient = design.T @ (w * (y - p))
            curvature = (design * (w * p * (1 - p))[:, None]).T @ design
            if np.linalg.eigvalsh(curvature)[0] <= 1e-9 * max(len(z), 1):
                return cls()
            change = np.linalg.solve(curvature, gradient)
            beta = beta + change * min(1.0, 2.0 / max(float(np.abs(change).max()), 1e-12))
            if np.abs(change).max() < 1e-9:
                break
        if not (np.isfinite(beta).all() and beta[0] > 0 and abs(beta).max() < 20):
            return cls()
        return cls(float(beta[0]), float(beta[1]))

    def centred(self, logit: NDArray[Any], label: NDArray[Any], weights: NDArray[Any]) -> Calibration:
        """Return the same slope with the shift that makes the mean probability the fraction of labels 1.

        A shift that few rows determine would spoil an efficiency that many rows have told.
        """
        z, y, w = (np.asarray(v, np.float64) for v in (self.slope * logit, label, weights))
        wanted = float((w * y).sum() / w.sum()) if w.sum() > 0 else -1.0
        low, high = -20.0, 20.0
        if not 0 < wanted < 1:
            return self
        for _ in range(60):
            middle = (low + high) / 2
            above = float((w * sigmoid(z + middle)).sum() / w.sum()) > wanted
            low, high = (low, middle) if above else (middle, high)
        return Calibration(self.slope, (low + high) / 2)


def reliability(
    probability: NDArray[Any], label: NDArray[Any], weights: NDArray[Any] | None = None, *, bins: int = 10
) -> list[dict[str, float]]:
    """Mean probability and observed fraction, with its error, in bins of equal population.

    Parameters
    ----------
    probability, label, weights : arrays (n,)
        Labels are 0 or 1.

    Returns
    -------
    list of dict
        With ``predicted``, ``observed``, ``error`` (of the observed fraction) and ``rows`` per bin.
    """
    w = np.ones(len(probability)) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(probability, kind="stable")
    curve = []
    for rows in np.array_split(order, bins):
        total = w[rows].sum()
        if not len(rows) or total <= 0:
            continue
        mean = float((w[rows] * probability[rows]).sum() / total)
        observed = float((w[rows] * label[rows]).sum() / total)
        effective = total**2 / (w[rows] ** 2).sum()
        spread = max(observed * (1 - observed), mean * (1 - mean), 0.0)
        curve.append(
            {
                "predicted": round(mean, 6),
                "observed": round(observed, 6),
                "error": round(float(np.sqrt(spread / effective)), 6),
                "rows": len(rows),
            }
        )
    return curve

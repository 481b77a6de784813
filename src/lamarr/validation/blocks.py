"""Differences of fractions between two tables of the same tracks, with errors from blocks of events."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.validation.metrics import kolmogorov_noise

__all__ = ["difference", "kolmogorov", "largest_of", "mean_of", "residuals"]

Array = NDArray[Any]


def residuals(passed: Array, inside: Array) -> tuple[float, Array]:
    """Fraction of the rows `inside` that passed, and what each row (n,) contributes to its error."""
    n = max(int(inside.sum()), 1)
    fraction = float((passed & inside).sum() / n)
    return fraction, np.where(inside, passed - fraction, 0.0) / n


def _error(contribution: Array, blocks: Array) -> float:
    """Return the standard error of a sum of contributions (n,), whose blocks are independent."""
    sums = np.bincount(blocks, contribution)
    k = len(np.unique(blocks))
    return float(np.sqrt((sums**2).sum() * k / max(k - 1, 1)))


def difference(
    passed_a: Array, passed_b: Array, blocks: Array, inside_a: Array, inside_b: Array | None = None
) -> tuple[float, float]:
    """Fraction that passed in table a minus that in table b, and its standard error.

    Rows of the two tables are the same tracks: their fluctuations cancel in part, and the error knows it.
    """
    a, ra = residuals(passed_a, inside_a)
    b, rb = residuals(passed_b, inside_a if inside_b is None else inside_b)
    return a - b, _error(ra - rb, blocks)


def kolmogorov(a: Array, b: Array, blocks: Array, inside_a: Array, inside_b: Array) -> tuple[float, float]:
    """Kolmogorov distance of two columns (n,) of the same tracks, and its floor.

    The floor is that of independent samples, times the ratio of the error at the place of the largest
    difference to the binomial one.
    """
    x, y = np.sort(a[inside_a]), np.sort(b[inside_b])
    at = np.unique(np.concatenate([x, y]))
    below = [np.searchsorted(s, at, side="right") / len(s) for s in (x, y)]
    k = int(np.argmax(np.abs(below[0] - below[1])))
    distance = float(np.abs(below[0][k] - below[1][k]))
    _, error = difference(a <= at[k], b <= at[k], blocks, inside_a, inside_b)
    fraction = (below[0][k] + below[1][k]) / 2
    binomial = np.sqrt(max(fraction * (1 - fraction), 1e-9) * (1 / len(x) + 1 / len(y)))
    return distance, kolmogorov_noise(len(x), len(y)) * float(np.clip(error / binomial, 0.3, 5.0))


def mean_of(errors: Array) -> float:
    """Mean of |N(0, σ_k)| that is exceeded in about 5 % of cases, for independent errors σ (k,)."""
    return float(np.mean(errors) * (np.sqrt(2 / np.pi) + 1.645 * np.sqrt((1 - 2 / np.pi) / len(errors))))


def largest_of(errors: Array) -> float:
    """Largest of |N(0, σ_k)| that is exceeded in at most 5 % of cases."""
    level = NormalDist().inv_cdf((1 + 0.95 ** (1 / len(errors))) / 2)
    return float(level * np.max(errors))

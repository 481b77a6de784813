"""Distances between two samples of one variable, with weights, negative ones included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError

__all__ = [
    "Chi2",
    "Merged",
    "chi2",
    "half_width",
    "kolmogorov",
    "kolmogorov_noise",
    "tail_ratio",
    "wasserstein",
    "weighted_quantile",
]

Array = NDArray[Any]
Weights = NDArray[Any] | None


class Merged:
    """Two samples (n,), (m,) sorted together once, so that several distances and weights share the sort.

    Raises
    ------
    ConfigurationError
        If a sample is empty or holds NaN.
    """

    def __init__(self, a: Array, b: Array) -> None:
        if not len(a) or not len(b):
            raise ConfigurationError(f"two samples with entries are needed, but got {len(a)} and {len(b)}")
        values = np.concatenate([a, b])
        if np.isnan(values).any():
            raise ConfigurationError(
                f"samples must not hold NaN to be compared, but {int(np.isnan(values).sum())} entries do"
            )
        order = np.argsort(values, kind="stable")
        self._sorted = values[order]
        self._last = np.append(self._sorted[1:] > self._sorted[:-1], True)  # of equal values the last
        self._from_a = order < len(a)
        self._order = order
        self._n = len(a), len(b)

    def difference(self, weights_a: Weights = None, weights_b: Weights = None) -> Array:
        """F_a − F_b (n + m,) behind each value in order; meaningful at the last of equal values."""
        steps = [
            _normalised(weights_a, self._n[0], "first"),
            -_normalised(weights_b, self._n[1], "second"),
        ]
        difference: Array = np.cumsum(np.concatenate(steps)[self._order])
        return difference

    def replicas(
        self,
        n: int,
        rng: np.random.Generator,
        weights: Weights = None,
        blocks: tuple[NDArray[np.int64], int] | None = None,
    ) -> Iterator[Array]:
        """Differences F_a − F_b of `n` bootstrap samples, whose blocks get Poisson weights.

        Parameters
        ----------
        weights : array (n + m,), optional
            Of the first sample's entries, then of the second's; a replica without any weight is left out.
        blocks : array of int (n + m,) and int, optional
            Block of each entry, counted from 0, and how many there are; by default each entry is one.
        """
        ordered = None if weights is None else np.asarray(weights, np.float64)[self._order]
        number: Any = slice(None)  # blocks of one entry get theirs in order of the values: nothing is moved
        n_blocks = len(self._sorted)
        if blocks is not None and blocks[1] < n_blocks:
            number, n_blocks = blocks[0][self._order], blocks[1]
        for _ in range(n):
            k = rng.poisson(1.0, n_blocks).astype(np.float64)[number]
            if ordered is not None:
                k *= ordered
            of_a = float(k[self._from_a].sum())
            of_b = float(k.sum()) - of_a
            if of_a > 0 and of_b > 0:
                k *= np.where(self._from_a, 1 / of_a, -1 / of_b)
                yield np.cumsum(k, out=k)

    def kolmogorov_of(self, difference: Array) -> float:
        """Kolmogorov distance of a :meth:`difference`."""
        return float(np.abs(difference[self._last]).max())

    def wasserstein_of(self, difference: Array) -> float:
        """Wasserstein-1 distance of a :meth:`difference`."""
        return float(np.dot(np.abs(difference[:-1]), np.diff(self._sorted)))

    def kolmogorov(self, weights_a: Weights = None, weights_b: Weights = None) -> float:
        """See :func:`kolmogorov`."""
        return self.kolmogorov_of(self.difference(weights_a, weights_b))

    def wasserstein(self, weights_a: Weights = None, weights_b: Weights = None) -> float:
        """See :func:`wasserstein`."""
        return self.wasserstein_of(self.difference(weights_a, weights_b))


def _normalised(weights: Weights, n: int, which: str) -> Array:
    if weights is None:
        return np.full(n, 1 / n)
    total = float(np.sum(weights))
    if len(weights) != n or not total > 0:
        raise ConfigurationError(
            f"weights of the {which} sample must be {n} numbers with a positive sum, but got {len(weights)} "
            f"with the sum {total:g}"
        )
    return np.asarray(weights, np.float64) / total


def kolmogorov(a: Array, b: Array, weights_a: Weights = None, weights_b: Weights = None) -> float:
    """Kolmogorov distance sup |F_a − F_b| of two samples (n,), (m,); 0 if alike, 1 if disjoint.

    >>> kolmogorov(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    0.0
    >>> kolmogorov(np.array([1.0, 2.0]), np.array([3.0]))
    1.0
    """
    return Merged(a, b).kolmogorov(weights_a, weights_b)


def kolmogorov_noise(n: int, m: int) -> float:
    """Distance that two samples of one distribution exceed in 5 % of cases: 1.36 √((n + m) / (n m))."""
    return float(1.36 * np.sqrt((n + m) / (n * m)))


def wasserstein(a: Array, b: Array, weights_a: Weights = None, weights_b: Weights = None) -> float:
    """Wasserstein-1 distance ∫ |F_a − F_b| dx of two samples, in their unit.

    >>> wasserstein(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    2.0
    """
    return Merged(a, b).wasserstein(weights_a, weights_b)


@dataclass(frozen=True, kw_only=True)
class Chi2:
    """χ² of the comparison of two histograms, with its degrees of freedom and p-value."""

    value: float
    n_dof: int
    p_value: float


def chi2(
    a: Array,
    b: Array,
    edges: Array,
    weights_a: Weights = None,
    weights_b: Weights = None,
    least: float = 10.0,
) -> Chi2:
    """χ² test that two samples follow one distribution, in bins; normalisations do not count.

    Bins with fewer than `least` effective entries in both samples together are left out.

    References
    ----------
    N. Gagunashvili, Chi-square tests for comparing weighted histograms (2010), arXiv:0905.4221 (unweighted
    limit; variances are sums of squared weights)
    """
    from scipy.stats import chi2 as distribution

    contents = []
    for sample, weights in ((a, weights_a), (b, weights_b)):
        w = np.ones(len(sample)) if weights is None else np.asarray(weights, np.float64)
        counts, _ = np.histogram(sample, edges, weights=w)
        contents.append((counts / w.sum(), np.histogram(sample, edges, weights=w**2)[0] / w.sum() ** 2))
    (pa, va), (pb, vb) = contents
    variance = va + vb
    with np.errstate(divide="ignore", invalid="ignore"):
        entries = np.where(variance > 0, (pa + pb) ** 2 / variance, 0)
        terms = (pa - pb) ** 2 / variance
    used = entries >= least
    n_dof = max(int(used.sum()) - 1, 0)
    value = float(terms[used].sum())
    return Chi2(value=value, n_dof=n_dof, p_value=float(distribution.sf(value, n_dof)) if n_dof else 1.0)


def weighted_quantile(values: Array, levels: Array, weights: Weights = None) -> Array:
    """Quantiles of a sample at `levels`; with weights, where the running sum of weights reaches them."""
    if weights is None:
        quantiles: Array = np.quantile(values, levels)
        return quantiles
    order = np.argsort(values, kind="stable")
    reached = np.maximum.accumulate(np.cumsum(_normalised(weights, len(values), "only")[order]))
    at = np.minimum(np.searchsorted(reached, levels), len(values) - 1)
    found: Array = np.asarray(values)[order][at]
    return found


def half_width(values: Array, weights: Weights = None) -> float:
    """Half the width of the central 68.27 % of a sample: σ for a Gaussian."""
    low, high = weighted_quantile(values, np.array([0.158655, 0.841345]), weights)
    return float(high - low) / 2


def tail_ratio(a: Array, b: Array, level: float) -> float:
    """Fraction of `a` beyond the quantile 1 − `level` of `b` (below 0.5: the upper tail), over `level`.

    `level` < 0 means the lower tail. 1 where both tails hold the same.
    """
    if level > 0:
        return float(np.mean(a > np.quantile(b, 1 - level))) / level
    return float(np.mean(a < np.quantile(b, -level))) / -level

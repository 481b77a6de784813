"""Differences of efficiencies, pulls, and distances in bins of conditions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.validation.metrics.blocks import Blocks, error_of_mean
from lamarr.validation.metrics.univariate import half_width

__all__ = ["EfficiencyDifference", "Pull", "efficiency_difference", "in_bins", "pull"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class EfficiencyDifference:
    """ε_a − ε_b in bins; bins with fewer than the least entries in either sample are NaN.

    Attributes
    ----------
    difference, error : arrays (bins,)
        With binomial errors.
    mean, largest : float
        Of |ε_a − ε_b| over the bins that count; NaN if none does.
    """

    difference: Array
    error: Array

    @property
    def mean(self) -> float:
        """Mean of the absolute differences."""
        found = np.abs(self.difference[np.isfinite(self.difference)])
        return float(found.mean()) if found.size else float("nan")

    @property
    def largest(self) -> float:
        """Largest absolute difference."""
        found = np.abs(self.difference[np.isfinite(self.difference)])
        return float(found.max()) if found.size else float("nan")

    @property
    def chi2_per_bin(self) -> float:
        """Mean squared difference in units of its error."""
        good = np.isfinite(self.difference) & (self.error > 0)
        return float(np.mean((self.difference[good] / self.error[good]) ** 2)) if good.any() else float("nan")


def efficiency_difference(
    bin_a: Array,
    passed_a: Array,
    bin_b: Array,
    passed_b: Array,
    n_bins: int,
    least: int = 1000,
    *,
    blocks_a: Blocks = None,
    blocks_b: Blocks = None,
) -> EfficiencyDifference:
    """Compare the fractions of `passed` of two samples, given the bin of each entry (−1: none).

    Errors are binomial or, where that is more, those of independent blocks.
    """
    (na, ea), (nb, eb) = _fractions(bin_a, passed_a, n_bins), _fractions(bin_b, passed_b, n_bins)
    good = (na >= least) & (nb >= least)
    with np.errstate(divide="ignore", invalid="ignore"):
        # (k + 1) / (n + 2) keeps the error finite where all or none pass.
        binomial = [(e * n + 1) / (n + 2) * (1 - (e * n + 1) / (n + 2)) / n for n, e in ((na, ea), (nb, eb))]
    of_blocks = [_variance(bin_a, passed_a, ea, blocks_a), _variance(bin_b, passed_b, eb, blocks_b)]
    variance = sum(np.maximum(v, w) for v, w in zip(binomial, of_blocks, strict=True))
    return EfficiencyDifference(
        difference=np.where(good, ea - eb, np.nan), error=np.where(good, np.sqrt(variance), np.nan)
    )


def _variance(bins: Array, passed: Array, efficiency: Array, blocks: Blocks) -> Array:
    """Variance of the efficiency in each bin by its blocks; 0 where there are none."""
    if blocks is None:
        return np.zeros(len(efficiency))
    inside = [bins == k for k in range(len(efficiency))]
    deviations = [passed[m] - e for m, e in zip(inside, efficiency, strict=True)]
    return np.array([error_of_mean(d, blocks[m]) ** 2 for d, m in zip(deviations, inside, strict=True)])


def _fractions(bins: Array, passed: Array, n_bins: int) -> tuple[Array, Array]:
    inside = bins >= 0
    total = np.bincount(bins[inside], minlength=n_bins)
    k = np.bincount(bins[inside], weights=passed[inside].astype(float), minlength=n_bins)
    return total, np.where(total > 0, k / np.maximum(total, 1), 0.0)


@dataclass(frozen=True, kw_only=True)
class Pull:
    """Median and 68 % half-width of residuals over their errors, and the fraction beyond ±5."""

    mean: float
    width: float
    outliers: float


def pull(residuals: Array, errors: Array) -> Pull:
    """Pull of residuals (n,) with errors (n,)."""
    values = residuals / errors
    return Pull(
        mean=float(np.median(values)),
        width=half_width(values),
        outliers=float(np.mean(np.abs(values) > 5)),
    )


def in_bins(columns: dict[str, Array], edges: dict[str, Array]) -> tuple[Array, tuple[str, ...]]:
    """Return the cell (n,) of a grid that each row is in, −1 outside, and a label of every cell.

    >>> bins, labels = in_bins({"p": np.array([1.0, 3.0, 9.0])}, {"p": np.array([0, 2, 4])})
    >>> bins.tolist(), labels
    ([0, 1, -1], ('p 0–2', 'p 2–4'))
    """
    number, inside = np.zeros(len(next(iter(columns.values()))), np.int64), True
    names = []
    for name, e in edges.items():
        x = columns[name]
        k = np.searchsorted(e, x, side="right") - 1
        inside = inside & (x >= e[0]) & (x < e[-1])
        number = number * (len(e) - 1) + np.clip(k, 0, len(e) - 2)
        names.append([f"{name} {low:g}–{high:g}" for low, high in pairwise(e)])
    return np.where(inside, number, -1), tuple(", ".join(cell) for cell in product(*names))

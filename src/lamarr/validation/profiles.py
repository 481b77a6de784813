"""Widths and efficiencies in bins, with their statistical uncertainties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ConfigurationError
from lamarr.validation.metrics import half_width
from lamarr.validation.metrics.blocks import Blocks, error_of_mean

__all__ = ["Profile", "efficiencies", "half_width_error", "median_error", "widths", "wilson"]

Array = NDArray[np.float64]
_LOW, _HIGH = 0.158655, 0.841345
"""Probabilities between which a Gaussian has its central 68.27 %, mean ± σ."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A quantity in bins of another; bins with too few entries are left out.

    Attributes
    ----------
    low, high : arrays (bins,)
        Edges.
    x : array (bins,)
        Mean of the abscissa in the bin.
    value, below, above : arrays (bins,)
        The quantity, and its 68 % uncertainty downwards and upwards (both >= 0).
    entries : array of int64 (bins,)
    left_out : int
        Entries in the range of the bins, but in bins that are left out.
    """

    low: Array
    high: Array
    x: Array
    value: Array
    below: Array
    above: Array
    entries: NDArray[np.int64]
    left_out: int


def _sparsity(ordered: Array, q: float) -> float:
    """Inverse probability density at quantile `q`: slope of the quantile function over ±√(q (1 − q) / n)."""
    step = min(np.sqrt(q * (1 - q) / len(ordered)), q, 1 - q)
    low, high = np.quantile(ordered, [q - step, q + step])
    return float((high - low) / (2 * step))


def _influence(values: Array, q: float) -> Array:
    """By how much n times each value moves the sample's quantile `q`: (q − 1[x < Q]) / f(Q).

    The density f is estimated from the sample; no shape is assumed.
    """
    ordered = np.sort(values)
    below = (values < np.quantile(ordered, q)).astype(np.float64)
    return (q - below) * _sparsity(ordered, q)


def half_width_error(values: NDArray[Any], blocks: Blocks = None) -> float:
    """Return the standard error of :func:`half_width` of n values: 0.96 σ/√n for a Gaussian.

    Values of one of the `blocks` (n,) may depend on each other.

    References
    ----------
    F. Mosteller, On some useful "inefficient" statistics, Ann. Math. Statist. 17 (1946) 377
    """
    x = np.asarray(values, np.float64)
    return error_of_mean((_influence(x, _HIGH) - _influence(x, _LOW)) / 2, blocks)


def median_error(values: NDArray[Any], blocks: Blocks = None) -> float:
    """Return the standard error 1 / (2 f √n) of the median of n values: 1.25 σ/√n for a Gaussian."""
    return error_of_mean(_influence(np.asarray(values, np.float64), 0.5), blocks)


def wilson(passed: ArrayLike, total: ArrayLike) -> tuple[Array, Array]:
    """Wilson's interval (low, high) of a binomial probability, at 68.27 %.

    References
    ----------
    E. Wilson, Probable inference, the law of succession, and statistical inference,
    J. Am. Stat. Assoc. 22 (1927) 209

    Examples
    --------
    >>> low, high = wilson([0, 5, 10], [10, 10, 10])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.349, 0.909], [0.091, 0.651, 1.0])
    """
    n = np.asarray(total, np.float64)
    k = np.asarray(passed, np.float64)
    if (n <= 0).any() or (k < 0).any() or (k > n).any():
        raise ConfigurationError(
            f"0 <= passed <= total and total > 0 must hold, but got (passed={k.tolist()}, total={n.tolist()})"
        )
    p = k / n
    centre = (p + 0.5 / n) / (1 + 1 / n)
    half = np.sqrt(p * (1 - p) / n + 0.25 / n**2) / (1 + 1 / n)
    # Where all or none passed, an end of the interval is 1 or 0 but for rounding.
    return np.where(k == 0, 0.0, centre - half), np.where(k == n, 1.0, centre + half)


def widths(
    x: NDArray[Any], values: NDArray[Any], edges: ArrayLike, *, least: int = 50, blocks: Blocks = None
) -> Profile:
    """68 % half-width of `values` (n,) in bins of `x` (n,); a bin needs at least `least` entries."""
    e, bins, kept, left_out = _binned(x, edges, least)
    inside = [values[bins == b] for b in kept]
    of = [None if blocks is None else blocks[bins == b] for b in kept]
    error = np.array([half_width_error(v, k) for v, k in zip(inside, of, strict=True)])
    return Profile(
        low=e[kept],
        high=e[kept + 1],
        x=np.array([x[bins == b].mean() for b in kept]),
        value=np.array([half_width(v) for v in inside]),
        below=error,
        above=error,
        entries=np.array([len(v) for v in inside], np.int64),
        left_out=left_out,
    )


def efficiencies(x: NDArray[Any], passed: NDArray[np.bool_], edges: ArrayLike, *, least: int = 20) -> Profile:
    """Fraction of `passed` (n,) in bins of `x` (n,), with Wilson's intervals."""
    e, bins, kept, left_out = _binned(x, edges, least)
    total = np.array([(bins == b).sum() for b in kept], np.int64)
    k = np.array([passed[bins == b].sum() for b in kept], np.int64)
    low, high = wilson(k, total)
    return Profile(
        low=e[kept],
        high=e[kept + 1],
        x=np.array([x[bins == b].mean() for b in kept]),
        value=k / np.maximum(total, 1),
        below=k / np.maximum(total, 1) - low,
        above=high - k / np.maximum(total, 1),
        entries=total,
        left_out=left_out,
    )


def _binned(
    x: NDArray[Any], edges: ArrayLike, least: int
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64], int]:
    """Edges, bin of each entry (−1 outside), bins with at least `least` entries, entries in the others."""
    e = np.asarray(edges, np.float64)
    bins = np.searchsorted(e, x, side="right") - 1
    bins[(x < e[0]) | (x >= e[-1])] = -1
    entries = np.bincount(bins[bins >= 0], minlength=len(e) - 1)
    kept = np.flatnonzero(entries >= max(least, 1))
    return e, bins, kept, int(entries.sum() - entries[kept].sum())

"""Distances between two samples of many variables at once. Variables should be brought to one scale before.

Every function takes samples (n, d), (m, d). What would need all pairs takes a part of the rows, at most
`limit`, drawn with `seed`; the value then fluctuates like that of samples of this size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.validation.metrics.univariate import Merged, Weights

__all__ = [
    "Coverage",
    "coverage",
    "covariance_distance",
    "frechet",
    "maximum_mean_discrepancy",
    "sliced_wasserstein",
    "standardised",
]

Array = NDArray[Any]


def standardised(a: Array, b: Array) -> tuple[Array, Array]:
    """Shift and scale both samples so that the reference `b` has mean 0 and standard deviation 1.

    A column of `b` that does not vary is only shifted.
    """
    _same_columns(a, b)
    mean, spread = b.mean(axis=0), b.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    return (a - mean) / scale, (b - mean) / scale


def sliced_wasserstein(
    a: Array,
    b: Array,
    weights_a: Weights = None,
    weights_b: Weights = None,
    *,
    directions: int = 32,
    limit: int = 100_000,
    seed: int = 0,
) -> float:
    """Mean Wasserstein-1 distance of projections on random directions.

    References
    ----------
    J. Rabin, G. Peyré, J. Delon, M. Bernot, Wasserstein barycenter and its application to texture mixing
    (SSVM 2011)
    """
    _same_columns(a, b)
    rng = np.random.default_rng(seed)
    (a, weights_a), (b, weights_b) = _some(rng, a, weights_a, limit), _some(rng, b, weights_b, limit)
    axes = rng.normal(size=(a.shape[1], directions))
    axes /= np.linalg.norm(axes, axis=0)
    distances = [Merged(a @ axis, b @ axis).wasserstein(weights_a, weights_b) for axis in axes.T]
    return float(np.mean(distances))


def covariance_distance(a: Array, b: Array, weights_a: Weights = None, weights_b: Weights = None) -> float:
    """Frobenius norm of the difference of the correlation-scaled covariances, ‖D(Σ_a − Σ_b)D‖.

    D holds the inverse standard deviations of `b`, so that units do not matter.
    """
    _same_columns(a, b)
    first, second = _moments(a, weights_a)[1], _moments(b, weights_b)[1]
    spread = np.sqrt(np.diag(second))
    scale = np.where(spread > 0, spread, 1.0)
    return float(np.linalg.norm((first - second) / np.outer(scale, scale)))


def frechet(a: Array, b: Array, weights_a: Weights = None, weights_b: Weights = None) -> float:
    """Fréchet distance of two Gaussians with the samples' moments.

    |μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 √(Σ_a Σ_b)).

    References
    ----------
    D. Dowson, B. Landau, The Fréchet distance between multivariate normal distributions,
    J. Multivar. Anal. 12 (1982) 450
    """
    _same_columns(a, b)
    (mean_a, cov_a), (mean_b, cov_b) = _moments(a, weights_a), _moments(b, weights_b)
    root = _square_root(cov_a)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)).sum()
    shift = float(((mean_a - mean_b) ** 2).sum())
    return max(shift + float(np.trace(cov_a) + np.trace(cov_b) - 2 * cross), 0.0)


def maximum_mean_discrepancy(a: Array, b: Array, *, limit: int = 4000, seed: int = 0) -> float:
    """Unbiased estimate of MMD² with a Gaussian kernel whose width is the median distance in `b`.

    Near 0 (of either sign) if the distributions agree.

    References
    ----------
    A. Gretton et al., A kernel two-sample test, JMLR 13 (2012) 723, eq. 3
    """
    _same_columns(a, b)
    rng = np.random.default_rng(seed)
    a, b = _some(rng, a, None, limit)[0], _some(rng, b, None, limit)[0]
    bb = _squared_distances(b, b)
    width = np.median(bb[np.triu_indices(len(b), 1)])
    if not width > 0:
        raise ConfigurationError("the reference must hold different rows to have a distance, but it does not")
    kaa, kbb, kab = (np.exp(-d / width) for d in (_squared_distances(a, a), bb, _squared_distances(a, b)))
    n, m = len(a), len(b)
    within_a = (kaa.sum() - np.trace(kaa)) / (n * (n - 1))
    within_b = (kbb.sum() - np.trace(kbb)) / (m * (m - 1))
    return float(within_a + within_b - 2 * kab.mean())


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Precision and recall of the supports, and their density and coverage, which outliers harm less."""

    precision: float
    recall: float
    density: float
    coverage: float


def coverage(a: Array, b: Array, *, neighbours: int = 5, limit: int = 5000, seed: int = 0) -> Coverage:
    """How well sample `a` lies in the support of the reference `b`, and covers it.

    A point lies in the support of a sample if it is nearer to one of its points than that point's
    `neighbours`-th neighbour. Of samples of one distribution density is 1 on average, coverage near
    1 − 2^−neighbours.

    References
    ----------
    T. Kynkäänniemi et al., Improved precision and recall metric (2019), arXiv:1904.06991
    M. Naeem et al., Reliable fidelity and diversity metrics (2020), arXiv:2002.09797
    """
    _same_columns(a, b)
    rng = np.random.default_rng(seed)
    a, b = _some(rng, a, None, limit)[0], _some(rng, b, None, limit)[0]
    if min(len(a), len(b)) <= neighbours:
        raise ConfigurationError(f"more than {neighbours} rows are needed, but got {len(a)} and {len(b)}")
    radius_a, radius_b = (_kth(_squared_distances(s, s), neighbours) for s in (a, b))
    between = _squared_distances(a, b)
    inside_b, inside_a = between <= radius_b, between <= radius_a[:, None]
    return Coverage(
        precision=float(inside_b.any(axis=1).mean()),
        recall=float(inside_a.any(axis=0).mean()),
        density=float(inside_b.sum() / (neighbours * len(a))),
        coverage=float((between.min(axis=0) <= radius_b).mean()),
    )


def _kth(distances: Array, k: int) -> Array:
    """Squared distance to the k-th neighbour; the nearest is the point itself."""
    found: Array = np.partition(distances, k, axis=1)[:, k]
    return found


def _squared_distances(a: Array, b: Array) -> Array:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    result: Array = np.maximum(squares, 0)
    return result


def _some(rng: np.random.Generator, sample: Array, weights: Weights, limit: int) -> tuple[Array, Weights]:
    if len(sample) <= limit:
        return sample, weights
    rows = rng.choice(len(sample), limit, replace=False)
    return sample[rows], None if weights is None else weights[rows]


def _moments(sample: Array, weights: Weights) -> tuple[Array, Array]:
    w = np.full(len(sample), 1 / len(sample)) if weights is None else weights / np.sum(weights)
    mean = w @ sample
    centred = sample - mean
    return mean, (centred * w[:, None]).T @ centred


def _square_root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    root: Array = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def _same_columns(a: Array, b: Array) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):
        raise ConfigurationError(
            f"two samples (n, d), (m, d) with rows are needed, but got shapes {a.shape} and {b.shape}"
        )

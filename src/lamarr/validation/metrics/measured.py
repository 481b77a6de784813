"""A distance with what one must know to read it: its error, and what the reference against itself gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.validation.metrics.blocks import Blocks, halves_of_blocks, numbered
from lamarr.validation.metrics.univariate import Merged, Weights

__all__ = [
    "Distances",
    "Measured",
    "distances_measured",
    "kolmogorov_measured",
    "measured",
    "wasserstein_measured",
]

Array = NDArray[Any]
Distance = Callable[[Array, Array], float]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A distance, its bootstrap error, and the same distance between two halves of the reference.

    The halves are smaller than the samples, so that the floor is an upper estimate of the noise.
    """

    value: float
    error: float
    floor: float

    @property
    def at_floor(self) -> bool:
        """Whether the distance is not above the noise floor by more than twice its error."""
        return self.value - 2 * self.error <= self.floor


def measured(
    distance: Distance, a: Array, b: Array, *, replicas: int = 10, seed: int = 0, limit: int | None = None
) -> Measured:
    """Measure any distance of two samples (rows first), with bootstrap and floor.

    Parameters
    ----------
    distance : callable
        Of two samples.
    replicas : int
        Bootstrap samples.
    limit : int, optional
        Rows of each sample at the most.
    """
    rng = np.random.default_rng(seed)
    if limit is not None:
        a, b = (s[rng.choice(len(s), limit, replace=False)] if len(s) > limit else s for s in (a, b))
    values = [
        distance(a[rng.integers(0, len(a), len(a))], b[rng.integers(0, len(b), len(b))])
        for _ in range(replicas)
    ]
    halves = rng.permutation(len(b))
    floor = distance(b[halves[: len(b) // 2]], b[halves[len(b) // 2 :]])
    return Measured(value=distance(a, b), error=float(np.std(values)), floor=floor)


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Kolmogorov and Wasserstein distance of two samples of one variable, with errors and floors."""

    kolmogorov: Measured
    wasserstein: Measured


def distances_measured(
    a: Array,
    b: Array,
    weights_a: Weights = None,
    weights_b: Weights = None,
    *,
    blocks_a: Blocks = None,
    blocks_b: Blocks = None,
    replicas: int = 10,
    seed: int = 0,
) -> Distances:
    """Kolmogorov and Wasserstein distance with error and floor; both share one sort and the replicas.

    Bootstrap and floor go by blocks (:mod:`~lamarr.validation.metrics.blocks`), by default by rows.
    """
    rng = np.random.default_rng(seed)
    pair = Merged(a, b)
    weights = None
    if weights_a is not None or weights_b is not None:
        both = ((a, weights_a), (b, weights_b))
        weights = np.concatenate([np.ones(len(s)) if w is None else w for s, w in both])
    found = [_both(pair, pair.difference(weights_a, weights_b))]
    blocks = numbered(len(a) + len(b), blocks_a, blocks_b)
    found += [_both(pair, d) for d in pair.replicas(replicas, rng, weights, blocks)]
    half = halves_of_blocks(len(b), blocks_b, rng)
    floor = (0.0, 0.0)
    if 0 < half.sum() < len(b):
        of_halves = (None, None) if weights_b is None else (weights_b[half], weights_b[~half])
        halves = Merged(b[half], b[~half])
        floor = _both(halves, halves.difference(*of_halves))
    errors = np.std(found[1:], axis=0) if len(found) > 1 else (0.0, 0.0)
    ks, w = (
        Measured(value=value, error=float(error), floor=low)
        for value, error, low in zip(found[0], errors, floor, strict=True)
    )
    return Distances(kolmogorov=ks, wasserstein=w)


def _both(pair: Merged, difference: Array) -> tuple[float, float]:
    return pair.kolmogorov_of(difference), pair.wasserstein_of(difference)


def kolmogorov_measured(
    a: Array, b: Array, weights_a: Weights = None, weights_b: Weights = None, **options: Any
) -> Measured:
    """:func:`~lamarr.validation.metrics.kolmogorov` as :func:`distances_measured` measures it."""
    return distances_measured(a, b, weights_a, weights_b, **options).kolmogorov


def wasserstein_measured(
    a: Array, b: Array, weights_a: Weights = None, weights_b: Weights = None, **options: Any
) -> Measured:
    """:func:`~lamarr.validation.metrics.wasserstein` as :func:`distances_measured` measures it."""
    return distances_measured(a, b, weights_a, weights_b, **options).wasserstein

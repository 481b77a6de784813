"""A distance with what one must know to read it: its error, and what the reference against itself gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.validation.metrics.univariate import Merged, Weights

__all__ = ["Measured", "kolmogorov_measured", "measured", "wasserstein_measured"]

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


def kolmogorov_measured(
    a: Array, b: Array, weights_a: Weights = None, weights_b: Weights = None, *, seed: int = 0
) -> Measured:
    """:func:`~lamarr.validation.metrics.kolmogorov` with error and floor, sorting once."""
    return _merged(Merged.kolmogorov, a, b, weights_a, weights_b, seed)


def wasserstein_measured(
    a: Array, b: Array, weights_a: Weights = None, weights_b: Weights = None, *, seed: int = 0
) -> Measured:
    """:func:`~lamarr.validation.metrics.wasserstein` with error and floor, sorting once."""
    return _merged(Merged.wasserstein, a, b, weights_a, weights_b, seed)


def _merged(
    distance: Callable[[Merged, Weights, Weights], float],
    a: Array,
    b: Array,
    weights_a: Weights,
    weights_b: Weights,
    seed: int,
    replicas: int = 10,
) -> Measured:
    """Bootstrap by Poisson weights, which the sorted samples take as they are."""
    rng = np.random.default_rng(seed)
    pair = Merged(a, b)
    wa = np.ones(len(a)) if weights_a is None else weights_a
    wb = np.ones(len(b)) if weights_b is None else weights_b
    values = [distance(pair, _poisson(rng, wa), _poisson(rng, wb)) for _ in range(replicas)]
    half = rng.random(len(b)) < 0.5
    floor = 0.0
    if 0 < half.sum() < len(b):
        halves = Merged(b[half], b[~half])
        floor = distance(halves, *((None, None) if weights_b is None else (wb[half], wb[~half])))
    return Measured(value=distance(pair, wa, wb), error=float(np.std(values)), floor=floor)


def _poisson(rng: np.random.Generator, weights: Array) -> Array:
    replica = weights * rng.poisson(1.0, len(weights))
    return replica if replica.sum() > 0 else weights

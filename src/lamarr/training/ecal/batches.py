"""Batches of units of similar size, in an order that the seed and the number of the step decide.

Left and right, and up and down, are alike in the calorimeter (the field bends opposite charges to opposite
sides, and a token has the kick, not the charge): every unit may be seen in a mirror, four events out of one.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamarr.networks.events_to_events import Units
from lamarr.parametrizations.ecal.queries import QUERY_FEATURES, TARGETS
from lamarr.parametrizations.ecal.tokens import NEIGHBOURS, TOKEN_FEATURES
from lamarr.training.ecal.events import UnitSample

__all__ = ["Batches", "mirrored", "padded"]

_ODD: Final = {
    "x": ("x", "sin_x", "kick_x", *(f"dx_{k}" for k in range(NEIGHBOURS))),
    "y": ("y", "sin_y", *(f"dy_{k}" for k in range(NEIGHBOURS))),
}
"""Features that change their sign in a mirror."""

_SHUFFLED = 16
"""Batches that are sorted by size together: enough for little padding, few enough for different company."""


def _stacked(
    rows: NDArray[np.generic], first: NDArray[np.int64], units: NDArray[np.int64]
) -> tuple[Tensor, Tensor]:
    """Rows of units side by side, 0 where there are none: (units, most, …); and how many (units,)."""
    number = first[units + 1] - first[units]
    most = max(int(number.max(initial=0)), 1)
    there = np.arange(most)[None] < number[:, None]
    result = np.zeros((len(units), most, *rows.shape[1:]), rows.dtype)
    result[there] = np.concatenate([rows[first[u] : first[u + 1]] for u in units])
    return torch.from_numpy(result), torch.from_numpy(number)


def padded(sample: UnitSample, units: NDArray[np.int64]) -> Units:
    """Give the named units of a sample to the network."""
    tokens, n = _stacked(sample.tokens, sample.first_source, units)
    owned, _ = _stacked(sample.owned, sample.first_source, units)
    queries, m = _stacked(sample.queries, sample.first_cluster, units)
    targets, _ = _stacked(sample.targets, sample.first_cluster, units)
    return Units(tokens=tokens, n=n, owned=owned, queries=queries, targets=targets, m=m)


def _signs(names: tuple[str, ...], x: Tensor, y: Tensor) -> Tensor:
    """Signs (units, 1, features) of named features for signs (units,) of the axes."""
    one = torch.ones_like(x)
    signs = [x if n in _ODD["x"] else y if n in _ODD["y"] else one for n in names]
    return torch.stack(signs, dim=1)[:, None]


def mirrored(units: Units, x: Tensor, y: Tensor) -> Units:
    """Units in a mirror where the sign (units,) of an axis is −1."""
    return replace(
        units,
        tokens=units.tokens * _signs(TOKEN_FEATURES, x, y),
        queries=units.queries * _signs(QUERY_FEATURES, x, y),
        targets=units.targets * _signs(TARGETS, x, y),
    )


class Batches:
    """Batches of `size` units of one part of a sample.

    Parameters
    ----------
    sample : UnitSample
    part : int
        0 train, 1 choose, 2 test.
    size, seed : int
    """

    def __init__(self, sample: UnitSample, part: int, size: int, seed: int) -> None:
        self.sample, self.size, self.seed = sample, size, seed
        self.units = np.flatnonzero((sample.part == part) & (np.diff(sample.first_source) > 0))
        self.per_epoch = max(len(self.units) // size, 1)
        self._order = functools.lru_cache(maxsize=2)(self._order_of)

    def _order_of(self, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        shuffled = rng.permutation(self.units)[: self.per_epoch * self.size]
        group = self.size * _SHUFFLED
        size = np.diff(self.sample.first_source)
        batches: list[NDArray[np.int64]] = []
        for a in range(0, len(shuffled), group):
            some = shuffled[a : a + group]
            some = some[np.argsort(size[some], kind="stable")]
            batches += [some[b : b + self.size] for b in range(0, len(some), self.size)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def at(self, step: int) -> Units:
        """Batch of a step, every unit in a random mirror."""
        units = padded(self.sample, self._order(step // self.per_epoch)[step % self.per_epoch])
        rng = np.random.Generator(np.random.Philox(key=[self.seed + 1_000_000, step]))
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], (2, len(units.n))).astype(np.float32))
        return mirrored(units, signs[0], signs[1])

    def all(self) -> list[Units]:
        """All units once, by size."""
        order = self.units[np.argsort(np.diff(self.sample.first_source)[self.units], kind="stable")]
        return [padded(self.sample, order[a : a + self.size]) for a in range(0, len(order), self.size)]

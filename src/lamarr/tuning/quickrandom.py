# ruff: noqa: ARG002 - the arguments are those of Optuna's samplers
"""Uniform random values, drawn without a look at other trials and without Optuna's detour by arrays.

The distributions are those of Optuna's random sampler: uniform on the range, on the logarithm of the range
(for integers on that of [low − 1/2, high + 1/2], rounded), or on the multiples of the step.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

__all__ = ["QuickRandom"]


class QuickRandom(BaseSampler):
    """Random search. Which client gets which value depends on the order of requests, seeded or not."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def draw(self, ranges: Mapping[str, BaseDistribution]) -> dict[str, Any]:
        """One value for each parameter."""
        return {name: self._one(range_) for name, range_ in ranges.items()}

    def _one(self, range_: BaseDistribution) -> Any:
        if isinstance(range_, FloatDistribution):
            return self._float(range_)
        if isinstance(range_, IntDistribution):
            return self._int(range_)
        if isinstance(range_, CategoricalDistribution):
            return self._random.choice(range_.choices)
        raise TypeError(f"no random value for {range_!r}")

    def _float(self, range_: FloatDistribution) -> float:
        low, high = range_.low, range_.high
        if range_.step is not None:
            n = round((high - low) / range_.step)
            return min(low + self._random.randint(0, n) * range_.step, high)
        if range_.log:
            value = math.exp(self._random.uniform(math.log(low), math.log(high)))
        else:
            value = self._random.uniform(low, high)
        return min(max(value, low), high)

    def _int(self, range_: IntDistribution) -> int:
        low, high = range_.low, range_.high
        if not range_.log:
            return self._random.randrange(low, high + 1, range_.step)
        value = math.exp(self._random.uniform(math.log(low - 0.5), math.log(high + 0.5)))
        return min(max(round(value), low), high)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing: the parameters are independent."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing, see above."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw a value of a parameter that was not declared."""
        return self._one(param_distribution)

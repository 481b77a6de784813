"""A grid whose points are handed out once each.

Optuna's own grid draws at random among the points not yet visited and starts again when none is left; two
clients that ask in the same moment can be given the same point. Here the number of the trial *is* the
number of the grid point, so a point can neither be doubled nor left out.
"""

# ruff: noqa: ARG002 - the arguments are those of Optuna's samplers
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

from lamarr.tuning.problems import problem
from lamarr.tuning.space import Categorical, Float, Int, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["MAX_POINTS", "ExclusiveGrid", "axis"]

MAX_POINTS = 10_000_000
"""Largest number of points of a grid."""


def axis(name: str, range_: Float | Int | Categorical, points: object = None) -> Sequence[Any]:
    """Values of one parameter on the grid: the given points, else all choices, integers or steps."""
    if points is not None:
        return _given(name, range_, points)
    if isinstance(range_, Categorical):
        return list(range_.choices)
    if isinstance(range_, Int):
        return range(range_.low, range_.high + 1, range_.step)
    if range_.step is None:
        raise problem(
            "bad_space",
            f"a grid needs a step for {name[:80]!r}, or its values in args.points of the sampler",
        )
    n = math.floor((range_.high - range_.low) / range_.step + 1e-9) + 1
    if n > MAX_POINTS:
        raise problem("bad_space", f"a grid has at most {MAX_POINTS} points, {name[:80]!r} alone has {n}")
    return [min(range_.low + i * range_.step, range_.high) for i in range(n)]


def _given(name: str, range_: Float | Int | Categorical, points: object) -> list[Any]:
    if not isinstance(points, list) or not points or len(points) > 100_000:
        raise problem("bad_space", f"args.points of {name[:80]!r} must be a list of 1 to 100,000 values")
    for p in points:
        if isinstance(range_, Categorical):
            inside = any(p == c and type(p) is type(c) for c in range_.choices)
        else:
            number = isinstance(p, int if isinstance(range_, Int) else int | float) and not isinstance(
                p, bool
            )
            inside = number and range_.low <= p <= range_.high
        if not inside:
            raise problem("bad_space", f"grid point {str(p)[:40]!r} of {name[:80]!r} is outside its range")
    if len({(str(type(p)), p) for p in points}) < len(points):
        raise problem("bad_space", f"grid points of {name[:80]!r} must differ from each other")
    return list(points)


class ExclusiveGrid(BaseSampler):
    """Trial number n gets point (n · stride) mod N of the grid of N points; stride and N share no factor.

    The stride, near N divided by the golden ratio, spreads early trials over the whole grid.
    """

    def __init__(self, space: Space, points: Mapping[str, object]) -> None:
        if not space:
            raise problem("bad_space", "a grid needs the search space when the study is created")
        unknown = [name for name in points if name not in space]
        if unknown:
            raise problem("bad_space", f"args.points names {unknown[0][:80]!r}, which the space does not")
        self.axes = {name: axis(name, range_, points.get(name)) for name, range_ in space.items()}
        self.n_points = math.prod(len(a) for a in self.axes.values())
        if self.n_points > MAX_POINTS:
            raise problem(
                "bad_space", f"a grid has at most {MAX_POINTS} points, this one has {self.n_points}"
            )
        self._stride = _coprime(self.n_points)

    def point(self, number: int) -> dict[str, Any]:
        """Give the grid point of trial `number`; raises TuningError ("exhausted") past the last one."""
        if number >= self.n_points:
            raise problem("exhausted", f"all {self.n_points} points of the grid have been handed out")
        rest, values = number * self._stride % self.n_points, {}
        for name, ticks in self.axes.items():
            rest, i = divmod(rest, len(ticks))
            values[name] = ticks[i]
        return values

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing: each coordinate of a point is found by itself."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing, see above."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Give the coordinate of the trial's point."""
        if param_name in self.axes:
            return self.point(trial.number)[param_name]
        raise problem(
            "bad_space",
            f"{param_name[:80]!r} is not in the grid of this study; name all parameters when it is created",
        )


def _coprime(n: int) -> int:
    stride = max(1, round(n * 0.6180339887))
    while math.gcd(stride, n) != 1:
        stride += 1
    return stride

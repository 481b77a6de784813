"""Normal scores of the targets of a tracking model, and the way back from drawn scores to values.

One table per target serves all tracks, or each type of track has its own. A downstream track is known a
thousand times worse than a long one: with one table the scores of long tracks fill a narrow part of the
range, and a rare draw at its end gives a long track the covariance of the worst upstream one. With tables
of their own the values of each type stay within the range that it has in the sample.

After the training the tables can be *recalibrated*: the quantiles of drawn scores, instead of those of the
sample's, are put beside the quantiles of the values. The distribution of each output, over all conditions,
then is that of the sample, tails included; what depends on conditions stays as it was learned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.parametrizations.tracking.features import scores
from lamarr.training.scores import NormalScore
from lamarr.transpile import GraphBuilder, Value

__all__ = ["TRACK_TYPES", "TargetScores", "draw_scores", "fit_scores"]

Array = NDArray[Any]

TRACK_TYPES: Final = ("long", "upstream", "downstream")
"""Conditions that say of which type a track is."""

SMALLEST: Final = 500
"""Tracks that the tables of a type need."""

_PASSES: Final = 3
_CHUNK: Final = 20_000


def fit_scores(columns: Array, rows: int = 1_000_000) -> list[NormalScore]:
    """Fit one table per column to the first `rows` rows."""
    return [NormalScore.fit(columns[:rows, j]) for j in range(columns.shape[1])]


@dataclass(frozen=True)
class TargetScores:
    """Tables of targets; of all tracks, or by type.

    Attributes
    ----------
    tables : tuple of lists of NormalScore
        For each type (or for all) one table per target: values against scores.
    flags : tuple of int
        Columns of the conditions that are 1 for tracks of the type, one for each of `tables`; none if one
        table serves all.
    """

    tables: tuple[list[NormalScore], ...]
    flags: tuple[int, ...] = ()

    @classmethod
    def fit(cls, targets: Array, conditions: Array, flags: Sequence[int] = ()) -> TargetScores:
        """Fit to targets (n, outputs) of tracks with `conditions` (n, inputs).

        Raises
        ------
        ConfigurationError
            If a type has too few tracks.
        """
        if not flags:
            return cls((fit_scores(targets),))
        groups = [targets[conditions[:, f] > 0] for f in flags]
        for name, group in zip(TRACK_TYPES, groups, strict=True):
            if len(group) < SMALLEST:
                raise ConfigurationError(
                    f"tables by type need at least {SMALLEST} {name} tracks, but there are {len(group)}"
                )
        return cls(tuple(fit_scores(g) for g in groups), tuple(flags))

    def _groups(self, conditions: Array) -> list[Any]:
        return [conditions[:, f] > 0 for f in self.flags] or [slice(None)]

    def forward(self, targets: Array, conditions: Array) -> NDArray[np.float32]:
        """Scores (n, outputs) of targets."""
        z = np.zeros(targets.shape, np.float32)
        for rows, tables in zip(self._groups(conditions), self.tables, strict=True):
            z[rows] = np.stack([s.forward(targets[rows, j]) for j, s in enumerate(tables)], axis=1)
        return z

    def recalibrated(self, drawn: Array, conditions: Array) -> TargetScores:
        """Tables with which the drawn scores (n, outputs) have the distributions of the sample.

        Parameters
        ----------
        drawn : array (n, outputs)
            Scores that the trained network draws for tracks of the sample, all equally often.
        conditions : array (n, inputs)
            Of the same rows.
        """
        found = []
        for rows, tables in zip(self._groups(conditions), self.tables, strict=True):
            found.append([_matched(t, drawn[rows, j]) for j, t in enumerate(tables)])
        return TargetScores(tuple(found), self.flags)

    def lower(self, b: GraphBuilder, x: Value, z: Value, order: Sequence[int]) -> Value:
        """Append the values, in the order `order` of targets, of scores `z` for conditions `x`."""
        z = b.select(z, order)
        parts = [scores(b, z, NormalScore.tables([t[j] for j in order], inverse=True)) for t in self.tables]
        if not self.flags:
            return parts[0]
        total: Value | None = None
        for flag, part in zip(self.flags, parts, strict=True):
            own = b.add("multiply", part, b.select(x, [flag]))
            total = own if total is None else b.add("add", total, own)
        assert total is not None  # there are three types
        return total


def _matched(table: NormalScore, drawn: Array) -> NormalScore:
    levels = np.array([NormalDist().cdf(float(s)) for s in table.scores])
    levels[0], levels[-1] = 0.0, 1.0
    at, first = np.unique(np.quantile(drawn, levels).astype(np.float32), return_index=True)
    return NormalScore(table.values[first], at)


def draw_scores(
    sample: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    features: torch.Tensor,
    n_noise: int,
    seed: int,
    passes: int = _PASSES,
) -> NDArray[np.float32]:
    """Draw scores (passes · n, outputs) for features (n, …), all rows once in each pass."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for _ in range(passes):
        for part in features.split(_CHUNK):
            noise = torch.randn(len(part), n_noise, generator=generator)
            parts.append(sample(part, noise))
    return torch.cat(parts).numpy()

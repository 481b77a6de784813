"""Efficiency: whether an accepted particle is found, and as which type of track."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Fate
from lamarr.flash.stage import columns
from lamarr.flash.stages.acceptance import ProductionStage
from lamarr.flash.stages.model import flagged
from lamarr.parametrizations.tracking import EFFICIENCY
from lamarr.random import Stream

__all__ = ["Efficiency", "draw_category"]

CATEGORY_FATE = np.array([Fate.NOT_RECONSTRUCTED, Fate.LONG, Fate.UPSTREAM, Fate.DOWNSTREAM], np.int8)


def draw_category(weights: NDArray[np.float32], u: NDArray[np.float32]) -> NDArray[np.intp]:
    """Category of each row, drawn with probabilities weights / Σ weights.

    The uniform number is scaled by the sum of the weights, so that rounding in the sum is nobody's
    gain or loss; a category of weight 0 is never drawn. Weights (rows, n) >= 0, u (rows,) in (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> draw_category(np.array([[0.5, 0.6, 0.0]]), np.array([1 - 2**-24])).tolist()
    [1]
    """
    bounds = np.cumsum(np.maximum(weights, 0), axis=1, dtype=np.float64)
    drawn = (u.astype(np.float64) * bounds[:, -1])[:, None] >= bounds
    category: NDArray[np.intp] = drawn.sum(axis=1)
    return category


class Efficiency(ProductionStage):
    """Draw one of four categories for each particle that the acceptance stage has not rejected."""

    name = "efficiency"
    outputs = EFFICIENCY
    reads = columns(
        particles=(
            *("event_id", "particle_id", "production_vertex", "pid", "px", "py", "pz"),
            *("charge", "fate", "out_of_domain"),
        ),
        vertices=("event_id", "vertex_id", "x", "y", "z"),
    )
    writes = columns(particles=("fate", "out_of_domain"))

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with the fates of all candidates."""
        t = batch["particles"]
        rows = np.flatnonzero(t["fate"] == Fate.UNDECIDED)
        keys = t.take(rows)
        y, outside = self.evaluate(self.production(batch, rows), None, keys)
        u = Stream(seed, self.name).uniform(keys["event_id"], keys["particle_id"])[:, 0]
        weights = np.stack([y[name] for name in EFFICIENCY], axis=1)
        fate = t["fate"].copy()
        fate[rows] = CATEGORY_FATE[draw_category(weights, u)]
        return batch.with_columns("particles", fate=fate, out_of_domain=flagged(batch, rows, outside))

"""Efficiency: whether an accepted particle is found, and as which type of track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamarr.events import Fate
from lamarr.flash.stage import columns
from lamarr.flash.stages.acceptance import ProductionStage
from lamarr.parametrizations.tracking import EFFICIENCY

__all__ = ["Efficiency", "draw_category"]

CATEGORY_FATE = (Fate.NOT_RECONSTRUCTED, Fate.LONG, Fate.UPSTREAM, Fate.DOWNSTREAM)


def draw_category(weights: Sequence[Any], u: Any) -> Any:
    """Category of each row, drawn with probabilities weights / Σ weights.

    The uniform number is scaled by the sum of the weights, so that rounding in the sum is nobody's
    gain or loss; a category of weight 0 is never drawn. Weights: a column (rows,) or number for each
    category, >= 0; u (rows,) in (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> draw_category([np.array([0.5]), np.array([0.6]), np.array([0.0])], np.array([1 - 2**-24])).tolist()
    [1]
    """
    bounds: list[Any] = []
    for weight in weights:
        share = np.positive(np.maximum(weight, 0), dtype=np.float64)
        bounds.append(bounds[-1] + share if bounds else share)
    scaled = np.positive(u, dtype=np.float64) * bounds[-1]
    category: Any = 0
    for bound in bounds:
        category = category + (scaled >= bound).astype(np.int64)
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

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:
        """Return the fates of all candidates."""
        category = draw_category([y[name] for name in EFFICIENCY], c["u"])
        return {"fate": np.select([category == k for k in range(3)], CATEGORY_FATE[:3], CATEGORY_FATE[3])}

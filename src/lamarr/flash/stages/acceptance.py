"""Acceptance: whether a particle crosses enough of the tracking detectors to be reconstructible."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Fate
from lamarr.flash.stage import columns
from lamarr.flash.stages.model import Model, ModelStage, Runs, flagged
from lamarr.flash.stages.rows import production_points
from lamarr.parametrizations.tracking import PRODUCTION_CONDITIONS, production_conditions
from lamarr.random import Stream

__all__ = ["Acceptance", "ProductionStage"]


class ProductionStage(ModelStage):
    """A model of the state at production.

    Parameters
    ----------
    model : Model
    reverse_charge : bool
        Feed the opposite charge: the reversed field bends the reversed charge alike, so a model of one
        polarity serves the other (apart from left-right asymmetries of the real detector).
    run : callable, optional
        What evaluates the model.
    """

    conditions = PRODUCTION_CONDITIONS

    def __init__(self, model: Model, *, reverse_charge: bool = False, run: Runs | None = None) -> None:
        super().__init__(model, run=run)
        self.sign = -1 if reverse_charge else 1

    def production(self, batch: EventBatch, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the conditions (rows, 12) of the particles in `rows`."""
        t = batch["particles"]
        x, y, z = production_points(batch, rows)
        px, py, pz, pid = (t[c][rows] for c in ("px", "py", "pz", "pid"))
        charge = self.sign * t["charge"][rows].astype(np.int64)
        return production_conditions(pid=pid, charge=charge, x=x, y=y, z=z, px=px, py=py, pz=pz)

    def describe(self) -> dict[str, Any]:
        """Return the model and the sign of the charge that it is fed."""
        return {**super().describe(), "sign": self.sign}


class Acceptance(ProductionStage):
    """Draw whether each candidate is in the acceptance; write the probability (NaN if not a candidate)."""

    name = "acceptance"
    outputs = ("acceptance",)
    reads = columns(
        particles=(
            *("event_id", "particle_id", "production_vertex", "pid", "px", "py", "pz"),
            *("charge", "fate", "out_of_domain"),
        ),
        vertices=("event_id", "vertex_id", "x", "y", "z"),
    )
    writes = columns(particles=("acceptance", "fate", "out_of_domain"))

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with probabilities, and the fate of those that are outside."""
        t = batch["particles"]
        rows = np.flatnonzero(t["fate"] == Fate.UNDECIDED)
        keys = t.take(rows)
        y, outside = self.evaluate(self.production(batch, rows), None, keys)
        u = Stream(seed, self.name).uniform(keys["event_id"], keys["particle_id"])[:, 0]
        probability = np.full(t.rows, np.nan, np.float32)
        probability[rows] = y["acceptance"]
        fate = t["fate"].copy()
        fate[rows[u >= y["acceptance"]]] = Fate.OUT_OF_ACCEPTANCE
        return batch.with_columns(
            "particles", acceptance=probability, fate=fate, out_of_domain=flagged(batch, rows, outside)
        )

"""Acceptance: whether a particle crosses enough of the tracking detectors to be reconstructible."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamarr.events import Fate
from lamarr.flash.row_stage import Draw
from lamarr.flash.stage import columns
from lamarr.flash.stages.model import Model, ModelStage, Runs
from lamarr.parametrizations.tracking import PRODUCTION_CONDITIONS, production_columns_of

__all__ = ["Acceptance", "ProductionStage"]


class ProductionStage(ModelStage):
    """A model of the state at production, for the particles that no stage has decided on.

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
    draws = {"u": Draw(kind="uniform")}  # noqa: RUF012

    def __init__(self, model: Model, *, reverse_charge: bool = False, run: Runs | None = None) -> None:
        super().__init__(model, run=run)
        self.sign = -1 if reverse_charge else 1

    def selected(self, c: Any) -> Any:
        """Candidates: what is still undecided."""
        return c["fate"] == Fate.UNDECIDED

    def fed(self, c: Any) -> dict[str, Any]:
        """Return the state at production."""
        momentum = {name: c[name] for name in ("px", "py", "pz")}
        where = {axis: c[f"production.{axis}"] for axis in "xyz"}
        charge = self.sign * c["charge"].astype(np.int64)
        return production_columns_of(pid=c["pid"], charge=charge, **where, **momentum)

    def describe(self) -> dict[str, Any]:
        """Return the model and the sign of the charge that it is fed."""
        return {**super().describe(), "sign": self.sign}


class Acceptance(ProductionStage):
    """Draw whether each candidate is in the acceptance; write the probability (NaN if not a candidate)."""

    name = "acceptance"
    outputs = ("acceptance",)
    fill = {"acceptance": float("nan")}  # noqa: RUF012
    reads = columns(
        particles=(
            *("event_id", "particle_id", "production_vertex", "pid", "px", "py", "pz"),
            *("charge", "fate", "out_of_domain"),
        ),
        vertices=("event_id", "vertex_id", "x", "y", "z"),
    )
    writes = columns(particles=("acceptance", "fate", "out_of_domain"))

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:
        """Return probabilities, and the fate of those that are outside."""
        p = y["acceptance"]
        return {"acceptance": p, "fate": np.where(c["u"] >= p, Fate.OUT_OF_ACCEPTANCE, Fate.UNDECIDED)}

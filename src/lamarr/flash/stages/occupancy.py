"""Tracks of no generated particle: what ghosts and secondaries add to the number of tracks of an event."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamarr.events import EventBatch
from lamarr.events.counting import rows_per_event
from lamarr.flash.row_stage import StageGroup
from lamarr.flash.stage import Stage, columns
from lamarr.flash.stages.model import Model, ModelStage, Runs
from lamarr.parametrizations.occupancy import CONDITIONS, OUTPUTS

__all__ = ["Occupancy", "SignalOnly"]


class SignalOnly(Stage):
    """Note which events are nothing but their signal: those of guns, which the rest of a collision lacks."""

    name = "occupancy.signal_only"
    reads = columns(events=("event_id",), particles=("event_id", "from_signal"))
    writes = columns(events=("is_signal_only",))

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:  # noqa: ARG002
        """Return the batch with column ``events.is_signal_only``."""
        events, t = batch["events"]["event_id"], batch["particles"]
        others = t["event_id"][~t["from_signal"]]
        return batch.with_columns("events", is_signal_only=rows_per_event(others, events) == 0)


class _Others(ModelStage):
    """The tracks that have no generated particle, added to those that do."""

    name = "occupancy"
    over = "events"
    conditions = CONDITIONS
    outputs = OUTPUTS

    def selected(self, c: Any) -> Any:  # noqa: ARG002
        """All events."""
        return True

    def fed(self, c: Any) -> dict[str, Any]:
        """Return the number of tracks that are known, and whether the rest of the event was generated."""
        return {"nKnownTracks": c["nTracks"], "isSignalOnly": c["is_signal_only"]}

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:
        """Return the number of all tracks."""
        return {"nTracks": c["nTracks"] + np.floor(np.maximum(y["nOtherTracks"], 0) + 0.5)}


class Occupancy(StageGroup):
    """Complete the number of tracks of each event by those that the pipeline does not make.

    Reconstruction also gives ghosts and tracks of secondary particles, about a quarter of all; the models of
    identification have learned from their number. A gun's event lacks the rest of a collision: it gets the
    tracks of an event with heavy quarks.

    Parameters
    ----------
    model : Model
        Draws the number of other tracks (:mod:`lamarr.parametrizations.occupancy`).
    run : callable, optional
        What evaluates it.
    """

    name = "occupancy"
    reads = columns(events=("event_id", "nTracks"), particles=("event_id", "from_signal"))
    writes = columns(events=("nTracks", "is_signal_only"))

    def __init__(self, model: Model, *, run: Runs | None = None) -> None:
        self._others = _Others(model, run=run)
        self.parts = (SignalOnly(), self._others)

    def describe(self) -> dict[str, Any]:
        """Return the name of the stage and the digest of the model's weights and what evaluates it."""
        return self._others.describe()

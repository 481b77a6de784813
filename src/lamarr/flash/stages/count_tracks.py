"""The number of tracks of an event: what later models (particle identification) take for its occupancy."""

from __future__ import annotations

from lamarr.events import EventBatch
from lamarr.events.counting import rows_per_event
from lamarr.flash.stage import Stage, columns

__all__ = ["CountTracks"]


class CountTracks(Stage):
    """Count the tracks of each event, once, so that all models of an event agree on it."""

    name = "count_tracks"
    reads = columns(events=("event_id",), tracks=("event_id",))
    writes = columns(events=("nTracks",))

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:  # noqa: ARG002
        """Return the batch with column ``events.nTracks``."""
        events, tracks = batch["events"]["event_id"], batch["tracks"]["event_id"]
        return batch.with_columns("events", nTracks=rows_per_event(tracks, events))

"""What the transport left, as tables of the event model; they are written on request only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.records import Records, SimEvent
from lamarr.events import SCHEMA

__all__ = ["hit_tables"]

Columns = dict[str, NDArray[Any]]


def hit_tables(event: SimEvent) -> dict[str, Columns]:
    """Return the columns (without ``event_id``) of tracker_hits, rich_segments and muon_hits."""
    muon = _columns(event, "muon_hits", event.muon_hits)
    muon["station"] = muon["station"] + np.int8(1)
    return {
        "tracker_hits": _columns(event, "tracker_hits", event.hits),
        "rich_segments": _columns(event, "rich_segments", event.rich_segments),
        "muon_hits": muon,
    }


def _columns(event: SimEvent, name: str, records: Records) -> Columns:
    """Take the columns of a table from records, with their number and whose they are."""
    schema = SCHEMA[name]
    rows = event.row_of_track(records["track"])
    known, clipped = rows >= 0, np.maximum(rows, 0)
    number = schema.key[1]
    made: Columns = {number: np.arange(len(records))}
    for column in ("particle_id", "pid"):
        source = "ancestor" if column == "particle_id" else column
        values = event.tracks[source][clipped] if len(event.tracks) else np.zeros(len(records), np.int64)
        made[column] = np.where(known, values, -1 if column == "particle_id" else 0)
    made |= {c: records[c] for c in schema.names if c in (records.dtype.names or ()) and c not in made}
    return {c: made[c] for c in schema.names if c != "event_id"}

"""Events of several parts that Geant4 carried one after the other: the rest of an event, and its signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.records import Records, SimEvent
from lamarr.events import EventBatch
from lamarr.flash.keep import keep_particles

__all__ = ["merged", "part_of"]

Numbers = NDArray[np.int64]
_OF_TRACKS = ("hits", "rich_segments", "muon_hits", "calo_faces")


def part_of(batch: EventBatch, signal: bool) -> tuple[EventBatch, Numbers]:
    """Return one event with its signal alone, or without it; and the particle_id that its particles had.

    The rest of an event goes by the number of the event that it is shared with, so that it is the same one.
    """
    mask = batch["particles"]["from_signal"] == signal
    part = keep_particles(batch, mask)
    if not signal:
        shared = batch["events"]["shared_event"]
        part = part.with_tables(
            *(table.with_columns(event_id=np.full(table.rows, shared[0])) for table in part.values())
        )
    return part, batch["particles"]["particle_id"][mask].astype(np.int64)


def merged(event_id: int, parts: Sequence[tuple[SimEvent, Numbers]]) -> SimEvent:
    """Return the union of parts of an event, each with the particle_id of its particles in the whole event.

    Tracks of later parts are numbered behind those of the earlier ones. Rows are ordered as those of one
    event are, and rows between which that does not decide as the parts are.
    """
    moved = []
    tracks = faces = 0
    for part, particles in parts:
        moved.append(_moved(part, particles, tracks, faces))
        tracks += int(part.tracks["track"].max(initial=0))
        faces += len(part.calo_faces)
    return SimEvent(
        event_id=event_id,
        tracks=_joined([p.tracks for p in moved]),
        hits=_joined([p.hits for p in moved], "layer"),
        rich_segments=_joined([p.rich_segments for p in moved], "radiator"),
        muon_hits=_joined([p.muon_hits for p in moved]),
        calo_faces=_joined([p.calo_faces for p in moved]),
        calo_cells=_joined([p.calo_cells for p in moved]),
    )


def _moved(part: SimEvent, particles: Numbers, tracks: int, faces: int) -> SimEvent:
    """Give a part the numbers of the whole event."""
    rows = {name: getattr(part, name).copy() for name in ("tracks", "calo_cells", *_OF_TRACKS)}
    for name in ("tracks", *_OF_TRACKS):
        rows[name]["track"] += tracks
    of = rows["tracks"]
    of["parent"] += np.where(of["parent"] > 0, tracks, 0).astype(of["parent"].dtype)
    for column in ("particle_id", "ancestor"):
        known = of[column] >= 0
        of[column][known] = particles[of[column][known]]
    rows["calo_cells"]["face"] += np.where(rows["calo_cells"]["face"] >= 0, faces, 0).astype("i4")
    return replace(part, **rows)


def _joined(parts: Sequence[Records], by: str | None = None) -> Records:
    rows = np.concatenate(parts)
    return rows[np.argsort(rows[by], kind="stable")] if by else rows

"""Particles and tracks of files as arrays, with the blocks of events that they are in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, InputFileError
from lamarr.events import EventBatch, describe, iterate
from lamarr.training.tracking.from_events import (
    TABLES,
    decided_particles,
    learned_tracks,
    particle_arrays,
    track_arrays,
)
from lamarr.validation.pid_closure.pairs import Selection

__all__ = ["Selection", "read_arrays"]

Array = NDArray[Any]

_EVENTS_AT_ONCE = 1000


def read_arrays(files: Sequence[Path], selection: Selection) -> dict[str, Array]:
    """Read the arrays of :mod:`lamarr.training.tracking.from_events` for selected particles and tracks.

    Beside them ``particle_block`` and ``track_block`` (n,); only physical tracks are kept.

    Raises
    ------
    InputFileError
        If a file holds no simulated events with tracks.
    ConfigurationError
        If no track is left.
    """
    parts: dict[str, list[Array]] = {}
    blocks = 0
    for path in files:
        lacking = [t for t in TABLES if t not in describe(path).tables]
        if lacking:
            raise InputFileError(f"'{path}' must hold simulated events with tracks, but lacks {lacking}")
        most = 0
        for batch in iterate(path, _EVENTS_AT_ONCE, TABLES):
            for name, array in _selected(batch, selection).items():
                if name.endswith("_block"):
                    most = max(most, int(array.max(initial=0)) + 1)
                    array = array + blocks
                parts.setdefault(name, []).append(array)
        blocks += most
    found = {n: np.concatenate(p) for n, p in parts.items()}
    if not found or not len(found["beam"]):
        names = ", ".join(f"'{f}'" for f in files)
        raise ConfigurationError(f"{names} hold no tracks of generated particles that are selected")
    return found


def _selected(batch: EventBatch, selection: Selection) -> dict[str, Array]:
    particles, tracks = batch["particles"], batch["tracks"]
    decided = decided_particles(batch)
    rows, of, _ = learned_tracks(batch)
    learned = track_arrays(batch)
    physical = learned.pop("physical").astype(bool)
    masks = [
        selection({"event_id": event, "true_from_signal": particles["from_signal"][particle]})
        for event, particle in ((particles["event_id"][decided], decided), (tracks["event_id"][rows], of))
    ]
    masks[1] &= physical
    events = batch["events"]
    shared = events["shared_event" if "shared_event" in events else "event_id"] // selection.block

    def block(event: Array) -> Array:
        return np.asarray(shared[np.searchsorted(events["event_id"], event)])

    return {
        **{n: a[masks[0]] for n, a in particle_arrays(batch).items()},
        "particle_block": block(particles["event_id"][decided][masks[0]]),
        **{n: a[masks[1]] for n, a in learned.items()},
        "track_block": block(tracks["event_id"][rows][masks[1]]),
    }

"""Collected samples: the arrays that ``collect`` writes, and how they are read."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.calorimeter.tracks import TrackView

__all__ = ["GHOST", "VIEW", "Columns", "load_sample", "sample_commands", "view_of"]

Columns = dict[str, NDArray[Any]]

_OF_CLUSTERS: Final = ("cluster", "best_track", "closest")
VIEW: Final = tuple(f.name for f in fields(TrackView) if f.name not in _OF_CLUSTERS)
"""Quantities of TrackView that belong to tracks."""

GHOST: Final = 0
"""The PDG id that stands for a ghost."""


def load_sample(path: Path) -> tuple[Columns, Columns]:
    """Return the columns of tracks and of clusters without their prefixes."""
    with np.load(path, allow_pickle=False) as file:
        columns = {k: file[k] for k in file.files}
    return tuple({k[2:]: v for k, v in columns.items() if k.startswith(p)} for p in ("t_", "c_"))  # type: ignore[return-value]


def sample_commands(*paths: Path) -> list[str]:
    """Return the commands that made samples, for the cards of what learned from them."""
    found = []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            found.append(str(file["command"]) if "command" in file.files else "unknown")
    return found


def view_of(tracks: Columns) -> TrackView:
    """Return the TrackView that collected rows hold."""
    nothing = np.zeros(0)
    none: Columns = {"cluster": nothing, "best_track": nothing, "closest": nothing}
    return TrackView(**{k: tracks[k] for k in VIEW}, **none)

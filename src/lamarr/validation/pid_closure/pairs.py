"""The tracks of files, as they are and as the models of a set draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.events import EventBatch, iterate
from lamarr.flash.stages import Identification
from lamarr.parametrizations.pid import GLOBAL, KINEMATICS, MUON, RICH
from lamarr.training.data import PARTS, part_of_event
from lamarr.training.data.sources import track_columns

__all__ = ["BLOCK", "Columns", "Selection", "draw_again", "read_pairs"]

Columns = dict[str, NDArray[Any]]

BLOCK: Final = "block"
"""Column that says in which block of events a track is."""

_KEPT: Final = ("event_id", "track_id", "true_pid", *KINEMATICS, *RICH, "isMuon", *MUON, *GLOBAL)
_EVENTS_AT_ONCE: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which tracks of a file are compared.

    Attributes
    ----------
    part : str
        ``train``, ``validation`` or ``test`` part of trainings, or ``all``.
    signal : bool
        Only tracks of particles that were generated as signal, or embedded.
    first, last : int, optional
        Range of event ids, ends included.
    block : int
        So many consecutive events are one block; with ``events.shared_event`` those that share it are.
    """

    part: str = "test"
    signal: bool = False
    first: int = 0
    last: int | None = None
    block: int = 1

    def __call__(self, t: Columns) -> NDArray[np.bool_]:
        """Mask of tracks (n,)."""
        keep = t["event_id"] >= self.first
        if self.last is not None:
            keep &= t["event_id"] <= self.last
        if self.part != "all":
            keep &= part_of_event([t["event_id"]], 1) == PARTS.index(self.part)
        if self.signal:
            keep &= t["true_from_signal"].astype(bool)
        return np.asarray(keep, np.bool_)


def draw_again(batch: EventBatch, stage: Identification, seed: int) -> tuple[Columns, Columns]:
    """Columns of the identified tracks of a batch, as they are and as the models draw them; same rows."""
    if "out_of_domain" not in batch["particles"]:
        flags = np.zeros(batch["particles"].rows, bool)
        batch = batch.with_columns("particles", out_of_domain=flags)
    ours = stage(batch, seed)
    left, right = (dict(track_columns(b)) for b in (batch, ours))
    stride = np.int64(2**31)
    key, other = (t["event_id"] * stride + t["track_id"] for t in (left, right))
    _, a, b = np.intersect1d(key, other, assume_unique=True, return_indices=True)
    return {n: v[a] for n, v in left.items()}, {n: v[b] for n, v in right.items()}


def read_pairs(
    files: Sequence[Path], stage: Identification, selection: Selection, seed: int
) -> tuple[Columns, Columns]:
    """Read the selected tracks of files, and draw them again; only what is compared is kept.

    Raises
    ------
    ConfigurationError
        If no track is left.
    """
    found: list[tuple[Columns, Columns]] = []
    blocks = 0
    for path in files:
        most = 0
        for batch in iterate(path, _EVENTS_AT_ONCE, ("events", "particles", "tracks", "pid")):
            left, right = draw_again(batch, stage, seed)
            keep = selection(left)
            block = left.get("shared_event", left["event_id"]) // selection.block
            most = max(most, int(block.max(initial=0)) + 1)
            pair = tuple({n: t[n][keep] for n in _KEPT} for t in (left, right))
            pair[0][BLOCK] = pair[1][BLOCK] = blocks + block[keep]
            found.append((pair[0], pair[1]))
        blocks += most
    true, drawn = (
        {n: np.concatenate([pair[k][n] for pair in found]) for n in (*_KEPT, BLOCK)} for k in (0, 1)
    )
    if not len(true["p"]):
        names = ", ".join(f"'{f}'" for f in files)
        raise ConfigurationError(
            f"{names} hold no identified long tracks that are selected: part '{selection.part}', "
            f"events {selection.first} to {selection.last or 'the last'}"
            + (", of signal particles" if selection.signal else "")
        )
    return true, drawn

"""Candidates by selection: all combinations of tracks of an event that pass cuts, as an analysis would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, MissingNameError
from lamarr.events import EventBatch, TrackType
from lamarr.generation.charges import charges
from lamarr.generation.species import species
from lamarr.validation.candidates import four_momenta, invariant_mass
from lamarr.validation.decays import Decay

__all__ = ["Cuts", "select_candidates"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """What a track must pass to be taken for a product.

    Attributes
    ----------
    p, pt : float
        Least momentum and transverse momentum (MeV).
    ghost : float
        Largest ghost probability.
    pid : mapping of str to float
        Least values of columns of the table ``pid``, e.g. ``{"PIDK": 5.0}``; "-PIDK" means −PIDK.
    """

    p: float = 3000.0
    pt: float = 250.0
    ghost: float = 0.4
    pid: Mapping[str, float] = field(default_factory=dict)

    def passed(self, batch: EventBatch) -> NDArray[np.bool_]:
        """Whether each track passes; only long tracks do."""
        t = batch["tracks"]
        good = (t["type"] == TrackType.LONG) & (t["p"] > self.p) & (t["ghostProb"] < self.ghost)
        good &= np.hypot(t["px"], t["py"]) > self.pt
        for name, least in self.pid.items():
            sign, column = (-1, name[1:]) if name.startswith("-") else (1, name)
            good &= sign * _of_tracks(batch, column) > least
        return np.asarray(good)


def _of_tracks(batch: EventBatch, column: str) -> Array:
    """Return a column of the table ``pid`` for every track; NaN for tracks without identification."""
    if "pid" not in batch:
        raise MissingNameError(f"a cut on {column} needs the table 'pid', but the batch has none")
    values = np.full(batch["tracks"].rows, np.nan)
    values[batch.rows_of("tracks", batch["pid"]["event_id"], batch["pid"]["track_id"])] = batch["pid"][column]
    return values


def select_candidates(
    batch: EventBatch,
    decay: Decay,
    cuts: Mapping[str, Cuts],
    windows: Mapping[str, tuple[float, float]],
    *,
    limit: int = 5_000_000,
) -> Array:
    """Rows of tracks (candidates, tracks) of all combinations that pass cuts and mass windows.

    Both charge conjugates are built. Products of one species are interchangeable only where the tree says
    so: every assignment of different tracks to the places of the tree is a candidate.

    Parameters
    ----------
    batch : EventBatch
    decay : Decay
    cuts : mapping of str to Cuts
        By label of the track; ``Cuts()`` where a label is missing.
    windows : mapping of str to (float, float)
        By label of a composite: range of the invariant mass (MeV).
    limit : int
        Combinations at the most before a mass window is applied.

    Raises
    ------
    ConfigurationError
        If there are more combinations than `limit`.
    MissingNameError
        If a cut needs a table or column that is not there.
    """
    products = decay.head.tracks
    passing = [cuts.get(p.label, Cuts()).passed(batch) for p in products]
    masses = np.array([species(p.pid).mass for p in products])
    charge = charges(np.array([p.pid for p in products]))
    ends = {first + len(c.tracks): (c.label, first) for c, first in decay.head.walk() if c.label in windows}
    found = []
    for sign in (1, -1):
        rows = np.empty((0, 0), np.int64)
        for i, good in enumerate(passing):
            right = np.flatnonzero(good & (batch["tracks"]["charge"] == sign * charge[i]))
            rows = right[:, None] if i == 0 else _join(batch, rows, right, limit)
            if i + 1 in ends:
                label, first = ends[i + 1]
                low, high = windows[label]
                momenta = four_momenta(batch["tracks"], rows[:, first:], masses[first : i + 1])
                m = invariant_mass(momenta)
                rows = rows[(m > low) & (m < high)]
        found.append(rows)
    return np.concatenate(found)


def _join(batch: EventBatch, left: Array, right: Array, limit: int) -> Array:
    """Return every combination (rows, k + 1) of `left` (rows, k) with another track of the same event."""
    event = batch["tracks"]["event_id"]
    of_left = event[left[:, 0]]
    first = np.searchsorted(event[right], of_left)
    count = np.searchsorted(event[right], of_left, side="right") - first
    if count.sum() > limit:
        raise ConfigurationError(
            f"at most {limit:,} combinations are made at once, but these cuts leave {int(count.sum()):,}; "
            "tighten them, or give fewer events at a time"
        )
    row = np.repeat(np.arange(len(left)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    joined = np.concatenate([left[row], right[first[row] + step][:, None]], axis=1)
    result: Array = joined[(joined[:, :-1] != joined[:, -1:]).all(axis=1)]
    return result

"""Rows by event and number, in tables whose rows count from 0 in every event: nearly all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.events.counting import begins_of_events

__all__ = ["Counted"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Counted:
    """Where the rows of each event begin.

    Attributes
    ----------
    events : array of int64 (events,)
        Numbers of the events that have rows, in order.
    begins, sizes : arrays of int64 (events,)
        First row and number of rows of each.
    """

    events: NDArray[np.int64]
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, event_id: Array, number: Array) -> Counted | None:
        """Return it for a table with these keys (rows,); None if its rows do not count from 0.

        >>> Counted.of(np.array([4, 4, 9]), np.array([0, 1, 0])).sizes.tolist()
        [2, 1]
        >>> Counted.of(np.array([4, 4, 9]), np.array([0, 2, 0])) is None
        True
        """
        begins = begins_of_events(event_id)
        sizes = np.diff(begins, append=len(event_id))
        events = event_id[begins]
        ordered = bool(np.all(events[1:] > events[:-1]))
        if not ordered or np.any(np.arange(len(number)) - np.repeat(begins, sizes) != number):
            return None
        return cls(events=events, begins=begins, sizes=sizes)

    def rows(self, event: Array, number: Array) -> NDArray[np.int64] | None:
        """Rows of the keys (keys,), −1 where `number` is negative; None if a key does not exist.

        Equal events should stand together, as they do in tables: each run of them is looked up once.
        """
        runs = begins_of_events(event)
        if not runs.size:
            return np.empty(0, np.int64)
        most = np.maximum.reduceat(number, runs)
        if not self.events.size:
            return None if most.max() >= 0 else np.full(number.shape, -1, np.int64)
        at = np.minimum(np.searchsorted(self.events, event[runs]), len(self.events) - 1)
        exists = (self.events[at] == event[runs]) & (most < self.sizes[at])
        if not np.all(exists | (most < 0)):
            return None
        found: NDArray[np.int64] = np.repeat(self.begins[at], np.diff(runs, append=len(event)))
        found += number
        found[number < 0] = -1
        return found

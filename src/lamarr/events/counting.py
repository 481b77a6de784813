"""Rows of an event: where they begin, their number in it, how many there are. Events are sorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["begins_of_events", "first_of_event", "number_in_event", "rows_per_event"]


def begins_of_events(event_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows where a run of equal event numbers begins.

    >>> begins_of_events(np.array([4, 4, 9])).tolist()
    [0, 2]
    """
    return np.flatnonzero(np.concatenate([event_id[:1] == event_id[:1], event_id[1:] != event_id[:-1]]))


def first_of_event(event_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row where the event of each row begins.

    >>> first_of_event(np.array([4, 4, 9, 9, 9])).tolist()
    [0, 0, 2, 2, 2]
    """
    begins = begins_of_events(event_id)
    return np.repeat(begins, np.diff(begins, append=len(event_id)))


def number_in_event(event_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2, … within each run of equal event numbers."""
    return np.arange(len(event_id)) - first_of_event(event_id)


def rows_per_event(event_id: NDArray[np.int64], events: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the rows `event_id` (n,) belong to each of `events` (m,).

    >>> rows_per_event(np.array([4, 4, 9]), np.array([3, 4, 9])).tolist()
    [0, 2, 1]
    """
    last: NDArray[np.int64] = np.searchsorted(event_id, events, side="right")
    return last - np.searchsorted(event_id, events, side="left")

"""The columns that a stage sees: those of a table, and of tables that its rows refer to, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import raise_unknown
from lamarr.events import EventBatch

__all__ = ["JOINS", "NUMBER", "Rows", "states_closest_to_beam"]

Array = NDArray[Any]

NUMBER: Final = {
    "particles": "particle_id",
    "tracks": "particle_id",
    "pid": "track.particle_id",
    "vertices": "vertex_id",
    "events": "zero",
}
"""Table that stages go through → the number that, with the event, keys the random numbers of its rows."""

_STRIDE = np.int64(2**31)


def _rows_closest_to_beam(batch: EventBatch, event_id: Array, particle_id: Array) -> NDArray[np.int64]:
    states = batch["true_states"]
    rows = np.flatnonzero(states["location"] == 1)
    keys = states["event_id"][rows] * _STRIDE + states["particle_id"][rows]
    return rows[np.searchsorted(keys, event_id * _STRIDE + particle_id)]


def states_closest_to_beam(
    batch: EventBatch, event_id: NDArray[np.int64], particle_id: NDArray[np.int32]
) -> dict[str, NDArray[np.float64]]:
    """Columns x, y, z, tx, ty, p of the true states closest to the beam of the given particles."""
    at = _rows_closest_to_beam(batch, event_id, particle_id)
    return {c: batch["true_states"][c][at] for c in ("x", "y", "z", "tx", "ty", "p")}


def _production(c: Rows) -> NDArray[np.int64]:
    return c.batch.rows_of("vertices", c["event_id"], c["production_vertex"])


def _true(c: Rows) -> NDArray[np.int64]:
    return _rows_closest_to_beam(c.batch, c["event_id"], c["particle_id"])


def _particle(c: Rows) -> NDArray[np.int64]:
    return c.batch.rows_of("particles", c["event_id"], c[NUMBER[c.table]])


def _track(c: Rows) -> NDArray[np.int64]:
    return c.batch.rows_of("tracks", c["event_id"], c["track_id"])


def _event(c: Rows) -> NDArray[np.int64]:
    return np.searchsorted(c.batch["events"]["event_id"], c["event_id"])


JOINS: Final[Mapping[str, tuple[str, Callable[[Rows], NDArray[np.int64]]]]] = {
    "production": ("vertices", _production),
    "true": ("true_states", _true),
    "particle": ("particles", _particle),
    "track": ("tracks", _track),
    "event": ("events", _event),
}
"""Prefix of a column → table that it stands in, and the rows there: the production vertex, the true state
closest to the beam, the particle of a track, the track of its identification, the event."""


class Rows:
    """Rows of a table, column by column: ``c["px"]``, ``c["production.x"]``, ``c["species.charge"]``.

    Parameters
    ----------
    batch : EventBatch
    table : str
        Table whose rows they are.
    rows : array of int or slice
        Which of them.
    """

    def __init__(self, batch: EventBatch, table: str, rows: Any = slice(None)) -> None:
        self.batch, self.table, self.rows = batch, table, rows
        self._known: dict[str, Array] = {}
        self._joined: dict[str, NDArray[np.int64]] = {}

    def __getitem__(self, name: str) -> Array:
        """Return a column (rows,)."""
        if name not in self._known:
            self._known[name] = self._column(name)
        return self._known[name]

    def add(self, columns: Mapping[str, Array]) -> None:
        """Add columns (rows,) that no table holds: random numbers."""
        self._known |= columns

    def joined(self, prefix: str) -> NDArray[np.int64]:
        """Row numbers in the table that a prefix of :data:`JOINS` stands for.

        Those of a whole table stay with the batch: the next stages ask for them again.
        """
        known, name = self.batch.known_rows, (self.table, prefix)
        if prefix not in self._joined:
            rows = known[name][self.rows] if name in known else JOINS[prefix][1](self)
            self._joined[prefix] = rows
            if isinstance(self.rows, slice) and self.rows == slice(None):
                known[name] = rows
        return self._joined[prefix]

    def _column(self, name: str) -> Array:
        prefix, _, column = name.rpartition(".")
        if name == "zero":
            return np.zeros(len(self["event_id"]), np.int32)
        if not prefix:
            values: Array = self.batch[self.table][column][self.rows]
            return values
        if prefix == "species":
            from lamarr.generation.charges import known_charges

            names = ("species.charge", "species.known")
            self._known |= zip(names, known_charges(self["pid"]), strict=True)
            return self._known[name]
        if prefix not in JOINS:
            raise_unknown("prefix of columns", prefix, [*JOINS, "species"])
        return self.batch[JOINS[prefix][0]][column][self.joined(prefix)]

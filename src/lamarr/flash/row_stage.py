"""Stages that treat each row alone: declared once, run in numpy, and written as C.

A row stage says which rows it is for, and what their new columns are, as arithmetic on columns. In Python
the columns are arrays; when a pipeline is compiled (:mod:`lamarr.flash.link`) they are symbols that write C.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import InputFileError
from lamarr.events import SCHEMA, EventBatch, Table
from lamarr.events.counting import number_in_event
from lamarr.flash.rows import NUMBER, Rows
from lamarr.flash.stage import Stage
from lamarr.random import Stream

__all__ = ["Draw", "New", "RowStage", "StageGroup"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A random number of each row: the `number`-th of a stream.

    The stream is named by the stage and `suffix`, or by `stream`.
    """

    kind: Literal["uniform", "normal"]
    suffix: str = ""
    number: int = 0
    stream: str | None = None

    def stream_of(self, stage: str) -> str:
        """Return the name of the stream."""
        return self.stream or f"{stage}{self.suffix}"


@dataclass(frozen=True, kw_only=True)
class New:
    """A row of the table that a stage creates: its columns, and the condition under which there is one."""

    columns: Mapping[str, Any]
    where: Any = True


class RowStage(Stage):
    """A stage whose rows do not know of each other.

    Attributes
    ----------
    over : str
        Table whose rows it goes through: particles, tracks, pid, vertices or events.
    creates : str, optional
        Table that it makes; otherwise it writes columns of the table that it goes through.
    draws : mapping of str to Draw
        Columns of random numbers.
    fill : mapping of str to float
        What rows that are not selected hold in a column that did not exist.
    compiles : bool
        Whether its arithmetic can be written as C.
    refusal : str
        Sentence for an event that is refused; {column} stands for a value of the row.
    """

    over: ClassVar[str] = "particles"
    creates: ClassVar[str | None] = None
    draws: Mapping[str, Draw] = {}
    fill: Mapping[str, float] = {}
    compiles: ClassVar[bool] = True
    refusal: ClassVar[str] = ""

    @abstractmethod
    def selected(self, c: Any) -> Any:
        """Which rows the stage is for: a column of bool, or True for all."""

    @abstractmethod
    def outcome(self, c: Any, y: Any) -> Mapping[str, Any] | Sequence[New]:
        """Return the columns of the selected rows, or the new rows that each of them gives.

        `c` gives columns by name (:mod:`lamarr.flash.rows`), `y` the outputs of the model by name.
        """

    def refused(self, c: Any) -> Any:  # noqa: ARG002
        """Which of the selected rows cannot be simulated: a column of bool, or False."""
        return False

    def evaluated(self, c: Rows, seed: int) -> tuple[Mapping[str, Array], Array | None]:  # noqa: ARG002
        """Return the outputs of the model by name, and which rows were outside of its ranges."""
        return {}, None

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with the columns or the table that this stage writes.

        Raises
        ------
        InputFileError
            If a row is refused.
        """
        c = self._rows(batch, seed)
        self._refuse(c)
        y, outside = self.evaluated(c, seed)
        outcome = self.outcome(c, y)
        if outside is not None:
            batch = _flagged(batch, c, outside)
        if self.creates is not None:
            news = [New(columns=outcome)] if isinstance(outcome, Mapping) else outcome
            return batch.with_tables(self._table(self.creates, c, news))
        assert isinstance(outcome, Mapping)
        return batch.with_columns(self.over, **self._scattered(batch[self.over], c.rows, outcome))

    def _rows(self, batch: EventBatch, seed: int) -> Rows:
        every = Rows(batch, self.over)
        mask = self.selected(every)
        rows = slice(None) if mask is True else np.flatnonzero(mask)
        c = Rows(batch, self.over, rows)
        streams = {(d.kind, d.stream_of(self.name)) for d in self.draws.values()}
        for kind, name in sorted(streams):
            draws = {
                k: d.number for k, d in self.draws.items() if (d.kind, d.stream_of(self.name)) == (kind, name)
            }
            stream = Stream(seed, name)
            draw = stream.uniform if kind == "uniform" else stream.normal
            numbers = draw(c["event_id"], c[NUMBER[self.over]], max(draws.values()) + 1)
            c.add({k: numbers[:, i] for k, i in draws.items()})
        return c

    def _refuse(self, c: Rows) -> None:
        mask = self.refused(c)
        if np.any(mask):
            row = int(np.flatnonzero(mask)[0])
            values = {name: c[name][row] for name in c.batch[self.over]}
            raise InputFileError(self.refusal.format(**values))

    def _scattered(self, table: Table, rows: Any, outcome: Mapping[str, Any]) -> dict[str, Array]:
        columns = {}
        for name, values in outcome.items():
            dtype = SCHEMA[self.over][name].dtype
            column = (
                table[name].copy() if name in table else np.full(table.rows, self.fill.get(name, 0), dtype)
            )
            column[rows] = values
            columns[name] = column
        return columns

    def _table(self, name: str, c: Rows, news: Sequence[New]) -> Table:
        """Table of the new rows: those of a row stand together, in the order of `news`."""
        n = len(c["event_id"])
        at = [np.arange(n) if new.where is True else np.flatnonzero(new.where) for new in news]
        order = np.argsort(np.concatenate(at), kind="stable")
        source = np.concatenate(at)[order]
        columns: dict[str, Array] = {"event_id": c["event_id"][source]}
        for column in news[0].columns:
            parts = [np.broadcast_to(new.columns[column], (n,))[a] for new, a in zip(news, at, strict=True)]
            columns[column] = np.concatenate(parts)[order]
        if (number := SCHEMA[name].key[1]) not in columns:
            columns[number] = number_in_event(columns["event_id"])
        return Table(name, columns)


class StageGroup(Stage):
    """Stages that belong together, one after the other; to a pipeline they are one.

    Attributes
    ----------
    parts : tuple of Stage
    """

    parts: tuple[Stage, ...]

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with what the parts write."""
        for part in self.parts:
            batch = part(batch, seed)
        return batch


def _flagged(batch: EventBatch, c: Rows, outside: Array) -> EventBatch:
    """Return the batch with the particles flagged whose rows were outside; an event flags none."""
    if c.table == "events" or not outside.any():
        return batch
    rows = c.rows if c.table == "particles" else c.joined("particle")
    column: NDArray[np.bool_] = batch["particles"]["out_of_domain"].copy()
    column[rows] |= outside
    return batch.with_columns("particles", out_of_domain=column)

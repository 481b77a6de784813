"""Group commit: what many requests have changed goes to disk in one transaction, then all are answered.

A request changes the studies in memory, registers what it changed, and waits. One thread writes everything
registered so far in one transaction and lets the waiting requests go on. A result is acknowledged only
after its transaction has been committed; and since everything is written as "insert or replace", a
transaction whose outcome is unknown (the connection broke) can be repeated.

If the disk is full the waiting requests fail with 507, what they changed stays registered, and the thread
tries again once a second: nothing told is forgotten while the server lives, and nothing is acknowledged
that could be lost.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Engine, Table
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from lamarr.errors import ConfigurationError
from lamarr.tuning.problems import TuningError, problem
from lamarr.tuning.tables import take_lock, trials, upsert, upsert_many

__all__ = ["Committer"]

_log = logging.getLogger("lamarr.tuning")
_RETRY_S = 1.0
_MANY_TRIALS = upsert_many(trials)


class Committer:
    """The one writer of a tuning database.

    Parameters
    ----------
    engine : Engine
        The database.
    row : callable
        Gives the row of table `trials` of a trial id, or None if the trial is gone; called in the thread
        that writes, so a trial changed twice is written once, as it is then.
    """

    def __init__(self, engine: Engine, row: Callable[[int], Mapping[str, Any] | None]) -> None:
        self._engine, self._row = engine, row
        self._condition = threading.Condition()
        self._rows: list[tuple[Any, Mapping[str, Any]]] = []
        self._dirty: dict[int, None] = {}
        self._waiting: list[concurrent.futures.Future[None]] = []
        self._stop = False
        self.failure: TuningError | None = None
        self._upserts: dict[str, Any] = {}
        self._connection: Connection = engine.connect()
        try:
            self._lock_file = take_lock(self._connection, engine)
        except BaseException:
            self._connection.close()
            engine.dispose()
            raise
        self._thread = threading.Thread(target=self._run, name="lamarr-commit", daemon=True)
        self._thread.start()

    def write(self, table: Table, *rows: Mapping[str, Any]) -> None:
        """Register rows to insert or replace."""
        statement = self._upsert(table)
        with self._condition:
            self._rows.extend((statement, row) for row in rows)

    def execute(self, statement: Any, row: Mapping[str, Any] | None = None) -> None:
        """Register another statement, for example a DELETE; it must be harmless to repeat."""
        with self._condition:
            self._rows.append((statement, row or {}))

    def touch(self, trial_id: int) -> None:
        """Register that a trial has changed."""
        with self._condition:
            self._dirty[trial_id] = None

    def _upsert(self, table: Table) -> Any:
        if table.name not in self._upserts:
            self._upserts[table.name] = upsert(self._engine.dialect.name, table)
        return self._upserts[table.name]

    def _ticket(self) -> concurrent.futures.Future[None]:
        ticket: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._condition:
            if self._stop:
                raise problem("starting", "the server is stopping; try again", 1.0)
            self._waiting.append(ticket)
            self._condition.notify()
        return ticket

    async def committed(self) -> None:
        """Wait until all that was registered before is on disk; raises TuningError ("storage")."""
        await asyncio.wrap_future(self._ticket())

    def flush(self) -> None:
        """Wait as :meth:`committed` does, outside of an event loop."""
        self._ticket().result()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not (self._waiting or self._stop or (self.failure and (self._rows or self._dirty))):
                    self._condition.wait()
                if self.failure and not self._waiting and not self._stop:
                    self._condition.wait(_RETRY_S)
                rows, dirty, waiting = self._rows, self._dirty, self._waiting
                self._rows, self._dirty, self._waiting = [], {}, []
                last = self._stop
            self._attempt(rows, dirty, waiting)
            if last:
                return

    def _attempt(
        self,
        rows: list[tuple[Any, Mapping[str, Any]]],
        dirty: dict[int, None],
        waiting: Iterable[concurrent.futures.Future[None]],
    ) -> None:
        try:
            self._transaction(rows, dirty)
        except Exception as error:
            with self._condition:
                self._rows[:0] = rows
                self._dirty = {**dirty, **self._dirty}
            self.failure = _storage_problem(error)
            for ticket in waiting:
                ticket.set_exception(self.failure)
            return
        self.failure = None
        for ticket in waiting:
            ticket.set_result(None)

    def _transaction(self, rows: list[tuple[Any, Mapping[str, Any]]], dirty: Iterable[int]) -> None:
        found = [r for r in map(self._row, dirty) if r is not None]
        connection = self._open()
        try:
            for statement, group in _grouped(rows):
                connection.execute(statement, group)
            if found:
                self._save_trials(connection, found)
            connection.commit()
        except BaseException:
            self._roll_back(connection)
            raise

    def _save_trials(self, connection: Connection, rows: list[Mapping[str, Any]]) -> None:
        """All trials in one statement: PostgreSQL plans and answers once, not once for each."""
        if self._engine.dialect.name != "postgresql":
            connection.execute(self._upsert(trials), rows)
            return
        arrays = tuple([row[c.name] for row in rows] for c in trials.columns)
        connection.exec_driver_sql(_MANY_TRIALS, arrays)

    def _open(self) -> Connection:
        """Give the connection; a new one, with the lock taken again, if the old one broke."""
        if self._connection.closed or self._connection.invalidated:
            self._connection.close()
            self._connection = self._engine.connect()
            if self._lock_file is None:
                take_lock(self._connection, self._engine)
        return self._connection

    @staticmethod
    def _roll_back(connection: Connection) -> None:
        try:
            connection.rollback()
        except SQLAlchemyError:
            connection.invalidate()

    def close(self) -> None:
        """Write what is left, let the lock go, end the thread."""
        with self._condition:
            self._stop = True
            self._condition.notify()
        self._thread.join()
        self._connection.close()
        if self._lock_file is not None:
            os.close(self._lock_file)


def _grouped(rows: list[tuple[Any, Mapping[str, Any]]]) -> Iterable[tuple[Any, list[Mapping[str, Any]]]]:
    """Neighbours with the same statement together; order is kept."""
    group: list[Mapping[str, Any]] = []
    current: Any = None
    for statement, row in rows:
        if statement is not current and group:
            yield current, group
            group = []
        current = statement
        group.append(row)
    if group:
        yield current, group


def _storage_problem(error: Exception) -> TuningError:
    if isinstance(error, ConfigurationError):
        return problem("storage", f"nothing can be saved: {error}", 5.0)
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]
    _log.error("commit failed: %s", reason)
    return problem(
        "storage",
        f"the server cannot save ({reason}); nothing was acknowledged: see to its disk or database, then "
        "send the same again",
        _RETRY_S,
    )

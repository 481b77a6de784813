"""A chain of stages, checked as a whole before the first event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamarr.errors import PipelineError, near_misses
from lamarr.events import SCHEMA, EventBatch
from lamarr.flash.stage import GENERATED, Columns, Stage

__all__ = ["Pipeline"]


class Pipeline:
    """Stages in order; what one reads, a source or an earlier stage must give.

    Parameters
    ----------
    stages : iterable of Stage
        In the order in which they run.
    given : mapping of str to tuple of str
        Columns by table that the batches come with.

    Raises
    ------
    PipelineError
        If a stage reads a column that nothing before it writes, two stages have one name, or a stage
        declares a column that is not in the schema.
    """

    def __init__(self, stages: Iterable[Stage], given: Columns = GENERATED) -> None:
        self.stages = tuple(stages)
        self._check_names()
        available = {table: set(columns) for table, columns in given.items()}
        for i, stage in enumerate(self.stages):
            self._check_declared(stage)
            self._check_reads(i, available)
            for table, columns in stage.writes.items():
                available.setdefault(table, {"event_id"}).update(columns)

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Run all stages.

        Raises
        ------
        PipelineError
            If a stage does not write what it declares.
        """
        for stage in self.stages:
            batch = stage(batch, seed)
            for table, columns in stage.writes.items():
                lacking = [c for c in columns if table not in batch or c not in batch[table]]
                if lacking:
                    raise PipelineError(
                        f"stage '{stage.name}' declares but did not write {table}.{lacking[0]}"
                    )
        return batch

    def describe(self) -> list[dict[str, Any]]:
        """Return what the results depend on, as JSON data."""
        return [stage.describe() for stage in self.stages]

    def __repr__(self) -> str:
        return f"<Pipeline {' -> '.join(stage.name for stage in self.stages)}>"

    def _check_names(self) -> None:
        names = [stage.name for stage in self.stages]
        for name in names:
            if names.count(name) > 1:
                raise PipelineError(
                    f"two stages are called '{name}' and would share their random numbers; rename one of them"
                )

    def _check_declared(self, stage: Stage) -> None:
        for columns in (stage.reads, stage.writes):
            for table, names in columns.items():
                known = SCHEMA[table].names if table in SCHEMA else ()
                wrong = next((c for c in names if c not in known), None)
                if wrong is not None:
                    raise PipelineError(
                        f"stage '{stage.name}' declares {table}.{wrong}, which is not in the schema"
                        f"{_hint(f'{table}.{wrong}', _flat({t: s.names for t, s in SCHEMA.items()}))}"
                    )

    def _check_reads(self, position: int, available: dict[str, set[str]]) -> None:
        stage = self.stages[position]
        for table, columns in stage.reads.items():
            for column in columns:
                if column not in available.get(table, ()):
                    wanted = f"{table}.{column}"
                    hint = _hint(wanted, _flat(available))
                    raise PipelineError(
                        f"stage '{stage.name}' reads {wanted}, which nothing before it writes; "
                        f"{self._writer(table, column, position)}{hint}"
                    )

    def _writer(self, table: str, column: str, position: int) -> str:
        for later in self.stages[position + 1 :]:
            if column in later.writes.get(table, ()):
                return f"put stage '{later.name}', which writes it, before '{self.stages[position].name}'"
        from lamarr.flash.stages import writers_of

        writers = writers_of(table, column)
        return f"add stage '{writers[0]}', which writes it" if writers else "no shipped stage writes it"


def _flat(columns: Any) -> list[str]:
    return [f"{table}.{c}" for table, names in columns.items() for c in sorted(names)]


def _hint(wanted: str, known: list[str]) -> str:
    found = near_misses(wanted, known, n=3)
    return f"; near misses: {', '.join(found)}" if found else ""

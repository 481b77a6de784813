"""Calls the library of a pipeline from Python: columns in, columns out, without a copy where types agree."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import InputFileError, ModelError
from lamarr.events import EventBatch
from lamarr.transpile.c.library import card_of, open_library

__all__ = ["LinkedPipeline"]

Array = NDArray[Any]
_CAPACITY = {"true_states": 2}


class LinkedPipeline:
    """A pipeline in a shared library.

    Parameters
    ----------
    path : path
        What ``lamarr compile`` made.

    Raises
    ------
    ModelError
        If the file is damaged, is for another machine, or holds no pipeline.
    """

    def __init__(self, path: Path | str) -> None:
        self._library = open_library(path)
        card = card_of(self._library)
        if "pipeline" not in card:
            raise ModelError(f"the library {path} holds models, but no pipeline")
        self.name: str = card["pipeline"]["name"]
        self.stages: list[dict[str, Any]] = card["pipeline"]["stages"]
        layout = card["pipeline"]["layout"]
        self.generated = _tables(layout["generated"])
        self.simulated = _tables(layout["simulated"])
        self._nullable = {(t, c) for t, c in layout["nullable"]}
        self._simulate = self._symbol("simulate", ctypes.c_int)
        self._message = self._symbol("message", ctypes.c_char_p)
        self._charge = self._symbol("charge", ctypes.c_int8)

    def charge(self, pid: int) -> int | None:
        """Return the charge that the library gives a PDG id, None if it does not know it."""
        charge = int(self._charge(ctypes.c_int32(pid)))
        return None if charge == 127 else charge

    def __call__(
        self, generated: Mapping[str, Mapping[str, Array]], seed: int
    ) -> dict[str, dict[str, Array]]:
        """Return the simulated columns by table.

        Parameters
        ----------
        generated : mapping
            Table → column → array (rows,), as the attribute ``generated`` names them with their dtypes.
        seed : int
            Key of the random numbers.

        Raises
        ------
        InputFileError
            If an event cannot be simulated, or the particles are not in order.
        """
        words: list[int] = []
        kept: list[Array] = []
        rows = {t: _rows(generated.get(t, {})) for t in self.generated}
        for table, columns in self.generated.items():
            words.append(rows[table])
            given = generated.get(table, {})
            for column, dtype in columns.items():
                if column in given:
                    kept.append(np.ascontiguousarray(given[column], dtype))
                    words.append(kept[-1].ctypes.data)
                elif rows[table] and (table, column) not in self._nullable:
                    raise ModelError(f"the pipeline '{self.name}' needs the column {table}.{column}")
                else:
                    words.append(0)
        results, out = self._results(rows)
        status = self._simulate(_words(words), ctypes.c_uint64(seed), out)
        if status:
            self._refuse(status, out, generated)
        return self._cut(results, out, rows["particles"])

    def _symbol(self, name: str, result: Any) -> Any:
        function = getattr(self._library, f"{self.name}_{name}")
        function.restype = result
        return function

    def _results(self, rows: dict[str, int]) -> tuple[dict[str, dict[str, Array]], Any]:
        """Arrays for the results, and the struct that points to them: words of eight bytes."""
        words, results = [], {}
        for table, columns in self.simulated.items():
            room = (
                rows["vertices"]
                if table == "primary_vertices"
                else rows["particles"] * _CAPACITY.get(table, 1)
            )
            results[table] = {c: np.empty(room, d) for c, d in columns.items()}
            words += [] if table == "particles" else [0]
            words += [a.ctypes.data for a in results[table].values()]
        return results, _words([*words, 0, 0])

    def _cut(
        self, results: dict[str, dict[str, Array]], out: Any, particles: int
    ) -> dict[str, dict[str, Array]]:
        at = 0
        for table, columns in results.items():
            n = particles
            if table != "particles":
                n, at = int(out[at]), at + 1
            at += len(columns)
            results[table] = {c: a[:n] for c, a in columns.items()}
        return results

    def _refuse(self, status: int, out: Any, generated: Mapping[str, Mapping[str, Array]]) -> None:
        stage = ctypes.string_at(out[len(out) - 2]).decode() if out[len(out) - 2] else ""
        row, t = int(out[len(out) - 1]), generated["particles"]
        raise InputFileError(
            f"event {t['event_id'][row]}, particle {t['particle_id'][row]}"
            f"{f', stage {stage}' if stage else ''}: {self._message(status).decode()}"
        )

    def inputs_of(self, batch: EventBatch) -> dict[str, dict[str, Array]]:
        """Return the columns that the library takes of a batch of generated events."""
        from lamarr.flash.rows import Rows

        particles = Rows(batch, "particles")
        without = batch["particles"]["production_vertex"] < 0
        taken: dict[str, dict[str, Array]] = {}
        for table, columns in self.generated.items():
            taken[table] = {}
            for column in columns:
                if column.startswith("production_"):
                    nowhere = np.full(len(without), np.nan)
                    values = nowhere if without.all() else particles[f"production.{column[-1]}"]
                    taken[table][column] = np.where(without, np.nan, values)
                elif column != "charge":
                    taken[table][column] = batch[table][column]
        return taken


def _tables(layout: list[Any]) -> dict[str, dict[str, str]]:
    return {table: dict(columns) for table, columns in layout}


def _rows(columns: Mapping[str, Array]) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def _words(values: list[int]) -> Any:
    return (ctypes.c_uint64 * len(values))(*values)

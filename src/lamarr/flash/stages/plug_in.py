"""Plug-ins: a stage that calls a library with LHCb's interface, compiled by whomever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lamarr.declaration import STRICT
from lamarr.errors import ConfigurationError, ModelError, raise_unknown
from lamarr.events import SCHEMA, Fate
from lamarr.flash.row_stage import RowStage
from lamarr.flash.rows import JOINS, Rows
from lamarr.flash.stage import columns
from lamarr.random import Stream
from lamarr.transpile.plug_in import PlugInFunction

__all__ = ["PlugIn", "PlugInDeclaration"]

_TABLES = ("particles", "tracks")
_KEYS = ("event_id", "particle_id")


@dataclass(frozen=True, kw_only=True)
class PlugInDeclaration:
    """A plug-in in a pipeline's YAML.

    Parameters
    ----------
    name : str
        Name of the stage; it keys the random numbers.
    library, symbol : str
        Shared library (relative to the YAML file) and function in it.
    inputs : tuple of str
        Columns of the table, also joined ones: ``true.p``, ``particle.pid``, ``event.nTracks``.
    outputs : tuple of str
        Floating-point columns of the table that it writes.
    table : str
        Whose rows it is called for: ``tracks``, or ``particles`` that no stage has rejected.
    n_random : int
        N(0, 1) numbers per row.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: str
    library: str
    symbol: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    table: str = "tracks"
    n_random: int = 0


class PlugIn(RowStage):
    """Call a function of a shared library for each row, and write what it gives into columns of the row.

    Raises
    ------
    ConfigurationError, UnknownNameError
        If the table or a column does not fit.
    ModelError
        If the library or the symbol is not what it should be.
    """

    compiles = False

    def __init__(self, declared: PlugInDeclaration) -> None:
        self.declared, self.name = declared, declared.name
        if declared.table not in _TABLES:
            raise_unknown(f"table for the plug-in '{self.name}'", declared.table, _TABLES)
        self._check_outputs()
        self.function = PlugInFunction(
            declared.library,
            declared.symbol,
            inputs=len(declared.inputs),
            outputs=len(declared.outputs),
            n_random=declared.n_random,
        )
        self.reads = columns(**self._reads())
        self.writes = columns(**{declared.table: tuple(declared.outputs)})
        self.fill = {name: float("nan") for name in declared.outputs}

    @property
    def over(self) -> str:  # type: ignore[override]
        """Table whose rows it is called for."""
        return self.declared.table

    def selected(self, c: Any) -> Any:
        """All tracks, or the particles that are undecided or reconstructed."""
        if self.over == "tracks":
            return True
        return (c["fate"] == Fate.UNDECIDED) | (c["fate"] >= Fate.LONG)

    def evaluated(self, c: Rows, seed: int) -> tuple[Mapping[str, NDArray[Any]], None]:
        """Call the function row by row.

        Raises
        ------
        ModelError
            If it gives NaN or an infinity.
        """
        x = np.stack([np.asarray(c[name], np.float32) for name in self.declared.inputs], axis=1)
        n, event, particle = self.declared.n_random, c["event_id"], c["particle_id"]
        y = self.function(x, Stream(seed, self.name).normal(event, particle, n) if n else None)
        wrong = np.flatnonzero(~np.isfinite(y).all(axis=1))
        if wrong.size:
            row = int(wrong[0])
            raise ModelError(
                f"the plug-in of stage '{self.name}' gives {y[row].tolist()} for particle {particle[row]} of "
                f"event {event[row]}"
            )
        return {name: y[:, j] for j, name in enumerate(self.declared.outputs)}, None

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return what the function gave."""
        return dict(y)

    def describe(self) -> dict[str, Any]:
        """Return the library by its digest, the symbol, and the columns."""
        d = self.declared
        digest = hashlib.sha256(self.function.path.read_bytes()).hexdigest()
        tied = {"symbol": d.symbol, "inputs": list(d.inputs), "outputs": list(d.outputs), "table": d.table}
        return {"stage": self.name, "library": digest, "n_random": d.n_random, **tied}

    def _check_outputs(self) -> None:
        schema = SCHEMA[self.declared.table]
        for name in self.declared.outputs:
            if name not in schema:
                raise_unknown(f"column of table '{self.declared.table}'", name, schema.names)
            if not schema[name].dtype.startswith("float"):
                raise ConfigurationError(
                    f"the plug-in '{self.name}' must write floating-point columns, but "
                    f"{self.declared.table}.{name} is {schema[name].dtype}"
                )

    def _reads(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = {self.declared.table: {*_KEYS}}
        if self.declared.table == "particles":
            found["particles"].add("fate")
        for name in self.declared.inputs:
            prefix, _, column = name.rpartition(".")
            if prefix and prefix not in JOINS:
                raise_unknown(f"prefix of columns for the plug-in '{self.name}'", prefix, JOINS)
            table = JOINS[prefix][0] if prefix else self.declared.table
            found.setdefault(table, set()).add(column)
        return {table: tuple(sorted(names)) for table, names in found.items()}

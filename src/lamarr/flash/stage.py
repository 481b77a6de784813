"""A stage: a pure function on batches that declares which columns it reads and writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from lamarr.events import SCHEMA, EventBatch

__all__ = ["GENERATED", "Columns", "Stage", "columns"]

Columns: TypeAlias = Mapping[str, tuple[str, ...]]
"""Columns by table."""


def columns(**tables: tuple[str, ...]) -> Columns:
    """Return columns by table, for the declarations of stages."""
    return MappingProxyType(tables)


GENERATED: Final[Columns] = MappingProxyType(
    {name: SCHEMA[name].required for name in ("events", "collisions", "vertices", "particles")}
)
"""What every source of generated events gives."""


class Stage(ABC):
    """One step of the flash simulation.

    A stage draws random numbers only from ``lamarr.random.Stream(seed, <its name>)``, keyed by event and
    particle, so that what it gives a particle depends on nothing but the seed and the particle.

    Attributes
    ----------
    name : str
        Unique in a pipeline, and part of the result: it keys the random numbers.
    reads, writes : mapping of str to tuple of str
        Columns by table.
    """

    name: str
    reads: Columns
    writes: Columns

    @abstractmethod
    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return `batch` with the columns that this stage writes."""

    def describe(self) -> dict[str, Any]:
        """Return what the result depends on, as JSON data; a checkpoint is bound to it."""
        return {"stage": self.name}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.name}'>"

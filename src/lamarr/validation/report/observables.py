"""What can be compared: observables, efficiencies of cuts, and widths, each with the target it should meet.

The ones that a report compares are in :mod:`lamarr.validation.report.catalogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import MissingNameError, near_misses

__all__ = ["SPECIES", "Columns", "Cut", "Observable", "Width", "blocks_of"]

Array = NDArray[Any]
Columns = Mapping[str, Array]

SPECIES: Final = {"μ": 13, "π": 211, "K": 321, "p": 2212, "e": 11}
"""Species that tracks are split into, by |PDG id|."""


def blocks_of(columns: Columns) -> Array | None:
    """Return the block of each row: events that share their rest (ReDecay), the event, None if unknown."""
    return columns.get("block", columns.get("event_id"))


@dataclass(frozen=True, kw_only=True)
class Observable:
    """A variable whose distribution is compared.

    Attributes
    ----------
    name, group, title, unit : str
    values : str or callable
        A column of the group, or a function of its columns.
    low, high : float
        Range of the plot; distances use all values.
    bins : int
    by_species : bool
        Compare each species on its own.
    targets : mapping of str to float
        Largest values of ``ks`` or ``wasserstein`` (in units of the reference's 68 % half-width), and for
        what is inside the range of the plot ``shift`` of the median (in `unit`) and ``width`` (relative
        difference of the half-widths); without any, the comparison is shown but not judged.
    log : bool
        Logarithmic ordinate.
    where : callable, optional
        Rows (mask) that count.
    """

    name: str
    group: str
    title: str
    low: float
    high: float
    values: str | Callable[[Columns], Array] = ""
    unit: str = ""
    bins: int = 50
    by_species: bool = False
    targets: Mapping[str, float] = field(default_factory=dict)
    log: bool = False
    where: Callable[[Columns], Array] | None = None

    def __call__(self, columns: Columns) -> Array:
        """Return the values, NaN left out; see :meth:`with_blocks`."""
        return self.with_blocks(columns)[0]

    def with_blocks(self, columns: Columns) -> tuple[Array, Array | None]:
        """Return the values, NaN left out, and their blocks (:func:`blocks_of`).

        Raises
        ------
        MissingNameError
            If the column is not there.
        """
        values = self.values or self.name
        if callable(values):
            try:
                found = np.asarray(values(columns), float)
            except KeyError as error:
                raise MissingNameError(f"'{self.group}' has no column {error}") from None
        elif values in columns:
            found = np.asarray(columns[values], float)
        else:
            hint = ", ".join(near_misses(values, columns)) or "none is similar"
            raise MissingNameError(f"'{self.group}' has no column '{values}' (near misses: {hint})")
        keep = np.isfinite(found) if self.where is None else np.isfinite(found) & self.where(columns)
        blocks = blocks_of(columns)
        return found[keep], None if blocks is None else blocks[keep]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A cut whose efficiency is compared in bins of p, η and nTracks, species by species if they have any."""

    name: str
    title: str
    passed: Callable[[Columns], Array]
    group: str = "pid"
    mean: float = 0.005
    largest: float = 0.02
    by_species: bool = True


@dataclass(frozen=True, kw_only=True)
class Width:
    """A 68 % half-width in bins of p, species by species; `target` is the largest relative difference."""

    name: str
    title: str
    column: str
    group: str = "long_tracks"
    scale: float = 1.0
    unit: str = ""
    target: float = 0.05

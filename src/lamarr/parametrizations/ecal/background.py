"""What arrives at the calorimeters of particles that are no source objects: mostly showers in the beam pipe.

Whole events of it are taken from a pool of detailed events, one of similar occupancy for each event: what
arrives together stays together. The pool is made by ``python -m lamarr.training.calorimeter.background``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.ecal.columns import Columns

__all__ = ["COLUMNS", "Pool", "background_pool"]

COLUMNS: Final = ("kind", "x", "y", "tx", "ty", "energy")
"""Columns of what arrives: as :func:`lamarr.parametrizations.ecal.upstream.arrivals` gives them."""

NEAREST: Final = 20
"""An event is taken among so many of nearest occupancy."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Events of background, ordered by occupancy.

    Attributes
    ----------
    n_sources : array (events,)
        Number of source objects.
    first : array (events + 1,)
        Where the rows of each event begin.
    columns : dict of str to array (rows,)
        :data:`COLUMNS`, in the plane of the shower maximum.
    """

    n_sources: NDArray[np.int64]
    first: NDArray[np.int64]
    columns: Columns

    def take(self, n_sources: int, draw: float) -> Columns:
        """Return the background of one event of `n_sources` source objects; `draw` is uniform in (0, 1)."""
        near = min(NEAREST, len(self.n_sources))
        low = int(np.searchsorted(self.n_sources, n_sources)) - near // 2
        k = min(max(low, 0), len(self.n_sources) - near) + int(draw * near)
        rows = slice(self.first[k], self.first[k + 1])
        return {name: v[rows] for name, v in self.columns.items()}


@cache
def background_pool() -> Pool:
    """Return the shipped pool."""
    with resources.files(__package__).joinpath("background.npz").open("rb") as file, np.load(file) as data:
        number = data["number"].astype(np.int64)
        columns: Columns = {k: data[k].astype(np.float64) for k in ("tx", "ty")}
        columns |= {k: data[k].astype(np.float64) for k in "xy"}
        columns |= {"kind": data["kind"], "energy": np.exp(data["log_energy"].astype(np.float64))}
        first = np.concatenate([[0], np.cumsum(number)])
        return Pool(n_sources=data["n_sources"].astype(np.int64), first=first, columns=columns)

"""What an engine of the ECAL gives: clusters, whose energy is in them, and what did not get into any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.ecal.columns import Columns

__all__ = ["CLUSTER_COLUMNS", "LOSSES", "Engine", "Response", "empty_clusters"]

CLUSTER_COLUMNS: Final = (
    *("event_id", "region", "x", "y", "z", "energy", "cov_xx", "cov_yy", "cov_ee", "n_cells"),
    *("spread_xx", "spread_yy", "spread_xy", "E19", "E_spd", "E_prs", "E_hcal", "is_merged_pi0"),
)
"""Columns that every engine gives; PhotonID, IsNotE and IsNotH too, or they are computed from these."""

LOSSES: Final = ("upstream", "response", "outside", "below", "unmatched")
"""Where energy (MeV) of a source object is that no cluster has: it did not arrive; the calorimeter answers
with more (negative) or less than arrives; cells that do not exist; cells that are in no cluster; the
engine gives the object no cluster, and does not know why."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """The answer to the source objects of some events.

    Attributes
    ----------
    clusters : dict of str to array (n,)
        :data:`CLUSTER_COLUMNS`, ordered by event, and ``particle_id``: which source object gave most of the
        energy, −1 if none did; optionally ``background``: energy (MeV) in it that is of no source object.
    links : dict of str to array (m,)
        ``cluster`` (row in `clusters`), ``source`` (row of the source objects) and ``energy`` (MeV), ordered
        by both.
    losses : dict of str to array (sources,)
        :data:`LOSSES`: with the energies of its links they add up to the energy of a source object.
    flagged : array of bool (sources,)
        Source objects outside of what the engine learned from.
    """

    clusters: Columns
    links: Columns
    losses: Columns
    flagged: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.clusters["event_id"])

    def linked(self) -> NDArray[np.float64]:
        """Energy (MeV) of each source object in all clusters, (sources,)."""
        n = len(self.flagged)
        return np.bincount(self.links["source"], self.links["energy"], minlength=n).astype(np.float64)


Engine: TypeAlias = Callable[[Columns, int], Response]
"""An engine: source objects and a seed to clusters. What it gives an event depends on both alone."""


def empty_clusters() -> Columns:
    """Return the columns of no clusters."""
    kinds = {"event_id": "int64", "region": "int8", "n_cells": "int32", "is_merged_pi0": "bool"}
    columns = {c: np.empty(0, kinds.get(c, "float64")) for c in CLUSTER_COLUMNS}
    return {**columns, "particle_id": np.empty(0, np.int32)}

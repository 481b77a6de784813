"""Which generated particles a cluster is made of: one definition for every simulation that writes links.

A generated particle has the energy that it and all that descends from it left in a cluster. Of the detailed
simulation that is what its photon left, or, if it converted, its electrons; flash simulation links the
generated particle itself.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch
from lamarr.parametrizations.ecal.columns import Columns

__all__ = ["OWNS", "owned_by", "shares_of"]

OWNS: Final = 0.5
"""Share of a cluster's energy above which it is the cluster of a particle."""

_STRIDE: Final = np.int64(2**31)


def shares_of(batch: EventBatch, sources: Columns) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Row of the cluster, row of the source, share of the cluster's energy: of every linked pair.

    Parameters
    ----------
    batch : EventBatch
        With clusters, cluster_links and calo_particles.
    sources : columns
        With event_id and particle_id: source objects, or some of them.
    """
    links = batch["cluster_links"]
    if not len(sources["event_id"]) or not links.rows:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    cluster = batch.rows_of("clusters", links["event_id"], links["cluster_id"])
    at = batch.rows_of("calo_particles", links["event_id"], links["calo_particle_id"])
    particle = batch["calo_particles"]["particle_id"][at].astype(np.int64)
    keys = sources["event_id"] * _STRIDE + sources["particle_id"]
    order = np.argsort(keys, kind="stable")
    wanted = links["event_id"] * _STRIDE + particle
    found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    known = (particle >= 0) & (keys[found] == wanted)
    pair, inverse = np.unique(np.stack([cluster[known], found[known]], axis=1), axis=0, return_inverse=True)
    of_cluster = links["fraction_of_cluster"][known].astype(np.float64)
    share = np.bincount(inverse.ravel(), of_cluster, minlength=len(pair))
    return pair[:, 0], pair[:, 1], share


def owned_by(batch: EventBatch, sources: Columns) -> NDArray[np.int64]:
    """Row of the cluster of each source, −1 without one: of several the most energetic."""
    cluster, source, share = shares_of(batch, sources)
    own = share > OWNS
    cluster, source = cluster[own], source[own]
    order = np.lexsort((-batch["clusters"]["energy"][cluster], source))
    first = order[np.unique(source[order], return_index=True)[1]]
    result = np.full(len(sources["event_id"]), -1, np.int64)
    result[source[first]] = cluster[first]
    return result

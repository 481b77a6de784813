"""Who owns a cluster: a rule that a model can learn.

Among the sources that gave at least `SHARE` of a cluster's energy, the owner is the one from which most was
to be expected at that place *before* anything happened: of two photons that merge it is always the harder
one. Were it the one that happened to give more, two photons of one energy would toss for it, and who draws
both numbers of clusters from probabilities would find none or two where there is one.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.events import EventBatch
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.queries import MOST_OWNED
from lamarr.parametrizations.ecal.tokens import expected_deposit, on_plane
from lamarr.parametrizations.ecal.truth import shares_of

__all__ = ["SHARE", "owners_of", "ranks_of"]

SHARE: Final = 0.25
"""Share of a cluster that makes a source a candidate."""

FAR: Final = 300.0
"""mm: a source farther away than this is a candidate only if none is nearer."""


def owners_of(batch: EventBatch, sources: Columns, calorimeter: Calorimeter) -> NDArray[np.int64]:
    """Row of the owner among the sources (clusters,), or −1; at most MOST_OWNED of one source.

    Of more, the less energetic ones lose their owner.
    """
    clusters = batch["clusters"]
    cluster, source, share = shares_of(batch, sources)
    candidate = share >= SHARE
    cluster, source, share = cluster[candidate], source[candidate], share[candidate]
    x, y = on_plane(sources, calorimeter)
    far = np.hypot(x[source] - clusters["x"][cluster], y[source] - clusters["y"][cluster]) > FAR
    expected = expected_deposit(sources["kind"], sources["energy"])[source]
    expected = np.where(far, share, expected)
    order = np.lexsort((source, -expected, far, cluster))
    first = np.unique(cluster[order], return_index=True)[1]
    owner = np.full(len(clusters["x"]), -1, np.int64)
    owner[cluster[order[first]]] = source[order[first]]
    owner[ranks_of(owner, clusters["energy"]) >= MOST_OWNED] = -1
    return owner


def ranks_of(owner: NDArray[Any], energy: NDArray[Any]) -> NDArray[np.int64]:
    """Rank (clusters,) of a cluster among those of its owner, by energy from 0; 0 without an owner."""
    order = np.lexsort((-energy, owner))
    sorted_owner = owner[order]
    start = (
        np.concatenate([[True], sorted_owner[1:] != sorted_owner[:-1]]) if len(owner) else np.zeros(0, bool)
    )
    position = np.arange(len(owner))
    rank = np.empty(len(owner), np.int64)
    rank[order] = position - np.maximum.accumulate(np.where(start, position, 0))
    return np.where(owner >= 0, rank, 0)

"""The engine ``parametric``: showers of a few numbers, then digits and clusters of the real chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import load_calibration
from lamarr.calorimetry.cells import calo_cells
from lamarr.calorimetry.clusters import Clusters, find_clusters
from lamarr.calorimetry.digits import digitise_deposits, gains_of_run
from lamarr.calorimetry.merged import is_merged_pi0
from lamarr.detector import Detector
from lamarr.detector.geometry import Geometry
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.deposits import Deposited, deposited
from lamarr.parametrizations.ecal.matter import matter
from lamarr.parametrizations.ecal.response import CLUSTER_COLUMNS, LOSSES, Response, empty_clusters
from lamarr.parametrizations.ecal.upstream import arrivals
from lamarr.random import event_generator

__all__ = ["Parametric"]

STREAM: Final = "ecal.parametric"


@dataclass(frozen=True, kw_only=True)
class _Event:
    clusters: Columns
    links: Columns
    losses: Columns


class Parametric:
    """Particles on their way, showers, digits and clusters, event by event; nothing is learned by a network.

    Parameters
    ----------
    detector : Detector
        Whose field bends electrons and positrons of conversions.
    geometry : Geometry
        Whose cells there are.
    """

    name = "parametric"

    def __init__(self, detector: Detector, geometry: Geometry) -> None:
        self.detector, self.calorimeter = detector, geometry.calorimeter

    def __call__(self, columns: Columns, seed: int) -> Response:
        """Return the clusters of source objects; see :class:`~lamarr.parametrizations.ecal.Response`."""
        events = columns["event_id"]
        begins = np.flatnonzero(np.diff(events, prepend=-1))
        ends = np.append(begins, len(events))[1:]
        done = [
            self._event({k: v[a:b] for k, v in columns.items()}, int(events[a]), seed)
            for a, b in zip(begins, ends, strict=True)
        ]
        flagged = np.zeros(len(events), bool)
        if not done:
            nothing = {"cluster": np.empty(0, int), "source": np.empty(0, int), "energy": np.empty(0)}
            losses = {k: np.empty(0) for k in LOSSES}
            return Response(clusters=empty_clusters(), links=nothing, losses=losses, flagged=flagged)
        first = np.cumsum([0, *(len(e.clusters["event_id"]) for e in done)])
        for e, cluster, source in zip(done, first, begins, strict=False):
            e.links["cluster"] += cluster
            e.links["source"] += source
        joined = [_joined([getattr(e, part) for e in done]) for part in ("clusters", "links", "losses")]
        return Response(clusters=joined[0], links=joined[1], losses=joined[2], flagged=flagged)

    def _event(self, c: Columns, event_id: int, seed: int) -> _Event:
        rng = event_generator(seed, event_id, STREAM)
        calorimeter, calibration = self.calorimeter, load_calibration()
        found = arrivals(c, self.detector, calorimeter.ecal.shower_max, matter(), rng)
        left = deposited(found, calorimeter, rng)
        gains = gains_of_run(seed, calorimeter)
        digits = digitise_deposits(left.cells, calorimeter, calibration, gains, rng)
        clusters = find_clusters(digits, calorimeter, calibration)
        merged = is_merged_pi0(clusters, digits, calorimeter, calibration)
        links, losses = self._account(c, found, left, clusters, calibration.ecal_sampling)
        own: Columns = {k: clusters.columns[k] for k in CLUSTER_COLUMNS if k in clusters.columns}
        own |= {"event_id": np.full(len(clusters), event_id), "is_merged_pi0": merged}
        own["particle_id"] = _dominant(links, c["particle_id"], len(clusters))
        return _Event(clusters=own, links=links, losses=losses)

    def _account(
        self, c: Columns, found: Columns, left: Deposited, clusters: Clusters, sampling: float
    ) -> tuple[Columns, Columns]:
        """Return the links, and for each source object where the rest of its energy is."""
        n, members = len(c["energy"]), clusters.members
        source = found["source"]
        links = _links(left, members, source, n, len(calo_cells(self.calorimeter).ecal), sampling)

        def total(of: NDArray[Any], values: NDArray[Any]) -> NDArray[np.float64]:
            return np.bincount(of, values, minlength=n).astype(np.float64)

        arrived = total(source, found["energy"])
        shower = total(source, left.shower) / sampling
        in_cells = total(source[left.arrival], left.energy) / sampling
        linked = total(links["source"], links["energy"])
        losses = {
            "upstream": c["energy"] - arrived,
            "response": arrived - shower,
            "outside": shower - in_cells,
            "below": in_cells - linked,
            "unmatched": np.zeros(n),
        }
        return links, losses


def _links(
    left: Deposited, members: Any, source: NDArray[Any], n: int, n_cells: int, sampling: float
) -> Columns:
    """Return the energies of source objects in clusters, without noise, shared as the cells are."""
    used = np.unique(members.cell)
    compact = np.full(n_cells, -1)
    compact[used] = np.arange(len(used))
    own = compact[left.cell]
    inside = own >= 0
    key = source[left.arrival[inside]] * max(len(used), 1) + own[inside]
    table = np.bincount(key, left.energy[inside], minlength=n * len(used)).reshape(n, len(used))
    at = compact[members.cell]
    shared = table[:, at] * members.share / sampling
    in_cluster = np.zeros((n, len(members.seeds)))
    begins = np.flatnonzero(np.diff(members.cluster, prepend=-1))
    if len(begins):
        in_cluster[:, members.cluster[begins]] = np.add.reduceat(shared, begins, axis=1)
    cluster, who = np.nonzero(in_cluster.T > 1e-3)
    return {"cluster": cluster, "source": who, "energy": in_cluster[who, cluster]}


def _dominant(links: Columns, particle_id: NDArray[Any], n: int) -> NDArray[np.int32]:
    """Return the particle with most of the energy in each cluster; −1 where there is none."""
    order = np.lexsort((links["source"], -links["energy"], links["cluster"]))
    cluster = links["cluster"][order]
    first = order[np.diff(cluster, prepend=-1) > 0]
    result = np.full(n, -1, np.int32)
    result[links["cluster"][first]] = particle_id[links["source"][first]]
    return result


def _joined(parts: list[Columns]) -> Columns:
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}

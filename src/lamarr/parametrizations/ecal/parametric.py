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
from lamarr.parametrizations.ecal.background import background_pool
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
    background : bool
        Overlay what arrives of particles that are no source objects.
    """

    name = "parametric"

    def __init__(self, detector: Detector, geometry: Geometry, *, background: bool = True) -> None:
        self.detector, self.calorimeter, self.background = detector, geometry.calorimeter, background

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
        if self.background:
            found = _with_background(found, len(c["energy"]), float(rng.uniform()))
        left = deposited(found, calorimeter, rng)
        gains = gains_of_run(seed, calorimeter)
        digits = digitise_deposits(left.cells, calorimeter, calibration, gains, rng)
        clusters = find_clusters(digits, calorimeter, calibration)
        merged = is_merged_pi0(clusters, digits, calorimeter, calibration)
        links, losses, others = self._account(c, found, left, clusters, calibration.ecal_sampling)
        own: Columns = {k: clusters.columns[k] for k in CLUSTER_COLUMNS if k in clusters.columns}
        own |= {"event_id": np.full(len(clusters), event_id), "is_merged_pi0": merged}
        own["background"] = others
        own["particle_id"] = _dominant(links, c["particle_id"], others)
        return _Event(clusters=own, links=links, losses=losses)

    def _account(
        self, c: Columns, found: Columns, left: Deposited, clusters: Clusters, sampling: float
    ) -> tuple[Columns, Columns, NDArray[np.float64]]:
        """Return the links, for each source object where the rest of its energy is, and the background.

        The background is energy (clusters,) of no source object; on the way it is that of an object n.
        """
        n, members = len(c["energy"]), clusters.members
        source = found["source"]
        n_cells = len(calo_cells(self.calorimeter).ecal)
        in_cluster = _in_clusters(left, members, source, n + 1, n_cells) / sampling
        cluster, who = np.nonzero(in_cluster[:n].T > 1e-3)
        links = {"cluster": cluster, "source": who, "energy": in_cluster[who, cluster]}

        def total(of: NDArray[Any], values: NDArray[Any]) -> NDArray[np.float64]:
            return np.bincount(of, values, minlength=n + 1)[:n].astype(np.float64)

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
        return links, losses, in_cluster[n]


def _with_background(found: Columns, n: int, draw: float) -> Columns:
    """Add what arrives of particles that are no source objects, as of an object `n`."""
    more = background_pool().take(n, draw)
    more["source"] = np.full(len(more["x"]), n)
    return {k: np.concatenate([v, more[k]]) for k, v in found.items()}


def _in_clusters(
    left: Deposited, members: Any, source: NDArray[Any], n: int, n_cells: int
) -> NDArray[np.float64]:
    """Return deposits of objects in clusters (n, clusters), without noise, shared as the cells are."""
    used = np.unique(members.cell)
    compact = np.full(n_cells, -1)
    compact[used] = np.arange(len(used))
    own = compact[left.cell]
    inside = own >= 0
    key = source[left.arrival[inside]] * max(len(used), 1) + own[inside]
    table = np.bincount(key, left.energy[inside], minlength=n * len(used)).reshape(n, len(used))
    at = compact[members.cell]
    shared = table[:, at] * members.share
    in_cluster = np.zeros((n, len(members.seeds)))
    begins = np.flatnonzero(np.diff(members.cluster, prepend=-1))
    if len(begins):
        in_cluster[:, members.cluster[begins]] = np.add.reduceat(shared, begins, axis=1)
    return in_cluster


def _dominant(links: Columns, particle_id: NDArray[Any], others: NDArray[Any]) -> NDArray[np.int32]:
    """Return the particle with most of the energy in each cluster; −1 where there is none."""
    order = np.lexsort((links["source"], -links["energy"], links["cluster"]))
    cluster = links["cluster"][order]
    first = order[np.diff(cluster, prepend=-1) > 0]
    first = first[links["energy"][first] > others[links["cluster"][first]]]
    result = np.full(len(others), -1, np.int32)
    result[links["cluster"][first]] = particle_id[links["source"][first]]
    return result


def _joined(parts: list[Columns]) -> Columns:
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}

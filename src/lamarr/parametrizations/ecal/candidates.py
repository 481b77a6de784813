"""Photon and π0 candidates: clusters without a track as four-momenta with covariance, and pairs of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Table
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.pairs import pairs_within

__all__ = ["MASS_WINDOW", "PI0_MASS", "TRANSVERSE", "neutral_candidates", "without_track"]

Floats = NDArray[np.float64]

PI0_MASS: Final = 134.9768
"""MeV."""

MASS_WINDOW: Final = 30.0
"""Largest difference (MeV) of a resolved candidate's mass from that of the π0."""

TRANSVERSE: Final = 200.0
"""Least transverse momentum (MeV) of photons."""

PHOTON, RESOLVED, MERGED = 1, 2, 3


def without_track(clusters: Table) -> NDArray[np.bool_]:
    """Whether no track points to each cluster: none in the table of tracks, and none besides.

    Flash simulation makes tracks of generated particles alone; that one of a secondary particle, or a ghost,
    points to a cluster is said in ``other_track``. The detailed simulation has these among its tracks.
    """
    free: NDArray[np.bool_] = clusters["track_id"] < 0
    return free & ~clusters["other_track"] if "other_track" in clusters else free


def neutral_candidates(batch: EventBatch) -> Table:
    """Return the table ``neutrals`` for the clusters of events.

    Photons come first, then resolved π0 (pairs of photons within :data:`MASS_WINDOW`), then merged ones, in
    every event. Momenta point from the origin of the LHCb frame to the cluster.
    """
    clusters = batch["clusters"]
    p4, covariance = _four_momenta(clusters)
    transverse = np.hypot(p4[:, 0], p4[:, 1])
    free = np.flatnonzero(without_track(clusters) & (transverse > TRANSVERSE))
    first, second = pairs_within(clusters["event_id"][free])
    first, second = free[first], free[second]
    total = p4[first] + p4[second]
    mass = _mass(total)
    good = np.abs(mass - PI0_MASS) < MASS_WINDOW
    first, second, total, mass = first[good], second[good], total[good], mass[good]
    swap = clusters["energy"][second] > clusters["energy"][first]
    high, low = np.where(swap, second, first), np.where(swap, first, second)
    merged = free[clusters["is_merged_pi0"][free]]
    photon_id = clusters["PhotonID"]
    parts = [
        _part(
            clusters, PHOTON, 22, free, None, p4[free], np.zeros(len(free)), photon_id[free], covariance[free]
        ),
        _part(
            *(clusters, RESOLVED, 111, high, low, total, mass),
            *(np.minimum(photon_id[high], photon_id[low]), covariance[high] + covariance[low]),
        ),
        _merged(clusters, merged, p4, covariance),
    ]
    columns = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    order = np.lexsort((np.arange(len(columns["kind"])), columns["kind"], columns["event_id"]))
    columns = {k: v[order] for k, v in columns.items()}
    event = columns["event_id"]
    begins = np.flatnonzero(np.diff(event, prepend=-1))
    first_of = np.repeat(begins, np.diff(begins, append=len(event)))
    return Table("neutrals", {**columns, "neutral_id": np.arange(len(event)) - first_of})


def _four_momenta(clusters: Table) -> tuple[Floats, Floats]:
    """Return (px, py, pz, E) of massless particles from the origin, (n, 4), and covariances (n, 4, 4)."""
    place = np.stack([clusters[k] for k in "xyz"], 1)
    r = np.sqrt((place**2).sum(axis=1))
    u, energy = place / r[:, None], clusters["energy"]
    p4 = np.concatenate([u * energy[:, None], energy[:, None]], axis=1)
    jacobian = np.zeros((len(r), 4, 3))  # of x, y, E
    for k in (0, 1):
        jacobian[:, :3, k] = -(energy / r * u[:, k])[:, None] * u
        jacobian[:, k, k] += energy / r
    jacobian[:, :3, 2], jacobian[:, 3, 2] = u, 1.0
    variance = np.stack([clusters[c] for c in ("cov_xx", "cov_yy", "cov_ee")], 1)
    return p4, (jacobian * variance[:, None, :]) @ jacobian.transpose(0, 2, 1)


def _mass(p4: Floats) -> Floats:
    mass: Floats = np.sqrt(np.maximum(p4[:, 3] ** 2 - (p4[:, :3] ** 2).sum(axis=1), 0.0))
    return mass


def _merged(clusters: Table, rows: NDArray[Any], p4: Floats, covariance: Floats) -> Columns:
    """Return merged π0: the energy of the cluster, the momentum that the mass leaves."""
    whole = p4[rows].copy()
    energy = np.maximum(whole[:, 3], PI0_MASS)
    factor = np.sqrt(energy**2 - PI0_MASS**2) / np.maximum(whole[:, 3], 1e-9)
    whole[:, :3] *= factor[:, None]
    whole[:, 3] = energy
    mass = np.full(len(rows), PI0_MASS)
    own = (whole, mass, clusters["PhotonID"][rows], covariance[rows])
    return _part(clusters, MERGED, 111, rows, None, *own)


def _part(
    clusters: Table,
    kind: int,
    pid: int,
    rows: NDArray[Any],
    second: NDArray[Any] | None,
    p4: Floats,
    mass: Floats,
    photon_id: NDArray[Any],
    covariance: Floats,
) -> Columns:
    n = len(rows)
    number = clusters["cluster_id"]
    return {
        "event_id": clusters["event_id"][rows],
        "kind": np.full(n, kind),
        "pid": np.full(n, pid),
        "cluster_id": number[rows],
        "second_cluster_id": np.full(n, -1) if second is None else number[second],
        **{name: p4[:, i] for i, name in enumerate(("px", "py", "pz", "pe"))},
        "m": mass,
        "PhotonID": photon_id,
        **{f"cov{i}{j}": covariance[:, i, j] for j in range(4) for i in range(j + 1)},
    }

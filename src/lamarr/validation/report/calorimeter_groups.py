"""Columns of the electromagnetic calorimeter: clusters, generated photons, neutral candidates."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.events import CaloOrigin, EventBatch
from lamarr.parametrizations.ecal.candidates import MERGED, PHOTON, RESOLVED, neutral_candidates
from lamarr.units import GeV

__all__ = ["clusters", "neutrals_of", "photon_clusters", "photons"]

Array = NDArray[Any]
Columns = dict[str, Array]

LEAST_ENERGY: Final = 1.0
"""Energy (GeV) of photons that are looked for."""
MOST: Final = 0.5
"""Fraction of a cluster's energy that makes a particle its owner."""
_STRIDE: Final = np.int64(2**31)
_KINDS: Final = {"photon": PHOTON, "resolved": RESOLVED, "merged": MERGED}


def _n_tracks(batch: EventBatch, event: Array) -> Array:
    events = batch["events"]
    if "nTracks" not in events:
        return np.full(len(event), np.nan)
    found: Array = events["nTracks"][np.searchsorted(events["event_id"], event)].astype(float)
    return found


def clusters(batch: EventBatch) -> Columns:
    """All clusters; energies in GeV."""
    t = batch["clusters"]
    ids = ("event_id", "cluster_id", "track_id")
    columns = {c: t[c].astype(float) for c in t if c not in ids}
    columns["energy"] = t["energy"] / GeV
    columns["log_energy"] = np.log10(np.maximum(columns["energy"], 1e-6))
    return {**columns, "event_id": t["event_id"], "nTracks": _n_tracks(batch, t["event_id"])}


def _kinematics(batch: EventBatch, rows: Array) -> Columns:
    t = batch["calo_particles"].take(rows)
    energy = t["energy"] / GeV
    slope = np.hypot(t["tx"], t["ty"])
    return {
        "event_id": t["event_id"],
        "is_signal": t["from_signal"],
        "p": energy,
        "pt": energy * slope / np.hypot(1, slope),
        "eta": np.arcsinh(1 / np.maximum(slope, 1e-9)),
        "phi": np.arctan2(t["ty"], t["tx"]),
        "nTracks": _n_tracks(batch, t["event_id"]),
    }


def _generated_photons(batch: EventBatch) -> Array:
    t = batch["calo_particles"]
    wanted = (t["pid"] == 22) & (t["origin"] == CaloOrigin.GENERATED) & (t["energy"] > LEAST_ENERGY * GeV)
    return np.flatnonzero(wanted)


def _owned(batch: EventBatch) -> tuple[Array, Array]:
    """Rows of generated photons that own a cluster, and of that cluster: of several the most energetic."""
    photons_, links = _generated_photons(batch), batch["cluster_links"]
    particles = batch["calo_particles"]
    keys = particles["event_id"][photons_] * _STRIDE + particles["calo_particle_id"][photons_]
    order = np.argsort(keys)
    photons_, keys = photons_[order], keys[order]
    links = links.take(links["fraction_of_cluster"] > MOST)
    wanted = links["event_id"] * _STRIDE + links["calo_particle_id"]
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    good = keys[at] == wanted if len(keys) else np.zeros(len(wanted), bool)
    at, energy = at[good], links["energy"][good]
    row = batch.rows_of("clusters", links["event_id"][good], links["cluster_id"][good])
    best = np.lexsort((-energy, at))
    first = np.unique(at[best], return_index=True)[1]
    return photons_[at[best][first]], row[best][first]


def photons(batch: EventBatch) -> Columns:
    """Look up which generated photons above 1 GeV that reach the calorimeters own a cluster."""
    rows = _generated_photons(batch)
    return {**_kinematics(batch, rows), "has_cluster": np.isin(rows, _owned(batch)[0])}


def photon_clusters(batch: EventBatch) -> Columns:
    """Clusters that generated photons own: residuals of energy and position, shape, identification."""
    rows, row = _owned(batch)
    t, c = batch["calo_particles"].take(rows), batch["clusters"].take(row)
    way = c["z"] - t["z"]
    return {
        **_kinematics(batch, rows),
        "dE": c["energy"] / t["energy"] - 1,
        "dx": c["x"] - t["x"] - t["tx"] * way,
        "dy": c["y"] - t["y"] - t["ty"] * way,
        **{n: c[n].astype(float) for n in ("n_cells", "E19", "PhotonID", "IsNotE", "IsNotH") if n in c},
    }


def neutrals_of(batch: EventBatch) -> Columns:
    """Candidates for photons and π0, made of clusters where the sample has none of its own."""
    t = batch["neutrals"] if "neutrals" in batch else neutral_candidates(batch)
    pt = np.hypot(t["px"], t["py"]) / GeV
    p = np.hypot(pt, t["pz"] / GeV)
    return {
        "event_id": t["event_id"],
        **{f"is_{name}": t["kind"] == kind for name, kind in _KINDS.items()},
        "p": p,
        "pt": pt,
        "log_pt": np.log10(np.maximum(pt, 1e-6)),
        "eta": np.arcsinh(t["pz"] / GeV / np.maximum(pt, 1e-9)),
        "m": t["m"].astype(float),
        "PhotonID": t["PhotonID"].astype(float),
        "nTracks": _n_tracks(batch, t["event_id"]),
    }

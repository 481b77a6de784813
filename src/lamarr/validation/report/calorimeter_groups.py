"""Columns of the electromagnetic calorimeter: clusters, generated photons, neutral candidates."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector import Detector, load_detector
from lamarr.detector.geometry import Geometry, load_geometry
from lamarr.events import EventBatch, TrackType
from lamarr.parametrizations.ecal import Columns, Kind, source_objects
from lamarr.parametrizations.ecal.candidates import MERGED, PHOTON, RESOLVED, neutral_candidates
from lamarr.parametrizations.ecal.tokens import on_plane
from lamarr.parametrizations.ecal.tracks import electron_table
from lamarr.parametrizations.ecal.truth import owned_by
from lamarr.units import GeV

__all__ = ["clusters", "electrons", "neutrals_of", "photon_clusters", "photons"]

Array = NDArray[Any]

LEAST_ENERGY: Final = 1.0
"""Energy (GeV) of photons that are looked for."""
_DETECTOR: Final = "lhcb2016-magup"
_GEOMETRY: Final = "lhcb2016"
_ELECTRON: Final = 11
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


def _generated_photons(batch: EventBatch) -> Columns:
    """Return generated photons above :data:`LEAST_ENERGY` that fly into the ECAL, converted or not."""
    found = source_objects(batch, *_surroundings()).columns  # photons: no field matters
    wanted = (found["kind"] == Kind.PHOTON) & (found["energy"] > LEAST_ENERGY * GeV)
    return {c: v[wanted] for c, v in found.items()}


@cache
def _surroundings() -> tuple[Detector, Geometry]:
    return load_detector(_DETECTOR), load_geometry(_GEOMETRY)


def _kinematics(batch: EventBatch, photons_: Columns) -> Columns:
    energy = photons_["energy"] / GeV
    slope = np.hypot(photons_["tx"], photons_["ty"])
    return {
        "event_id": photons_["event_id"],
        "from_signal": photons_["from_signal"],
        "p": energy,
        "pt": energy * slope / np.hypot(1, slope),
        "eta": np.arcsinh(1 / np.maximum(slope, 1e-9)),
        "phi": np.arctan2(photons_["ty"], photons_["tx"]),
        "nTracks": _n_tracks(batch, photons_["event_id"]),
    }


def photons(batch: EventBatch) -> Columns:
    """Look up which generated photons above 1 GeV that fly into the ECAL own a cluster."""
    found = _generated_photons(batch)
    return {**_kinematics(batch, found), "has_cluster": owned_by(batch, found) >= 0}


def photon_clusters(batch: EventBatch) -> Columns:
    """Clusters that generated photons own: residuals of energy and position, shape, identification."""
    every = _generated_photons(batch)
    row = owned_by(batch, every)
    found = {c: v[row >= 0] for c, v in every.items()}
    c = batch["clusters"].take(row[row >= 0])
    x, y = on_plane(found, _surroundings()[1].calorimeter)
    return {
        **_kinematics(batch, found),
        "dE": c["energy"] / found["energy"] - 1,
        "dx": c["x"] - x,
        "dy": c["y"] - y,
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


def electrons(batch: EventBatch) -> Columns:
    """Long tracks of generated electrons: cluster, bremsstrahlung, and the momentum with that.

    The table ``electrons`` is made where a sample has none, as that of a detector with the magnet up.
    """
    table = batch["electrons"] if "electrons" in batch else electron_table(batch, *_surroundings())
    t, p = batch["tracks"], batch["particles"]
    row = batch.rows_of("particles", t["event_id"], t["particle_id"])
    electron = (row >= 0) & (np.abs(p["pid"])[row] == _ELECTRON) & (t["type"] == TrackType.LONG)
    found = np.flatnonzero(electron)
    row = row[found]
    px, py, pz = (p[c][row] / GeV for c in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    momentum = np.hypot(pt, pz)
    return {
        "event_id": t["event_id"][found],
        "from_signal": p["from_signal"][row],
        "p": momentum,
        "pt": pt,
        "eta": np.arcsinh(pz / np.maximum(pt, 1e-9)),
        "phi": np.arctan2(py, px),
        "nTracks": _n_tracks(batch, t["event_id"][found]),
        "has_cluster": table["cluster_id"][found] >= 0,
        "has_brem": table["brem_cluster_id"][found] >= 0,
        "eOverP": table["eOverP"][found].astype(float),
        "dp": table["p"][found] / GeV / momentum - 1,
    }

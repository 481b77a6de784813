"""What a sample offers to observables: columns by group, a row per track, event, cluster or candidate.

A group is a function of a batch. Its rows carry the conditions (``p``, ``pt``, ``eta``, ``phi``,
``nTracks``) and the ``species`` (|PDG id| of the truth) that comparisons are binned in. Momenta are in GeV
here, as in plots.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import MissingNameError
from lamarr.events import COVARIANCE_PAIRS, EventBatch, Fate, TrackType
from lamarr.units import GeV
from lamarr.validation.composites import candidate_columns, true_candidates
from lamarr.validation.decays import DECAYS
from lamarr.validation.report.calorimeter_groups import (
    clusters,
    electrons,
    neutrals_of,
    photon_clusters,
    photons,
)

__all__ = ["GROUPS", "columns_of"]

Array = NDArray[Any]
Columns = dict[str, Array]
STATE: Final = ("x", "y", "tx", "ty")


def _kinematics(px: Array, py: Array, pz: Array) -> Columns:
    pt = np.hypot(px, py)
    p = np.hypot(pt, pz)
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(pz / pt)
    return {"p": p / GeV, "pt": pt / GeV, "eta": eta, "phi": np.arctan2(py, px)}


def _of_events(batch: EventBatch, column: str, event_id: Array) -> Array:
    events = batch["events"]
    if column not in events:
        return np.full(len(event_id), np.nan)
    values: Array = events[column][np.searchsorted(events["event_id"], event_id)].astype(float)
    return values


def particles(batch: EventBatch) -> Columns:
    """Charged particles that trackers could see: species, kinematics, and which type of track they have."""
    t = batch["particles"]
    chosen = t["fate"] >= Fate.OUT_OF_ACCEPTANCE
    t = t.take(chosen)
    return {
        "event_id": t["event_id"],
        "species": np.abs(t["pid"]),
        "is_signal": t["is_signal"],
        "from_signal": t["from_signal"],
        **_kinematics(t["px"], t["py"], t["pz"]),
        "nTracks": _of_events(batch, "nTracks", t["event_id"]),
        "is_long": t["fate"] == Fate.LONG,
        "is_upstream": t["fate"] == Fate.UPSTREAM,
        "is_downstream": t["fate"] == Fate.DOWNSTREAM,
    }


def _matched(batch: EventBatch, kind: TrackType) -> tuple[Array, Array, Array]:
    """Rows of the tracks of a type whose particle has a true state, of the particles, of the states."""
    tracks, states = batch["tracks"], batch["true_states"]
    stride = np.int64(2**31)
    near = np.flatnonzero(states["location"] == 1)
    keys = states["event_id"][near] * stride + states["particle_id"][near]
    rows = np.flatnonzero((tracks["type"] == kind) & (tracks["particle_id"] >= 0))
    wanted = tracks["event_id"][rows] * stride + tracks["particle_id"][rows]
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    good = keys[at] == wanted if len(keys) else np.zeros(len(rows), bool)
    rows, at = rows[good], near[at[good]]
    particle = batch.rows_of("particles", tracks["event_id"][rows], tracks["particle_id"][rows])
    return rows, particle, at


def _tracks(batch: EventBatch, kind: TrackType) -> Columns:
    rows, particle, at = _matched(batch, kind)
    t, s = batch["tracks"].take(rows), batch["true_states"].take(at)
    back = s["z"] - t["z"]
    # Both at the z where the true trajectory is closest to the beam.
    reco = {"x": t["x"] + t["tx"] * back, "y": t["y"] + t["ty"] * back, "tx": t["tx"], "ty": t["ty"]}
    slope = np.hypot(s["tx"], s["ty"])
    pt = s["p"] * slope / np.hypot(1, slope)
    columns = {
        "event_id": t["event_id"],
        "species": np.abs(batch["particles"]["pid"][particle]),
        **{c: batch["particles"][c][particle] for c in ("is_signal", "from_signal")},
        "p": s["p"] / GeV,
        "pt": pt / GeV,
        "eta": np.arcsinh(1 / np.maximum(slope, 1e-12)),
        "phi": np.arctan2(s["ty"], s["tx"]),
        "nTracks": _of_events(batch, "nTracks", t["event_id"]),
        "chi2PerDoF": t["chi2PerDoF"].astype(float),
        "nDoF": t["nDoF"].astype(float),
        "ghostProb": t["ghostProb"].astype(float),
        "dp": t["p"] / s["p"] - 1,
        **{f"d{name}": reco[name] - s[name] for name in STATE},
    }
    charge = batch["particles"]["charge"][particle] if "charge" in batch["particles"] else t["charge"]
    if "cov00" in t:
        columns |= _errors(t, columns, charge / s["p"])
    return columns


def _errors(t: Any, columns: Columns, true_qop: Array) -> Columns:
    """Return pulls, logarithms of the errors, and correlations."""
    out: Columns = {}
    sigma = [np.sqrt(np.maximum(t[f"cov{i}{i}"], 1e-300)) for i in range(5)]
    for i, name in enumerate(STATE):
        out[f"pull_{name}"] = columns[f"d{name}"] / sigma[i]
    out["pull_qop"] = (t["qop"] - true_qop) / sigma[4]
    for i, name in enumerate((*STATE, "qop")):
        out[f"log_sigma_{name}"] = np.log10(sigma[i])
    for i, j in COVARIANCE_PAIRS:
        if i != j:
            out[f"corr_{i}{j}"] = t[f"cov{i}{j}"] / (sigma[i] * sigma[j])
    return out


def long_tracks(batch: EventBatch) -> Columns:
    """Long tracks with truth: conditions, residuals, pulls, errors, quality of the fit."""
    return _tracks(batch, TrackType.LONG)


def upstream_tracks(batch: EventBatch) -> Columns:
    """Upstream tracks with truth."""
    return _tracks(batch, TrackType.UPSTREAM)


def downstream_tracks(batch: EventBatch) -> Columns:
    """Downstream tracks with truth."""
    return _tracks(batch, TrackType.DOWNSTREAM)


def pid(batch: EventBatch) -> Columns:
    """Identification of long tracks with truth: every column of the table ``pid``."""
    t = batch["pid"]
    track = batch.rows_of("tracks", t["event_id"], t["track_id"])
    tracks = batch["tracks"]
    good = (tracks["type"][track] == TrackType.LONG) & (tracks["particle_id"][track] >= 0)
    t, track = t.take(good), track[good]
    particle = batch.rows_of("particles", tracks["event_id"][track], tracks["particle_id"][track])
    return {
        **{c: t[c] if t[c].dtype == bool else t[c].astype(float) for c in t if not c.endswith("_id")},
        "event_id": t["event_id"],
        "species": np.abs(batch["particles"]["pid"][particle]),
        **{c: batch["particles"][c][particle] for c in ("is_signal", "from_signal")},
        **_kinematics(*(tracks[c][track] for c in ("px", "py", "pz"))),
        "nTracks": _of_events(batch, "nTracks", t["event_id"]),
    }


def events(batch: EventBatch) -> Columns:
    """Numbers of an event: tracks by type, ghosts, primary vertices, clusters."""
    ids = batch["events"]["event_id"]

    def count(table: str, chosen: Callable[[Any], Array] | None = None) -> Array:
        if table not in batch:
            return np.full(len(ids), np.nan)
        found = batch[table]["event_id"]
        found = found if chosen is None else found[chosen(batch[table])]
        return (np.searchsorted(found, ids, "right") - np.searchsorted(found, ids)).astype(float)

    return {
        "event_id": ids,
        "nTracks": _of_events(batch, "nTracks", ids),
        "nLong": count("tracks", lambda t: t["type"] == TrackType.LONG),
        "nUpstream": count("tracks", lambda t: t["type"] == TrackType.UPSTREAM),
        "nDownstream": count("tracks", lambda t: t["type"] == TrackType.DOWNSTREAM),
        "nGhosts": count("tracks", lambda t: t["particle_id"] < 0),
        "nPVs": count("primary_vertices"),
        "nClusters": count("clusters"),
    }


def primary_vertices(batch: EventBatch) -> Columns:
    """Residuals of primary vertices, in µm."""
    t = batch["primary_vertices"]
    true = batch.rows_of("vertices", t["event_id"], t["vertex_id"])
    return {
        "event_id": t["event_id"],
        "nTracks": _of_events(batch, "nTracks", t["event_id"]),
        **{f"d{c}": 1e3 * (t[c] - batch["vertices"][c][true]) for c in "xyz"},
    }


def _candidates(name: str) -> Callable[[EventBatch], Columns]:
    def group(batch: EventBatch) -> Columns:
        decay = DECAYS[name]
        columns = candidate_columns(batch, decay, true_candidates(batch, decay))
        columns.pop("track_rows")
        for column in list(columns):
            if column.endswith("_chi2"):
                columns[f"log_{column}"] = np.log10(np.maximum(columns[column], 1e-9))
            elif column.endswith(("_p", "_pt")):
                columns[column] = columns[column] / GeV
        return columns

    group.__doc__ = f"Truth-matched candidates of {DECAYS[name].descriptor}."
    return group


GROUPS: Final[dict[str, Callable[[EventBatch], Columns]]] = {
    "particles": particles,
    "long_tracks": long_tracks,
    "upstream_tracks": upstream_tracks,
    "downstream_tracks": downstream_tracks,
    "pid": pid,
    "events": events,
    "primary_vertices": primary_vertices,
    "clusters": clusters,
    "photons": photons,
    "photon_clusters": photon_clusters,
    "neutrals": neutrals_of,
    "electrons": electrons,
    **{f"candidates_{name}": _candidates(name) for name in DECAYS},
}
"""Groups by name."""

_NEEDS: Final = {
    "long_tracks": ("tracks", "true_states"),
    "upstream_tracks": ("tracks", "true_states"),
    "downstream_tracks": ("tracks", "true_states"),
    "pid": ("pid", "tracks"),
    "primary_vertices": ("primary_vertices", "vertices"),
    "clusters": ("clusters",),
    "photons": ("calo_particles", "clusters", "cluster_links"),
    "photon_clusters": ("calo_particles", "clusters", "cluster_links"),
    "neutrals": ("clusters",),
    "electrons": ("clusters", "tracks"),
    **{f"candidates_{name}": ("tracks", "primary_vertices") for name in DECAYS},
}


def columns_of(batch: EventBatch, group: str) -> Columns:
    """Return the columns of a group of :data:`GROUPS`, with the ``block`` of each row.

    A block is an event, or the events of ReDecay that share all that is not from the signal: these are the
    same rows again and again, and only rows from the signal are taken, where rows belong to a particle.

    Raises
    ------
    MissingNameError
        If the batch lacks a table that the group is made of.
    """
    lacking = [t for t in _NEEDS.get(group, ()) if t not in batch]
    if lacking:
        raise MissingNameError(f"'{group}' needs the table '{lacking[0]}', which the sample does not have")
    columns = GROUPS[group](batch)
    events = batch["events"]
    if "shared_event" not in events:
        return {**columns, "block": columns["event_id"]}
    own = columns.get("from_signal", np.ones(len(columns["event_id"]), bool))
    columns = {name: values[own] for name, values in columns.items()}
    at = np.searchsorted(events["event_id"], columns["event_id"])
    return {**columns, "block": events["shared_event"][at]}

"""Tracks and clusters: which track points to a cluster, and which cluster is a track's bremsstrahlung.

As LHCb does it: a cluster belongs to the track that points to it (χ² < 25). The bremsstrahlung of a track in
front of the magnet goes on along the track's first direction: a cluster there that no track points to is
the track's (χ² < 16), each one of the closest track alone. An electron's momentum is the track's plus the
energy of that cluster.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import load_calibration
from lamarr.detector import Detector, States, behind_the_magnet, integral_by
from lamarr.detector.geometry import Geometry
from lamarr.events import EventBatch, Table, TrackType
from lamarr.parametrizations.ecal.candidates import without_track
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.pairs import near_pairs

__all__ = ["BREM_MATCH", "BREM_TRANSVERSE", "MATCH", "electron_table", "track_pairs", "tracks_of_clusters"]

Floats = NDArray[np.float64]

MATCH: Final = 25.0
"""Largest χ² (two degrees of freedom) at which a track points to a cluster."""

BREM_MATCH: Final = 16.0
"""The same for the direction of a track in front of the magnet."""

BREM_TRANSVERSE: Final = 75.0
"""Least transverse momentum (MeV) of a cluster that is bremsstrahlung."""

_TRACK_ERROR: Final = 6.0
_BREM_ERROR: Final = 10.0
_BEND_ERROR: Final = 0.006  # of the bend: resolution of the momentum
_KICK_ERROR: Final = (25.0, 5000.0)  # mm at MeV: error of the single kick, falls as 1/p²
_FARTHEST: Final = 6000.0
"""mm: tracks that are farther from the axis in the plane of clusters point to none."""


class _Lines:
    """Straight and bent continuations of the tracks of a batch."""

    def __init__(self, tracks: Table, detector: Detector) -> None:
        self.kick = detector.single_kick
        self.start = States(**{k: tracks[k] for k in ("x", "y", "tx", "ty", "qop", "z")})
        self.behind, arrives = behind_the_magnet(self.kick, self.start)
        self.reaches = arrives & (tracks["type"] != TrackType.UPSTREAM)
        self.before = tracks["type"] != TrackType.DOWNSTREAM

    def kick_error(self, rows: Any) -> Floats:
        """Error of a single kick in place of the field, mm."""
        p = np.abs(1.0 / np.asarray(self.start.qop)[rows])
        result: Floats = _KICK_ERROR[0] * np.minimum((_KICK_ERROR[1] / p) ** 2, 4.0)
        return result

    def straight(self, rows: Any, z: Any) -> tuple[Floats, Floats]:
        s = self.start
        way = z - np.asarray(s.z)[rows]
        return s.x[rows] + s.tx[rows] * way, s.y[rows] + s.ty[rows] * way

    def bent(self, rows: Any, z: Any) -> tuple[Floats, Floats]:
        s, way = self.behind, z - self.kick.z_end
        return s.x[rows] + s.tx[rows] * way, s.y[rows] + s.ty[rows] * way


def _depth(clusters: Table, geometry: Geometry) -> Floats:
    column, region = load_calibration().column, clusters["region"].astype(np.int64)
    gev = np.maximum(clusters["energy"], 1.0) * 1e-3
    return geometry.calorimeter.ecal.z + column("depth", region, 0) + column("depth", region, 1) * np.log(gev)


def track_pairs(batch: EventBatch, detector: Detector, geometry: Geometry) -> Columns:
    """Return rows ``cluster``, ``track`` of which one points to the other, and ``chi2`` < :data:`MATCH`."""
    clusters, tracks = batch["clusters"], batch["tracks"]
    lines, depth = _Lines(tracks, detector), _depth(clusters, geometry)
    cluster, track = _near_tracks(clusters, tracks, lines, depth)
    z = depth[cluster]
    shrink = z / clusters["z"][cluster]
    x, y = lines.bent(track, z)
    dx, dy = x - clusters["x"][cluster] * shrink, y - clusters["y"][cluster] * shrink
    bend = x - lines.straight(track, z)[0]
    kick = lines.kick_error(track)
    error2 = _TRACK_ERROR**2 + (_BEND_ERROR * bend) ** 2 + kick**2
    chi2 = dx**2 / (clusters["cov_xx"][cluster] + error2)
    chi2 += dy**2 / (clusters["cov_yy"][cluster] + _TRACK_ERROR**2 + (0.5 * kick) ** 2)
    near = chi2 < MATCH
    return {"cluster": cluster[near], "track": track[near], "chi2": chi2[near]}


def _near_tracks(
    clusters: Table, tracks: Table, lines: _Lines, depth: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows (cluster, track) among which are all with χ² < MATCH, looked for in the clusters' plane.

    The reach holds the largest errors, and what lines move between the plane and the depths of showers.
    """
    plane = float(clusters["z"][0]) if clusters.rows else 0.0
    rows = np.flatnonzero(lines.reaches)
    x, y = lines.bent(rows, plane)
    inside = (np.abs(x) < _FARTHEST) & (np.abs(y) < _FARTHEST)
    rows, x, y = rows[inside], x[inside], y[inside]
    if not clusters.rows or not len(rows):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    kick = float(lines.kick_error(rows).max())
    bend = _BEND_ERROR * float(np.abs(x - lines.straight(rows, plane)[0]).max()) * 1.1
    away = float(np.abs(depth - plane).max())
    reach = []
    for axis, *errors in (("x", _TRACK_ERROR, bend, kick), ("y", _TRACK_ERROR, 0.5 * kick)):
        variance = float(clusters[f"cov_{axis}{axis}"].max()) + sum(e**2 for e in errors)
        slope = np.abs(getattr(lines.behind, f"t{axis}")[rows]).max() + np.abs(clusters[axis]).max() / plane
        reach.append(float(np.sqrt(MATCH * variance) + away * slope))
    event = tracks["event_id"][rows]
    cluster, at = near_pairs(
        (clusters["event_id"], clusters["y"], clusters["x"]), (event, y, x), reach[1], reach[0]
    )
    return cluster, rows[at]


def _best(pairs: Columns, of: str, n: int) -> NDArray[np.int64]:
    """Row in `pairs` with the smallest χ² of each cluster or track (n,); −1 without any."""
    order = np.lexsort((pairs["chi2"], pairs[of]))
    first = order[np.diff(pairs[of][order], prepend=-1) > 0]
    result = np.full(n, -1, np.int64)
    result[pairs[of][first]] = first
    return result


def tracks_of_clusters(batch: EventBatch, pairs: Columns) -> NDArray[np.int64]:
    """Return ``track_id`` of each cluster: the closest of :func:`track_pairs`, −1 without any."""
    best = _best(pairs, "cluster", batch["clusters"].rows)
    track = batch["tracks"]["track_id"][pairs["track"][best]] if len(pairs["track"]) else -1
    return np.where(best >= 0, track, -1)


@lru_cache(maxsize=8)
def _bent_before(detector: Detector) -> float:
    """Share of the bend that a track has at the end of TT."""
    planes = detector.planes
    whole = integral_by(detector, 0.0, planes.t_stations_end)
    return integral_by(detector, 0.0, planes.tt_end) / whole


def _brem(batch: EventBatch, lines: _Lines, detector: Detector) -> Columns:
    """Pairs of free clusters and tracks in whose first direction they are, below :data:`BREM_MATCH`."""
    clusters, tracks = batch["clusters"], batch["tracks"]
    r = np.hypot(clusters["x"], clusters["y"])
    transverse = clusters["energy"] * r / np.hypot(r, clusters["z"])
    free = np.flatnonzero(without_track(clusters) & (transverse > BREM_TRANSVERSE))
    rows = np.flatnonzero(lines.before)
    if not len(free) or not len(rows):
        return {"cluster": free[:0], "track": rows[:0], "chi2": np.empty(0)}
    plane = float(clusters["z"][0])
    x, y = lines.straight(rows, plane)
    # photons come from anywhere between the beam and TT, where the track is bent by a part already
    kick = detector.single_kick.delta_px * lines.start.qop[rows] * (plane - detector.single_kick.a0)
    half = 0.5 * _bent_before(detector) * kick
    cov_x, cov_y = (clusters[c][free] + _BREM_ERROR**2 for c in ("cov_xx", "cov_yy"))
    wide = float(np.sqrt(BREM_MATCH * (cov_x.max() + (half**2).max())))
    place = (clusters["event_id"][free], clusters["y"][free], clusters["x"][free])
    line = (tracks["event_id"][rows], y, x + half)
    a, b = near_pairs(place, line, float(np.sqrt(BREM_MATCH * cov_y.max())), wide)
    chi2 = (line[2][b] - place[2][a]) ** 2 / (cov_x[a] + half[b] ** 2) + (y[b] - place[1][a]) ** 2 / cov_y[a]
    near = chi2 < BREM_MATCH
    return {"cluster": free[a[near]], "track": rows[b[near]], "chi2": chi2[near]}


def electron_table(
    batch: EventBatch, detector: Detector, geometry: Geometry, own: Columns | None = None
) -> Table:
    """Return the table ``electrons``: a row for every track; clusters must know their tracks.

    `own` are the pairs of :func:`track_pairs`, if they are known.
    """
    tracks, clusters = batch["tracks"], batch["clusters"]
    n = tracks.rows
    own = track_pairs(batch, detector, geometry) if own is None else own
    match = _best(own, "track", n)
    brem = _brem(batch, _Lines(tracks, detector), detector)
    best = _best(brem, "cluster", clusters.rows)  # each photon is of one track
    kept = {k: v[best[best >= 0]] for k, v in brem.items()}
    radiated = _best(kept, "track", n)
    cluster = _take(own["cluster"], match)
    photon = _take(kept["cluster"], radiated)
    energy = np.append(clusters["energy"], 0.0)  # the last: of no cluster
    number = np.append(clusters["cluster_id"], -1)
    p = tracks["p"] + energy[photon]
    scale = p / tracks["p"]
    return Table(
        "electrons",
        {
            **{k: tracks[k] for k in ("event_id", "track_id")},
            "cluster_id": number[cluster],
            "match_chi2": np.where(match >= 0, np.append(own["chi2"], -1.0)[match], -1.0),
            "eOverP": energy[cluster] / p,
            "brem_cluster_id": number[photon],
            "brem_energy": energy[photon],
            "p": p,
            **{k: tracks[k] * scale for k in ("px", "py", "pz")},
        },
    )


def _take(values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.append(values, -1)[rows].astype(np.int64)

"""What the calorimeters see where tracks enter them: energies, the closest cluster, bremsstrahlung.

States come from the track fit. A track without a state behind the magnet (upstream) has bremsstrahlung
only; what a track does not have is NaN here and 0 energy in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.cells import CaloCells, CellMap, calo_cells
from lamarr.calorimetry.clusters import Clusters
from lamarr.detailed.calorimeter.digits import Digits
from lamarr.detailed.records import STATE_PLANES
from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["BREM_MATCH", "MATCH", "TrackView", "view_tracks"]

Floats = NDArray[np.float64]

MATCH: Final = 25.0
"""Largest χ² (two degrees of freedom) at which a track points to a cluster."""

BREM_MATCH: Final = 16.0
"""The same for the direction of a track before the magnet."""

TRACK_ERROR: Final = 6.0
"""Error of where a track's shower is: extrapolation, and its own bremsstrahlung close to it, mm."""

BREM_ERROR: Final = 10.0
"""Error of where photons of a track arrive, besides the bend between the beam and TT, mm."""


@dataclass(frozen=True, kw_only=True)
class TrackView:
    """Energies (MeV) and matches of n tracks.

    Attributes
    ----------
    p : array (n,)
        Momentum, MeV.
    in_ecal, in_hcal, in_brem : array (n,)
        Whether the track, or the line before the magnet, points to cells.
    ecal, hcal : array (n,)
        Energy in the cells that a square around the track touches.
    prs : array (n,)
        Energy in the cell hit.
    spd : array (n,)
        Whether the SPD cell is hit.
    chi2, matched : array (n,)
        Smallest χ² to a cluster, and the energy of that cluster; ∞ and 0 without clusters.
    cluster : array (n,)
        That cluster; −1 if none.
    brem_chi2, brem : array (n,)
        The same for the line before the magnet and clusters that no track points to.
    best_track : array (clusters,)
        The closest track with χ² < MATCH of each cluster, else −1.
    closest : array (clusters,)
        χ² of the closest track.
    """

    p: Floats
    in_ecal: NDArray[np.bool_]
    in_hcal: NDArray[np.bool_]
    in_brem: NDArray[np.bool_]
    ecal: Floats
    prs: Floats
    hcal: Floats
    spd: NDArray[np.bool_]
    chi2: Floats
    matched: Floats
    cluster: NDArray[np.int64]
    brem_chi2: Floats
    brem: Floats
    best_track: NDArray[np.int64]
    closest: Floats


def _state(tracks: NDArray[Any], plane: str) -> NDArray[Any]:
    states: NDArray[Any] = tracks["state"][:, STATE_PLANES.index(plane)]
    return states


def _at(state: NDArray[Any], z: Any) -> tuple[Floats, Floats]:
    return state["x"] + state["tx"] * (z - state["z"]), state["y"] + state["ty"] * (z - state["z"])


def _around(values: Floats, state: NDArray[Any], cells: CellMap, name: str) -> Floats:
    """Energy in all cells that a square around the track touches: wide enough for a shower in any region."""
    x, y = _at(state, cells.z + _DEPTHS[name])
    steps = np.linspace(-1, 1, _STEPS) * _HALF_SIDE[name]
    dx, dy = (d.ravel() for d in np.meshgrid(steps, steps))
    near = np.sort(cells.at(x[:, None] + dx, y[:, None] + dy), axis=1)
    again = np.zeros(near.shape, bool)
    again[:, 1:] = near[:, 1:] == near[:, :-1]
    result: Floats = np.where((near >= 0) & ~again, values[near], 0.0).sum(axis=1)
    return result


def view_tracks(
    tracks: NDArray[Any], clusters: Clusters, digits: Digits, calorimeter: Calorimeter
) -> TrackView:
    """Return what the calorimeters see of RECO_TRACK."""
    maps = calo_cells(calorimeter)
    ecal_state = _state(tracks, "ecal")
    chi2 = _track_chi2(ecal_state, clusters)
    best, closest = _closest(chi2)
    columns = clusters.columns
    energy = columns["energy"]
    cluster, smallest = _closest(chi2.T)
    best_track = np.where(closest < MATCH, best, -1)
    brem_chi2 = _brem_chi2(tracks, clusters)
    brem_chi2[:, best_track >= 0] = np.inf
    brem_cluster, brem_smallest = _closest(brem_chi2.T)
    cells = {name: _cell(ecal_state, getattr(maps, name), name) for name in _DEPTHS}
    before = _cell_of_line(_state(tracks, "rich1_end"), maps)
    matched = np.append(energy, 0.0)
    return TrackView(
        p=_momentum(tracks),
        in_ecal=cells["ecal"] >= 0,
        in_hcal=cells["hcal"] >= 0,
        in_brem=before >= 0,
        ecal=np.where(cells["ecal"] >= 0, _around(digits.ecal, ecal_state, maps.ecal, "ecal"), 0.0),
        prs=np.where(cells["prs"] >= 0, digits.prs[cells["prs"]], 0.0),
        hcal=np.where(cells["hcal"] >= 0, _around(digits.hcal, ecal_state, maps.hcal, "hcal"), 0.0),
        spd=(cells["spd"] >= 0) & (digits.spd[cells["spd"]] > 0),
        chi2=smallest,
        matched=np.where(np.isfinite(smallest), matched[cluster], 0.0),
        cluster=cluster,
        brem_chi2=brem_smallest,
        brem=np.where(brem_smallest < BREM_MATCH, matched[brem_cluster], 0.0),
        best_track=best_track,
        closest=closest,
    )


_DEPTHS: Final = {"spd": 0.0, "prs": 0.0, "ecal": 0.0, "hcal": 400.0}
"""Where a track's cell is looked up behind the plane of the cells, mm."""

_HALF_SIDE: Final = {"ecal": 60.0, "hcal": 100.0}
"""Half side of the square around a track whose cells belong to it, mm."""

_STEPS: Final = 5
"""Points per side at which the square is looked up: closer than the smallest cells."""


def _cell(state: NDArray[Any], cells: CellMap, name: str) -> NDArray[np.int32]:
    return cells.at(*_at(state, cells.z + _DEPTHS[name]))


def _cell_of_line(state: NDArray[Any], maps: CaloCells) -> NDArray[np.int32]:
    return maps.ecal.at(*_at(state, maps.ecal.z))


def _momentum(tracks: NDArray[Any]) -> Floats:
    """Momentum of the first state that a track has."""
    qop = tracks["state"]["qop"]
    good = np.isfinite(qop) & (qop != 0)
    first = np.argmax(good, axis=1) if len(tracks) else np.zeros(0, int)
    chosen = qop[np.arange(len(tracks)), first]
    return np.abs(1 / np.where(good.any(axis=1), chosen, np.nan))


def _track_chi2(state: NDArray[Any], clusters: Clusters) -> Floats:
    """χ² of each track (rows) to each cluster (columns) at the depth of the cluster."""
    c, z = clusters.columns, clusters.depth
    x, y = _at(state[:, None], z[None, :])
    dx, dy = x - c["x"] * z / c["z"], y - c["y"] * z / c["z"]
    chi2 = dx**2 / (c["cov_xx"] + TRACK_ERROR**2) + dy**2 / (c["cov_yy"] + TRACK_ERROR**2)
    return np.where(np.isfinite(chi2), chi2, np.inf)


def _brem_chi2(tracks: NDArray[Any], clusters: Clusters) -> Floats:
    """χ² of each track's direction before the magnet: photons come from anywhere between beam and TT."""
    c = clusters.columns
    early, late = (_state(tracks, plane)[:, None] for plane in ("beam", "tt"))
    (x0, y0), (x1, y1) = (_at(s, c["z"][None, :]) for s in (early, late))
    x, y = np.where(np.isfinite(x1), (x0 + x1) / 2, x0), np.where(np.isfinite(y1), (y0 + y1) / 2, y0)
    bend_x, bend_y = (np.nan_to_num((b - a) / 2) for a, b in ((x0, x1), (y0, y1)))
    chi2 = (x - c["x"]) ** 2 / (c["cov_xx"] + BREM_ERROR**2 + bend_x**2)
    chi2 = chi2 + (y - c["y"]) ** 2 / (c["cov_yy"] + BREM_ERROR**2 + bend_y**2)
    return np.where(np.isfinite(chi2), chi2, np.inf)


def _closest(chi2: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Row with the smallest χ² of each column (−1 if none is finite), and that χ²."""
    if not chi2.shape[0]:
        return np.full(chi2.shape[1], -1), np.full(chi2.shape[1], np.inf)
    row = np.argmin(chi2, axis=0)
    value = chi2[row, np.arange(chi2.shape[1])]
    return np.where(np.isfinite(value), row, -1), value

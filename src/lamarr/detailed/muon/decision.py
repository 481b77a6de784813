"""Fields of interest around extrapolated tracks, and the decision isMuon.

References
----------
LHCb's Muon_2015_def and CommonMuonTool; F. Archilli et al., JINST 8 (2013) P10020, arXiv:1306.0249
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.muon.pads import regions
from lamarr.detailed.records import STATE_PLANES
from lamarr.detector.geometry.identification import Muon
from lamarr.units import GeV

__all__ = ["Search", "decide", "search"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NO_SLOPE = 1000 * GeV
"""Momentum from which the field of interest is its constant alone."""


@dataclass(frozen=True)
class Search:
    """What the stations show around tracks.

    Attributes
    ----------
    p : (n,)
        Momenta, MeV.
    accepted : (n,)
        p ≥ 3 GeV, and extrapolated inside the edges of M1 and M5 and outside of their holes.
    found : (n, 5)
        Whether a station has a hit in the field of interest.
    distance : (n, 5)
        Squared distance of the closest of them in pads, (Δx / pad_x)² + (Δy / pad_y)²; infinite if none.
    region : (n,)
        Region of M2 that the track points to; −1 if none.
    """

    p: Floats
    accepted: Flags
    found: Flags
    distance: Floats
    region: NDArray[np.int64]


def search(tracks: NDArray[Any], pads: NDArray[Any], muon: Muon) -> Search:
    """Look for hits in the fields of interest of all `tracks` (RECO_TRACK) among `pads` (PAD)."""
    state = tracks["state"][:, STATE_PLANES.index("t_end")]
    known = np.isfinite(state["tx"]) & (np.abs(state["qop"]) > 0)
    p = np.where(known, 1 / np.maximum(np.abs(np.where(known, state["qop"], 1)), 1e-12), 0.0)
    n, stations = len(tracks), len(muon.stations)
    found, distance = np.zeros((n, stations), bool), np.full((n, stations), np.inf)
    places = [
        (state["x"] + state["tx"] * (s.z - state["z"]), state["y"] + state["ty"] * (s.z - state["z"]))
        for s in muon.stations
    ]
    accepted = known & (p >= 3 * GeV)
    for number in (0, stations - 1):
        accepted &= regions(*places[number], muon.stations[number]) >= 0
    for number, (x, y) in enumerate(places):
        own = pads[pads["station"] == number]
        if len(own):
            found[:, number], distance[:, number] = _closest(x, y, p, own, number, muon)
    return Search(p, accepted, found, distance, regions(*places[1], muon.stations[1]))


def field_of_interest(p: Floats, station: int, region: NDArray[Any], muon: Muon) -> tuple[Floats, Floats]:
    """Half sizes of the field in x and y, in half sizes of a pad: factor · (a + b exp(−c p)), p in GeV.

    Parameters
    ----------
    p : (n,)
        MeV.
    station : int
    region : (m,)
        Regions of hits: a field belongs to the hit's region, not to the track's.
    muon : Muon

    Returns
    -------
    x, y : (n, m)
    """
    sizes = []
    for table in (muon.foi_x, muon.foi_y):
        a, b, c = np.array(table[station])[region].T
        falling = np.where(p[:, None] < NO_SLOPE, np.exp(-c * p[:, None] / GeV), 0.0)
        sizes.append(muon.foi_factor * (a + b * falling))
    return sizes[0], sizes[1]


def _closest(
    x: Floats, y: Floats, p: Floats, pads: NDArray[Any], station: int, muon: Muon
) -> tuple[Flags, Floats]:
    field_x, field_y = field_of_interest(p, station, pads["region"], muon)
    dx = (pads["x"] - x[:, None]) / pads["half_x"]
    dy = (pads["y"] - y[:, None]) / pads["half_y"]
    inside = (np.abs(dx) < field_x) & (np.abs(dy) < field_y)
    return inside.any(axis=1), np.where(inside, (dx**2 + dy**2) / 4, np.inf).min(axis=1)


def decide(s: Search) -> tuple[Flags, Flags]:
    """Return isMuon and isMuonLoose (n,).

    isMuon: hits in M2 and M3 below 6 GeV, and in M4 or M5 below 10 GeV, and in both above.
    isMuonLoose: two of M2, M3, M4 below 6 GeV, three of M2 to M5 above; M4 counts above 3.5 GeV, M5
    above 4.2 GeV.
    """
    _, m2, m3, m4, m5 = s.found.T
    low, middle = s.p < 6 * GeV, s.p <= 10 * GeV
    behind = np.where(low, True, np.where(middle, m4 | m5, m4 & m5))
    is_muon = s.accepted & m2 & m3 & behind
    m4_counts = m4 & (s.p > 3.5 * GeV)
    few = m2.astype(int) + m3 + m4_counts
    loose = np.where(low, few >= 2, few + (m5 & (s.p > 4.2 * GeV)) >= 3)
    return is_muon, s.accepted & loose

"""How far off zero DLL(K−π) would have to be cut for kaons and pions to agree with PIDCalib at once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.validation.detailed_report.findings import Finding
from lamarr.validation.detailed_report.selection import LongTracks
from lamarr.validation.profiles import efficiencies

__all__ = ["offset_finding"]

OFFSETS: Final = np.round(np.arange(-2.0, 2.01, 0.1), 1)

Floats = NDArray[np.float64]


def offset_finding(
    tracks: LongTracks,
    dll: Floats,
    edges: Floats,
    published: dict[int, tuple[Any, Any]],
    window: tuple[float, float],
    tolerance: float,
) -> Finding:
    """Return the cut c with the least χ² of kaons with DLL > c and pions with DLL < c.

    Parameters
    ----------
    dll : array (n,)
        DLL(K−π) of `tracks`.
    edges : array
        Bins of momentum, GeV.
    published : dict of int to (array, array)
        Efficiencies and their errors in the bins, by |PDG id|: 321 for DLL > 0, 211 for DLL < 0.
    window : tuple of two floats
        Momenta (GeV) that are compared.
    tolerance : float
        Distance that counts as agreement.
    """
    name = "cut on DLL(K−π) with which kaons and pions agree best at once"
    best = (np.inf, np.nan, 0, 0)
    for cut in OFFSETS:
        distance, sigma = _distances(tracks, dll - cut, edges, published, window)
        if not len(distance):
            return Finding(name=name, value=np.nan)
        chi2 = float((distance**2 / sigma**2).sum())
        if chi2 < best[0]:
            best = (chi2, float(cut), int((np.abs(distance) > tolerance).sum()), len(distance))
    chi2, cut, outside, n = best
    return Finding(
        name=name, value=cut, note=f"{outside} of {n} bins then outside of ±{tolerance:g}; χ² {chi2:.0f}"
    )


def _distances(
    tracks: LongTracks,
    dll: Floats,
    edges: Floats,
    published: dict[int, tuple[Any, Any]],
    window: tuple[float, float],
) -> tuple[Floats, Floats]:
    """Found minus published efficiencies in all bins of both species, and their errors."""
    distances, sigmas = [], []
    for pid, (value, error) in published.items():
        own = tracks.of(pid)
        passed = dll[own] > 0 if pid == 321 else dll[own] < 0
        profile = efficiencies(tracks.p[own], passed, edges, least=20)
        rows = np.searchsorted(edges, profile.low)
        centre = (profile.low + profile.high) / 2
        used = (centre > window[0]) & (centre < window[1])
        distances.append((profile.value - value[rows])[used])
        sigma = np.hypot((profile.below + profile.above) / 2, error[rows])
        sigmas.append(np.maximum(sigma, 1e-3)[used])
    return np.concatenate(distances), np.concatenate(sigmas)

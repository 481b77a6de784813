"""Photons, pairs of photons, and π0: what clusters say of them, found without links, by place alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal import Columns, Kind
from lamarr.parametrizations.ecal.pairs import pairs_between, pairs_within
from lamarr.parametrizations.ecal.tokens import cell_size, on_plane
from lamarr.validation.metrics import half_width

__all__ = ["DISTANCES", "ENERGIES", "Photons", "pi0_numbers", "single_photons", "two_photons"]

Floats = NDArray[np.float64]

LOWEST: Final = 1000.0
"""MeV: photons below are not asked for."""

REACH: Final = 1.5
"""Cells between a photon and its cluster, at most."""

DISTANCES: Final = np.array([0.0, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300])
"""mm between two photons."""

ENERGIES: Final = np.array([1000.0, 2000, 4000, 8000, 16_000, 100_000])
"""MeV of a photon or π0."""

PHOTON: Final = ("efficiency", "error", "bias", "resolution", "place", "number")

_WINDOW: Final = (80.0, 200.0)


class Photons:
    """Photons of some events and the cluster nearest to each: its row, or −1.

    Parameters
    ----------
    sources : columns
        With ``pi0``.
    clusters : columns
    calorimeter : Calorimeter
    """

    def __init__(self, sources: Columns, clusters: Columns, calorimeter: Calorimeter) -> None:
        rows = np.flatnonzero((sources["kind"] == Kind.PHOTON) & (sources["energy"] > LOWEST))
        x, y = on_plane(sources, calorimeter)
        self.x, self.y, self.cell = x[rows], y[rows], cell_size(x, y, calorimeter)[rows]
        self.event, self.energy, self.pi0 = (sources[c][rows] for c in ("event_id", "energy", "pi0"))
        self.origin, self.plane = sources["z_origin"][rows], calorimeter.ecal.plane
        self.clusters = clusters
        self.cluster = self._nearest()

    def __len__(self) -> int:
        return len(self.x)

    def _nearest(self) -> NDArray[np.int64]:
        order = np.argsort(self.clusters["event_id"], kind="stable")
        a, b = pairs_between(self.event, self.clusters["event_id"][order])
        b = order[b]
        d = np.hypot(self.x[a] - self.clusters["x"][b], self.y[a] - self.clusters["y"][b]) / self.cell[a]
        near = np.flatnonzero(d < REACH)
        near = near[np.lexsort((d[near], a[near]))]
        photon, first = np.unique(a[near], return_index=True)
        result = np.full(len(self), -1)
        result[photon] = b[near[first]]
        return result

    def pairs(self, same_pi0: bool = False) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows (harder, softer) of pairs: of one π0, or each other's nearest photon."""
        a, b = pairs_within(self.event)
        if same_pi0:
            keep = (self.pi0[a] >= 0) & (self.pi0[a] == self.pi0[b])
            a, b = a[keep], b[keep]
        else:
            d = np.hypot(self.x[a] - self.x[b], self.y[a] - self.y[b])
            near = d < DISTANCES[-1]
            a, b, d = a[near], b[near], d[near]
            best = np.full(len(self), np.inf)
            np.minimum.at(best, a, d)
            np.minimum.at(best, b, d)
            keep = (d == best[a]) & (d == best[b])
            a, b = a[keep], b[keep]
        swap = self.energy[b] > self.energy[a]
        return np.where(swap, b, a), np.where(swap, a, b)


def _binned(value: Floats, of: Floats, edges: Floats) -> dict[str, list[float]]:
    """Mean and its error in bins."""
    means, errors, numbers = [], [], []
    for low, high in pairwise(edges):
        v = value[(of >= low) & (of < high)]
        means.append(float(v.mean()) if len(v) else float("nan"))
        errors.append(float(v.std() / np.sqrt(len(v))) if len(v) else float("nan"))
        numbers.append(len(v))
    return {"value": means, "error": errors, "number": [float(n) for n in numbers]}


def two_photons(p: Photons) -> dict[str, dict[str, list[float]]]:
    """Response of two photons against their distance.

    ``one``: probability that both are nearest to one and the same cluster, given that both are near one;
    ``share``: mean of E_1/(E_1 + E_2) of two clusters minus that of the photons, 1 being the harder one;
    ``shift``: mean shift of its cluster towards the other photon, in cells.
    """
    hard, soft = p.pairs()
    d = np.hypot(p.x[hard] - p.x[soft], p.y[hard] - p.y[soft])
    c1, c2 = p.cluster[hard], p.cluster[soft]
    both = (c1 >= 0) & (c2 >= 0)
    one = both & (c1 == c2)
    two = both & ~one
    energy = p.clusters["energy"]
    share = energy[c1[two]] / (energy[c1[two]] + energy[c2[two]])
    truth = p.energy[hard[two]] / (p.energy[hard[two]] + p.energy[soft[two]])
    found = c1 >= 0
    h, s, c = hard[found], soft[found], c1[found]
    away = np.maximum(d[found], 1e-6)
    along = (p.clusters["x"][c] - p.x[h]) * (p.x[s] - p.x[h]) + (p.clusters["y"][c] - p.y[h]) * (
        p.y[s] - p.y[h]
    )
    return {
        "one": _binned(one[both].astype(float), d[both], DISTANCES),
        "share": _binned(share - truth, d[two], DISTANCES),
        "shift": _binned(along / away / p.cell[h], d[found], DISTANCES),
    }


def single_photons(p: Photons) -> dict[str, list[float]]:
    """Efficiency (a cluster with 0.7 to 1.4 times the energy is near) and resolutions in bins of energy."""
    ratio = np.where(p.cluster >= 0, p.clusters["energy"][p.cluster] / p.energy, 0.0)
    found = (ratio > 0.7) & (ratio < 1.4)
    dx = np.where(found, p.clusters["x"][p.cluster] - p.x, 0.0)
    result: dict[str, list[float]] = {
        k: [] for k in ("efficiency", "error", "bias", "resolution", "place", "number")
    }
    for low, high in pairwise(ENERGIES):
        inside = (p.energy >= low) & (p.energy < high)
        ok, n = inside & found, int(inside.sum())
        e = float(ok.sum() / max(n, 1))
        result["efficiency"].append(e)
        result["error"].append(float(np.sqrt(e * (1 - e) / max(n, 1))))
        some = ok.sum() > 10
        result["bias"].append(float(np.median(ratio[ok])) if some else float("nan"))
        result["resolution"].append(float(half_width(ratio[ok])) if some else float("nan"))
        result["place"].append(float(half_width(dx[ok])) if some else float("nan"))
        result["number"].append(float(n))
    return result


def pi0_numbers(p: Photons) -> dict[str, Any]:
    """π0 → γγ: position and half width of the peak of resolved ones (MeV), merged fraction against energy."""
    a, b = p.pairs(same_pi0=True)
    c1, c2 = p.cluster[a], p.cluster[b]
    both = (c1 >= 0) & (c2 >= 0)
    merged = both & (c1 == c2)
    two = both & ~merged
    x, y, e = (p.clusters[c] for c in ("x", "y", "energy"))
    z = p.plane - p.origin[a]
    direction = []
    for c in (c1, c2):
        v = np.stack([x[c], y[c], z], axis=1)
        direction.append(v / np.linalg.norm(v, axis=1, keepdims=True))
    cosine = np.minimum((direction[0] * direction[1]).sum(axis=1), 1.0)
    mass = np.sqrt(np.maximum(2 * e[c1] * e[c2] * (1 - cosine), 0.0))[two]
    peak = mass[(mass > _WINDOW[0]) & (mass < _WINDOW[1])]
    energy = p.energy[a] + p.energy[b]
    n = max(len(peak), 1)
    width = float(half_width(peak)) if len(peak) > 10 else float("nan")
    return {
        "peak": float(np.median(peak)) if len(peak) else float("nan"),
        "peak_error": float(1.25 * width / np.sqrt(n)),
        "width": width,
        "width_error": float(width / np.sqrt(2 * n) * 1.5),
        "number": len(peak),
        "mass": mass,
        "merged": _binned(merged[both].astype(float), energy[both], ENERGIES * 2),
    }

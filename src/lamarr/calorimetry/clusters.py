"""Clusters of the ECAL: a cellular automaton around local maxima, overlaps shared by shower profile.

V. Breton, N. Brun, P. Perret, A clustering algorithm for the LHCb electromagnetic calorimeter using a
cellular automaton, LHCb-2001-123. Clusters are the seed and its neighbours (3 × 3 inside a region). A cell
next to several seeds is shared with weights E_k exp(−slope d_k), E_k being the cluster's energy and d_k the
distance in cells from its barycentre; energies and barycentres are iterated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import Calibration
from lamarr.calorimetry.cells import CellMap, calo_cells
from lamarr.calorimetry.digits import Digits, sine
from lamarr.calorimetry.sharing import find_seeds, share_cells
from lamarr.detector.geometry.identification import Calorimeter

__all__ = [
    "Clusters",
    "Members",
    "cluster_errors",
    "corrected",
    "find_clusters",
    "find_members",
    "raw_clusters",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ITERATIONS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Members:
    """Which cell belongs to which cluster with which share; `seeds` by cluster."""

    seeds: Ints
    cluster: Ints
    cell: Ints
    share: Floats

    def total(self, values: Floats) -> Floats:
        """Sum over each cluster of share × value of the cell."""
        weights = self.share * values[self.cell]
        return np.bincount(self.cluster, weights, minlength=len(self.seeds)).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Raw:
    """Clusters before corrections: energies in MeV, u and v from the seed's centre in cells, sin θ."""

    region: Ints
    energy: Floats
    preshower: Floats
    u: Floats
    v: Floats
    sine: Floats


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Clusters of an event: their cells, columns of the table ``clusters``, and the depths of their showers.

    The position in the plane of the table is that of a photon from the origin; at z = `depth` (mm) the
    shower is at x·depth/z, y·depth/z, wherever it comes from.
    """

    members: Members
    columns: dict[str, NDArray[Any]]
    depth: Floats

    def __len__(self) -> int:
        """Return their number."""
        return len(self.members.seeds)


def find_members(
    energy: Floats, cells: CellMap, calibration: Calibration, threshold: float, seeds: Ints | None = None
) -> Members:
    """Return clusters of cells (MeV); seeds have more than `threshold` of transverse energy unless given."""
    if seeds is None:
        seeds = find_seeds(energy, energy * sine(cells), cells.neighbours, threshold)
    slope = np.array(calibration.profile)[cells.region[seeds]]
    geometry = (cells.neighbours, cells.x, cells.y, cells.size)
    cluster, cell, share = share_cells(seeds, energy, *geometry, slope, ITERATIONS)
    return Members(seeds=seeds, cluster=cluster, cell=cell, share=share)


def raw_clusters(members: Members, digits: Digits, cells: CellMap) -> Raw:
    """Return energies and barycentres."""
    seeds = members.seeds
    energy = members.total(digits.ecal)
    u, v = (
        (members.total(digits.ecal * place) / energy - place[seeds]) / cells.size[seeds]
        for place in (cells.x, cells.y)
    )
    region = cells.region[seeds].astype(np.int64)
    preshower = members.total(digits.prs)
    return Raw(region=region, energy=energy, preshower=preshower, u=u, v=v, sine=sine(cells)[seeds])


def s_shape(u: Floats, shape: Floats) -> Floats:
    """Return positions in cells for barycentres u: s asinh(2 u sinh(1/2s)), the identity at 0 and ±1/2."""
    result: Floats = shape * np.arcsinh(2 * u * np.sinh(0.5 / shape))
    return result


def energy_terms(raw: Raw) -> Floats:
    """Return what the constants (a0, a1, a2, b, l) of a region multiply, (n, 5)."""
    s = raw.energy
    radius = raw.u**2 + raw.v**2
    return np.stack([s, s * np.log(np.maximum(s, 1.0) * 1e-3), s * radius, raw.preshower, 1 / raw.sine], 1)


def corrected(
    raw: Raw, seeds: Ints, cells: CellMap, calo: Calorimeter, calibration: Calibration
) -> dict[str, Any]:
    """Return energy and position in the plane ``ecal.plane``, with their variances, and ``depth``."""
    column, region = calibration.column, raw.region
    factors = [column("energy", region, i) for i in range(3)]
    factors += [column(name, region) for name in ("preshower", "loss")]
    energy = np.maximum((energy_terms(raw) * np.stack(factors, 1)).sum(axis=1), 0.1 * raw.energy)
    shape = column("shape", region)
    log_energy = np.log(np.maximum(energy, 1.0) * 1e-3)
    depth = calo.ecal.z + column("depth", region, 0) + column("depth", region, 1) * log_energy
    size = cells.size[seeds]
    x, y = (
        (centre[seeds] + size * s_shape(np.clip(w, -0.7, 0.7), shape)) * calo.ecal.plane / depth
        for centre, w in ((cells.x, raw.u), (cells.y, raw.v))
    )
    return {
        "x": x,
        "y": y,
        "z": np.full(len(seeds), calo.ecal.plane),
        "energy": energy,
        **cluster_errors(energy, region, size, raw.sine, calibration),
        "depth": depth,
    }


def cluster_errors(
    energy: Floats, region: Ints, size: Floats, sine: Floats, calibration: Calibration
) -> dict[str, Floats]:
    """Return cov_xx, cov_yy (mm²) and cov_ee (MeV²) of clusters (n,); `size` of the seed's cell in mm."""
    column = calibration.column
    errors = [column("energy_error", region, i) for i in range(3)]
    gev = np.maximum(energy, 1.0) * 1e-3
    position = [column("position_error", region, i) for i in range(2)]
    variance = size**2 * (position[0] ** 2 / gev + position[1] ** 2)
    noise = errors[2] / sine
    energy_variance = errors[0] ** 2 * 1e3 * energy + (errors[1] * energy) ** 2 + noise**2
    return {"cov_xx": variance, "cov_yy": variance, "cov_ee": energy_variance}


def find_clusters(digits: Digits, calorimeter: Calorimeter, calibration: Calibration) -> Clusters:
    """Return the clusters of an event with everything but what needs tracks."""
    maps = calo_cells(calorimeter)
    cells = maps.ecal
    members = find_members(digits.ecal, cells, calibration, calorimeter.ecal.seed)
    raw = raw_clusters(members, digits, cells)
    seeds = members.seeds
    columns = corrected(raw, seeds, cells, calorimeter, calibration)
    columns |= {
        "cluster_id": np.arange(len(seeds)),
        "region": raw.region,
        "n_cells": np.bincount(members.cluster, minlength=len(seeds)),
        **_moments(members, digits.ecal, cells, raw.energy),
        "E19": digits.ecal[seeds] / np.maximum(raw.energy, 1e-9),
        "E_spd": members.total(digits.spd),
        "E_prs": raw.preshower,
        "E_hcal": _behind(columns, digits.hcal, maps.hcal),
    }
    depth = columns.pop("depth")
    return Clusters(members=members, columns=columns, depth=depth)


def _moments(members: Members, energy: Floats, cells: CellMap, total: Floats) -> dict[str, Floats]:
    mean_x, mean_y = (members.total(energy * w) / total for w in (cells.x, cells.y))
    dx, dy = (w[members.cell] - m[members.cluster] for w, m in ((cells.x, mean_x), (cells.y, mean_y)))
    weight = members.share * energy[members.cell]
    n = len(members.seeds)
    return {
        f"spread_{name}": np.bincount(members.cluster, weight * product, minlength=n) / total
        for name, product in (("xx", dx * dx), ("yy", dy * dy), ("xy", dx * dy))
    }


def _behind(columns: dict[str, Any], hcal: Floats, cells: CellMap) -> Floats:
    """Energy in the HCAL cell that the line from the origin through the cluster enters."""
    ratio = cells.z / columns["z"]
    cell = cells.at(columns["x"] * ratio, columns["y"] * ratio)
    return np.where(cell >= 0, hcal[cell], 0.0)

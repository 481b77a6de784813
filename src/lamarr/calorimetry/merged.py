"""Merged π0: clusters that are split into two photons whose mass is that of a π0.

A cluster of high transverse energy is split between its seed and the highest of its other cells; the two
3 × 3 clusters share their cells by the shower profile, as all clusters do (O. Deschamps et al., Photon and
neutral pion reconstruction, LHCb-2003-091).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import Calibration
from lamarr.calorimetry.cells import CellMap, calo_cells
from lamarr.calorimetry.clusters import Clusters, corrected, find_members, raw_clusters
from lamarr.calorimetry.digits import Digits, sine
from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["MASS_WINDOW", "TRANSVERSE", "is_merged_pi0", "split_masses"]

TRANSVERSE: Final = 2000.0
"""Least transverse energy of a merged π0, MeV."""

MASS_WINDOW: Final = (65.0, 210.0)
"""Masses that count as those of a π0, MeV."""

SPREAD: Final = (0.115, 0.135, 0.15)
"""Least second moment of a merged π0 along its larger axis, in cells², by region."""


def split_masses(
    clusters: Clusters, digits: Digits, cells: CellMap, calorimeter: Calorimeter, calibration: Calibration
) -> NDArray[np.float64]:
    """Return the mass (MeV) of each cluster's two halves; NaN below `TRANSVERSE`, and without halves."""
    members = clusters.members
    masses = np.full(len(clusters), np.nan)
    transverse = clusters.columns["energy"] * sine(cells)[members.seeds]
    for k in np.flatnonzero(transverse > TRANSVERSE):
        own = members.cell[(members.cluster == k) & (members.cell != members.seeds[k])]
        if len(own):
            second = own[np.argmax(digits.ecal[own])]
            seeds = np.array([members.seeds[k], second], np.int32)
            masses[k] = _mass(seeds, digits, cells, calorimeter, calibration)
    return masses


def _mass(
    seeds: NDArray[Any], digits: Digits, cells: CellMap, calorimeter: Calorimeter, calibration: Calibration
) -> float:
    members = find_members(digits.ecal, cells, calibration, calorimeter.ecal.seed, seeds)
    halves = corrected(raw_clusters(members, digits, cells), seeds, cells, calorimeter, calibration)
    place = np.stack([halves["x"], halves["y"], halves["z"]], 1)
    direction = place / np.linalg.norm(place, axis=1)[:, None]
    cosine = float(direction[0] @ direction[1])
    return float(np.sqrt(max(2 * halves["energy"].prod() * (1 - cosine), 0.0)))


def larger_moment(clusters: Clusters, cells: CellMap) -> NDArray[np.float64]:
    """Return the second moment of each cluster along its larger axis, in cells²."""
    c = clusters.columns
    mean, half = (c["spread_xx"] + c["spread_yy"]) / 2, (c["spread_xx"] - c["spread_yy"]) / 2
    result: NDArray[np.float64] = mean + np.hypot(half, c["spread_xy"])
    return result / cells.size[clusters.members.seeds] ** 2


def is_merged_pi0(
    clusters: Clusters, digits: Digits, calorimeter: Calorimeter, calibration: Calibration
) -> NDArray[np.bool_]:
    """Return whether each cluster is taken for both photons of a π0."""
    cells = calo_cells(calorimeter).ecal
    masses = split_masses(clusters, digits, cells, calorimeter, calibration)
    wide = larger_moment(clusters, cells) > np.array(SPREAD)[clusters.columns["region"]]
    return np.asarray((masses > MASS_WINDOW[0]) & (masses < MASS_WINDOW[1]) & wide)

"""The engine ``signal``: every photon alone, found or not, as a cluster with its own resolution.

Three models: ``ecal_efficiency`` (is there one cluster of the photon, and of no other), ``ecal_conversion``
(has it converted in front of the calorimeters, if so) and ``ecal_resolution`` (the cluster). Photons do not
know of each other but for the occupancy of the event: close ones do not merge, energy is not shared.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import load_calibration
from lamarr.calorimetry.cells import CellMap, calo_cells
from lamarr.calorimetry.clusters import cluster_errors
from lamarr.detector.geometry import Geometry
from lamarr.parametrizations.ecal.columns import Columns, Kind
from lamarr.parametrizations.ecal.evaluating import Evaluated, Evaluator
from lamarr.parametrizations.ecal.response import LOSSES, Response, empty_clusters

__all__ = ["CONDITIONS", "CONVERTED", "MODELS", "RESOLUTION", "Signal", "signal_conditions"]

Floats = NDArray[np.float64]

MODELS: Final = ("ecal_efficiency", "ecal_conversion", "ecal_resolution")

CONDITIONS: Final = (
    *("log_energy", "x_side", "y_side", "u_side", "v_side", "middle", "inner", "z_origin", "n_sources"),
)
"""Conditions: ln(E/MeV); |x|, |y| (mm); place in the cell from its centre (cells), positive away from the
axis; region; where the photon is produced (mm); number of source objects of the event."""

CONVERTED: Final = "converted"

RESOLUTION: Final = (
    *("dx_side", "dy_side", "log_ratio", "E19", "log_spread_xx", "log_spread_yy", "spread_side", "n_cells"),
    *("E_spd", "E_prs", "E_hcal"),
)
"""What the resolution gives: cluster minus photon at the shower maximum (mm), away from the axis positive;
ln(E of the cluster over that of the photon); ``spread_side`` is spread_xy in the quadrant x, y > 0. What
identifies a cluster (PhotonID, …) is a function of these, and of the track that points to it."""


def _cells_of(x: Floats, y: Floats, cells: CellMap) -> NDArray[np.int32]:
    """Cell of each place; of places outside and in the hole the nearest inside."""
    columns, rows = cells.table.shape
    limit = [0.5 * n * cells.fine - 1.0 for n in (columns, rows)]
    inside = cells.at(np.clip(x, -limit[0], limit[0]), np.clip(y, -limit[1], limit[1]))
    hole = inside < 0
    if hole.any():
        distance = (cells.x[None] - x[hole, None]) ** 2 + (cells.y[None] - y[hole, None]) ** 2
        inside = inside.copy()
        inside[hole] = np.argmin(distance, axis=1)
    return inside


def signal_conditions(columns: Columns, cells: CellMap, rows: NDArray[Any]) -> Columns:
    """Return :data:`CONDITIONS` (rows,) of source objects; the occupancy counts all of `columns`."""
    x, y = columns["x"][rows], columns["y"][rows]
    cell = _cells_of(x, y, cells)
    event = columns["event_id"]
    first, last = (np.searchsorted(event, event[rows], side) for side in ("left", "right"))
    size, region = cells.size[cell], cells.region[cell]
    u, v = (np.clip((p - centre[cell]) / size, -1, 1) for p, centre in ((x, cells.x), (y, cells.y)))
    return {
        "log_energy": np.log(columns["energy"][rows]),
        "x_side": np.abs(x),
        "y_side": np.abs(y),
        "u_side": u * _side(x),
        "v_side": v * _side(y),
        "middle": region == 1,
        "inner": region == 2,
        "z_origin": columns["z_origin"][rows],
        "n_sources": (last - first).astype(np.float64),
    }


def _side(x: Floats) -> Floats:
    return np.where(x < 0, -1.0, 1.0)


class Signal:
    """Photons one by one.

    Parameters
    ----------
    geometry : Geometry
        Whose cells there are.
    models : mapping of str to Model
        With :data:`MODELS`.
    runs : mapping of str to callable
        What evaluates them.
    """

    name = "signal"

    def __init__(self, geometry: Geometry, models: Any, runs: Any) -> None:
        self.calorimeter = geometry.calorimeter
        outputs = {"ecal_efficiency": ("efficiency",), "ecal_conversion": ("conversion",)}
        known = {**dict.fromkeys(MODELS, CONDITIONS), "ecal_resolution": (*CONDITIONS, CONVERTED)}
        self.evaluators = {
            name: Evaluator(
                name, models[name], known[name], outputs.get(name, RESOLUTION), "ecal.signal", runs.get(name)
            )
            for name in MODELS
        }

    def describe(self) -> dict[str, Any]:
        """Return the digests of the models."""
        return {"weights": {name: e.digest for name, e in self.evaluators.items()}}

    def __call__(self, columns: Columns, seed: int) -> Response:
        """Return the clusters of the photons among the source objects."""
        n = len(columns["event_id"])
        photons = np.flatnonzero(columns["kind"] == Kind.PHOTON)
        cells = calo_cells(self.calorimeter).ecal
        event, number = (columns[k][photons] for k in ("event_id", "particle_id"))
        conditions = signal_conditions(columns, cells, photons)
        found = self._evaluated("ecal_efficiency", conditions, seed, event, number)
        keep = found.drawn("efficiency", seed, event, number)
        rows, own = photons[keep], {k: v[keep] for k, v in conditions.items()}
        event, number = event[keep], number[keep]
        turned = self._evaluated("ecal_conversion", own, seed, event, number)
        own[CONVERTED] = turned.drawn("conversion", seed, event, number)
        drawn = self._evaluated("ecal_resolution", own, seed, event, number)
        flagged = np.zeros(n, bool)
        flagged[photons] = found.outside
        flagged[rows] |= turned.outside | drawn.outside
        clusters = self._clusters(columns, rows, drawn.values, cells) if len(rows) else empty_clusters()
        losses = {k: np.zeros(n) for k in LOSSES}
        losses["unmatched"] = columns["energy"].copy()
        losses["unmatched"][rows] = 0.0
        losses["response"][rows] = columns["energy"][rows] - clusters["energy"]
        links = {"cluster": np.arange(len(rows)), "source": rows, "energy": clusters["energy"]}
        return Response(clusters=clusters, links=links, losses=losses, flagged=flagged)

    def _evaluated(self, name: str, c: Columns, seed: int, event: Any, number: Any) -> Evaluated:
        return self.evaluators[name](c, seed, event, number)

    def _clusters(self, columns: Columns, rows: NDArray[Any], y: Columns, cells: CellMap) -> Columns:
        """Return the clusters that the resolution draws, in the order of the photons' energies."""
        ecal = self.calorimeter.ecal
        sign = [_side(columns[k][rows]) for k in "xy"]
        x, y_ = (columns[k][rows] + s * y[f"d{k}_side"] for k, s in zip("xy", sign, strict=True))
        cell = _cells_of(x, y_, cells)
        region = cells.region[cell].astype(np.int64)
        x, y_ = x * ecal.plane / ecal.shower_max, y_ * ecal.plane / ecal.shower_max
        energy = columns["energy"][rows] * np.exp(y["log_ratio"].astype(np.float64))
        r = np.hypot(x, y_)
        errors = cluster_errors(
            energy, region, cells.size[cell], r / np.hypot(r, ecal.plane), load_calibration()
        )
        spread = {k: np.exp(y[f"log_{k}"].astype(np.float64)) for k in ("spread_xx", "spread_yy")}
        given = {k: y[k] for k in ("E19", "E_spd", "E_prs", "E_hcal")}
        bounded = {k: np.clip(v, 0.0, 1.0 if k == "E19" else None) for k, v in given.items()}
        return {
            "event_id": columns["event_id"][rows],
            "region": region,
            "x": x,
            "y": y_,
            "z": np.full(len(rows), ecal.plane),
            "energy": energy,
            **errors,
            "n_cells": np.maximum(np.rint(y["n_cells"]), 1).astype(np.int64),
            **spread,
            "spread_xy": y["spread_side"] * sign[0] * sign[1],
            **bounded,
            "is_merged_pi0": np.zeros(len(rows), bool),
            "particle_id": columns["particle_id"][rows],
        }

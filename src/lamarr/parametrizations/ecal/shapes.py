"""What clusters look like, given what they are made of: conditions and outputs of the model ``ecal_shape``.

One model for all learned engines: they say where clusters are, how energetic, and whose; it draws number of
cells, moments, share of the highest cell, and what preshower, SPD and HCAL see.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal.columns import Columns, Kind
from lamarr.parametrizations.ecal.queries import owners_place
from lamarr.parametrizations.ecal.tokens import TOKEN_FEATURES, cell_size

__all__ = ["SHAPE_INPUTS", "SHAPE_OUTPUTS", "regions", "shape_columns", "shape_conditions", "shape_outputs"]

SHAPE_INPUTS: Final = (
    *("log_energy", "radius", "is_outer", "is_middle", "is_inner", "sin_x", "cos_x", "sin_y", "cos_y"),
    *("log_ratio", "log_distance", *(f"is_{kind.name.lower()}" for kind in Kind), "ownerless"),
    *("influence", "near_0", "log_ratio_0", "showers_0"),
)

SHAPE_OUTPUTS: Final = (
    *("n_cells", "E19", "width_x", "width_y", "correlation", "log_spd", "log_prs", "log_hcal", "merged"),
)
"""Widths in cells, logarithms of 1 + energy / MeV, ``merged`` 0 or 1."""

_TINY: Final = 1e-3
"""Width in cells below which a cluster is a single row of cells."""


def regions(x: NDArray[Any], y: NDArray[Any], calorimeter: Calorimeter) -> NDArray[np.int64]:
    """Region (n,) of places: 0 outer, 1 middle, 2 inner."""
    cell = cell_size(x, y, calorimeter)
    sizes = np.array([calorimeter.module / region.cells for region in calorimeter.regions])
    result: NDArray[np.int64] = np.argmin(np.abs(cell[:, None] - sizes[None]), axis=1)
    return result


def shape_conditions(
    clusters: Columns,
    sources: Columns,
    tokens: NDArray[np.float32],
    owner: NDArray[Any],
    calorimeter: Calorimeter,
) -> NDArray[np.float32]:
    """Conditions (m, len(SHAPE_INPUTS)) of clusters (x, y, energy) with their owners' tokens."""
    x, y, energy = (clusters[c] for c in ("x", "y", "energy"))
    mine, own_x, own_y, own_cell, own_energy = owners_place(sources, owner, calorimeter)
    cell = cell_size(x, y, calorimeter)
    region = regions(x, y, calorimeter)
    token = np.zeros((len(owner), len(TOKEN_FEATURES)), np.float32)
    token[mine] = tokens[owner[mine]]
    of = {name: token[:, TOKEN_FEATURES.index(name)] for name in ("influence", *SHAPE_INPUTS[-3:])}
    kinds = [mine & (token[:, TOKEN_FEATURES.index(f"is_{kind.name.lower()}")] > 0.5) for kind in Kind]
    ratio = np.clip(np.log(energy / own_energy), -6, 3)
    values = [
        *(np.log(energy / 1000), np.hypot(x, y) / 1000, region == 0, region == 1, region == 2),
        *(f(2 * np.pi * v / cell) for v in (x, y) for f in (np.sin, np.cos)),
        np.where(mine, ratio, 0.0),
        np.where(mine, np.log(0.05 + np.hypot(x - own_x, y - own_y) / own_cell), 0.0),
        *kinds,
        ~mine,
        *of.values(),
    ]
    return np.stack([np.asarray(v, np.float32) for v in values], axis=1)


def shape_outputs(clusters: Columns, calorimeter: Calorimeter) -> Columns:
    """Return outputs of the model from columns of clusters."""
    cell = cell_size(clusters["x"], clusters["y"], calorimeter)
    width = [np.sqrt(np.maximum(clusters[f"spread_{a}"], 0.0)) / cell for a in ("xx", "yy")]
    width = [np.where(w < _TINY, 0.0, w) for w in width]
    both = width[0] * width[1]
    correlation = np.where(both > 0, clusters["spread_xy"] / cell**2 / np.maximum(both, _TINY**2), 0.0)
    values = [
        *(clusters["n_cells"], clusters["E19"], *width, np.clip(correlation, -1, 1)),
        *(np.log1p(clusters[f"E_{part}"]) for part in ("spd", "prs", "hcal")),
        clusters["is_merged_pi0"],
    ]
    return {n: np.asarray(v, np.float64) for n, v in zip(SHAPE_OUTPUTS, values, strict=True)}


def shape_columns(clusters: Columns, outputs: NDArray[Any], calorimeter: Calorimeter) -> Columns:
    """Columns of clusters from the outputs of the model: the inverse of :func:`shape_outputs`."""
    cell = cell_size(clusters["x"], clusters["y"], calorimeter)
    y = {n: np.asarray(outputs[:, i], np.float64) for i, n in enumerate(SHAPE_OUTPUTS)}
    width = [np.maximum(y[f"width_{a}"], 0.0) * cell for a in "xy"]
    deposits = {f"E_{p}": np.expm1(np.clip(y[f"log_{p}"], 0.0, 14.0)) for p in ("spd", "prs", "hcal")}
    return {
        "n_cells": np.clip(np.rint(y["n_cells"]), 1, None).astype(np.int32),
        "E19": np.clip(y["E19"], 0.0, 1.0),
        "spread_xx": width[0] ** 2,
        "spread_yy": width[1] ** 2,
        "spread_xy": np.clip(y["correlation"], -1, 1) * width[0] * width[1],
        **deposits,
        "is_merged_pi0": y["merged"] > 0.5,
    }

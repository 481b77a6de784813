"""What clusters look like, given what they are made of: conditions and outputs of the model ``ecal_shape``.

One model for all learned engines: they say where clusters are, how energetic, and whose; it draws number of
cells, moments, share of the highest cell, what preshower, SPD and HCAL see, how much of the cluster is its
owner's, and whether a track that flash simulation does not make points to it.

Left and right, and up and down, are alike: everything is given, and drawn, as if a cluster lay at x, y > 0.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal.columns import Columns, Kind
from lamarr.parametrizations.ecal.company import COMPANY, company
from lamarr.parametrizations.ecal.queries import owners_place
from lamarr.parametrizations.ecal.tokens import TOKEN_FEATURES, cell_size

__all__ = [
    "SHAPE_INPUTS",
    "SHAPE_OUTPUTS",
    "regions",
    "shape_columns",
    "shape_conditions",
    "shape_outputs",
    "side",
]

SHAPE_INPUTS: Final = (
    *("log_energy", "radius", "is_outer", "is_middle", "is_inner", "sin_x", "cos_x", "sin_y", "cos_y"),
    *("log_ratio", "log_distance", *(f"is_{kind.name.lower()}" for kind in Kind), "ownerless"),
    *("influence", "near_0", "log_ratio_0", "showers_0", *COMPANY),
)

SHAPE_OUTPUTS: Final = (
    *("merged", "other_track", "line", "n_cells", "E19", "width_x", "width_y", "correlation"),
    *("log_spd", "log_prs", "log_hcal", "share"),
)
"""``merged`` and ``other_track`` 0 or 1; ``line``: 1 a column of cells, 2 a row, 0 neither; widths in cells;
logarithms of 1 + energy / MeV; ``share`` of the cluster that is its owner's."""

_TINY: Final = 1e-3
"""Width in cells below which a cluster is a single row of cells."""

SPD_STEP: Final = 0.125
"""MeV: digits of the SPD."""


def side(v: NDArray[Any]) -> NDArray[np.float64]:
    """Return −1 where v < 0, else 1."""
    return np.where(v < 0, -1.0, 1.0)


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
    """Conditions (m, len(SHAPE_INPUTS)) of clusters (event_id, x, y, energy) with their owners' tokens.

    Parameters
    ----------
    clusters : columns
        All clusters of their events, sorted by event.
    sources : columns
        Source objects.
    tokens : array (sources, features)
    owner : array (m,)
        Row among the sources, −1: nobody.
    calorimeter : Calorimeter
    """
    x, y, energy = (clusters[c] for c in ("x", "y", "energy"))
    mine, own_x, own_y, own_cell, own_energy = owners_place(sources, owner, calorimeter)
    cell = cell_size(x, y, calorimeter)
    region = regions(x, y, calorimeter)
    token = np.zeros((len(owner), len(TOKEN_FEATURES)), np.float32)
    token[mine] = tokens[owner[mine]]
    names = ("influence", "near_0", "log_ratio_0", "showers_0")
    of = {name: token[:, TOKEN_FEATURES.index(name)] for name in names}
    kinds = [mine & (token[:, TOKEN_FEATURES.index(f"is_{kind.name.lower()}")] > 0.5) for kind in Kind]
    ratio = np.clip(np.log(energy / own_energy), -6, 3)
    values = [
        *(np.log(energy / 1000), np.hypot(x, y) / 1000, region == 0, region == 1, region == 2),
        *(f(2 * np.pi * np.abs(v) / cell) for v in (x, y) for f in (np.sin, np.cos)),
        np.where(mine, ratio, 0.0),
        np.where(mine, np.log(0.05 + np.hypot(x - own_x, y - own_y) / own_cell), 0.0),
        *kinds,
        ~mine,
        *of.values(),
        *company(clusters, cell, side(x), side(y)),
    ]
    return np.stack([np.asarray(v, np.float32) for v in values], axis=1)


def shape_outputs(clusters: Columns, calorimeter: Calorimeter) -> Columns:
    """Return outputs of the model from columns of clusters: all but ``other_track`` and ``share``."""
    cell = cell_size(clusters["x"], clusters["y"], calorimeter)
    width = [np.sqrt(np.maximum(clusters[f"spread_{a}"], 0.0)) / cell for a in ("xx", "yy")]
    width = [np.where(w < _TINY, 0.0, w) for w in width]
    both = width[0] * width[1]
    moment = clusters["spread_xy"] * side(clusters["x"]) * side(clusters["y"])
    correlation = np.where(both > 0, moment / cell**2 / np.maximum(both, _TINY**2), 0.0)
    single = np.asarray(clusters["n_cells"]) == 1
    line = np.where(single, 0, np.where(width[0] == 0, 1, np.where(width[1] == 0, 2, 0)))
    values = {
        "merged": clusters["is_merged_pi0"],
        "line": line,
        "n_cells": clusters["n_cells"],
        "E19": clusters["E19"],
        "width_x": width[0],
        "width_y": width[1],
        "correlation": np.clip(correlation, -1, 1),
        **{f"log_{part}": np.log1p(clusters[f"E_{part}"]) for part in ("spd", "prs", "hcal")},
    }
    return {n: np.asarray(v, np.float64) for n, v in values.items()}


def shape_columns(clusters: Columns, outputs: NDArray[Any], calorimeter: Calorimeter) -> Columns:
    """Columns of clusters from the outputs of the model: the inverse of :func:`shape_outputs`.

    A cluster of one cell has no width, and its cell all the energy; a line of cells has no width across.
    """
    cell = cell_size(clusters["x"], clusters["y"], calorimeter)
    y = {n: np.asarray(outputs[:, i], np.float64) for i, n in enumerate(SHAPE_OUTPUTS)}
    n_cells = np.clip(np.rint(y["n_cells"]), 1, None).astype(np.int32)
    single, line = n_cells == 1, np.rint(y["line"])
    flat = [single | (line == k) for k in (1, 2)]
    width = [
        np.where(f, 0.0, np.maximum(y[f"width_{a}"], 0.0)) * cell for f, a in zip(flat, "xy", strict=True)
    ]
    correlation = np.clip(y["correlation"], -1, 1) * side(clusters["x"]) * side(clusters["y"])
    deposits = {p: np.expm1(np.clip(y[f"log_{p}"], 0.0, 14.0)) for p in ("spd", "prs", "hcal")}
    deposits["spd"] = SPD_STEP * np.rint(deposits["spd"] / SPD_STEP)
    return {
        "n_cells": n_cells,
        "E19": np.where(single, 1.0, np.clip(y["E19"], 0.0, 1.0)),
        "spread_xx": width[0] ** 2,
        "spread_yy": width[1] ** 2,
        "spread_xy": correlation * width[0] * width[1],
        **{f"E_{p}": v for p, v in deposits.items()},
        "is_merged_pi0": y["merged"] > 0.5,
        "other_track": y["other_track"] > 0.5,
    }

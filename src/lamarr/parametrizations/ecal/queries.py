"""Clusters as the learned engines draw them: who owns each, and where it lies relative to its owner.

The owner of a cluster is one of the sources in it, or nobody. Features are distances in cells and the
logarithm of the energy ratio, through asinh, so that resolutions are of order one and showers far away
still fit:

    t = asinh(Δx / s cell), asinh(Δy / s cell), asinh(ln(E / E_owner) / s),    s = 0.15

and without an owner x and y in metres, ln(E / GeV).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.tokens import TOKEN_FEATURES, cell_size, on_plane

__all__ = [
    "CLUSTERS",
    "MOST_OWNED",
    "QUERY_FEATURES",
    "SOURCES",
    "TARGETS",
    "cluster_columns",
    "counts_columns",
    "features_of",
    "needed_models",
    "owners_place",
    "places_of",
    "queries",
]

Floats = NDArray[np.float64]

SOURCES: Final = 144
"""Sources of a unit, at most."""

CLUSTERS: Final = 144
"""Clusters of a unit, at most."""

MOST_OWNED: Final = 3
"""Clusters that one source owns, at most; what it leaves besides is nobody's."""

SCALE: Final = 0.15
FARTHEST: Final = 9.0

QUERY_FEATURES: Final = (
    *TOKEN_FEATURES,
    *(f"rank_{k}" for k in range(MOST_OWNED)),
    *(f"of_{k + 1}" for k in range(MOST_OWNED)),
    "ownerless",
)
"""Names of the numbers of a query: the token of the owner, rank and number of its clusters."""

TARGETS: Final = ("x", "y", "energy")


def _side_by_side(letter: str, most: int, names: tuple[str, ...]) -> list[str]:
    return [f"{letter}{i}_{name}" for i in range(most) for name in names]


def counts_columns() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that models of the numbers of clusters take and give."""
    inputs = ["n", *_side_by_side("s", SOURCES, TOKEN_FEATURES)]
    return tuple(inputs), (*(f"s{i}_clusters" for i in range(SOURCES)), "ownerless")


def cluster_columns(draws: int = 1) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that models of clusters take and give, for several draws of each cluster."""
    inputs = [*counts_columns()[0], "m", *_side_by_side("c", CLUSTERS, QUERY_FEATURES)]
    each = (*TARGETS, *(f"{name}_{k}" for k in range(1, draws) for name in TARGETS))
    return tuple(inputs), tuple(_side_by_side("c", CLUSTERS, each))


def needed_models(name: str) -> tuple[str, ...]:
    """Models that a set must have for the engine `name`."""
    return (f"ecal_{name}_counts", f"ecal_{name}", "ecal_shape")


def queries(
    tokens: NDArray[np.float32], owner: NDArray[Any], rank: NDArray[Any], number: NDArray[Any]
) -> NDArray[np.float32]:
    """Return queries (m, len(QUERY_FEATURES)) of clusters with `owner` (row of `tokens`, −1: nobody).

    `rank` counts the clusters of an owner from 0, by energy; `number` (m,) says how many it has.
    """
    result = np.zeros((len(owner), len(QUERY_FEATURES)), np.float32)
    mine = owner >= 0
    width, k = len(TOKEN_FEATURES), np.arange(MOST_OWNED)
    result[mine, :width] = tokens[owner[mine]]
    result[:, width : width + MOST_OWNED] = mine[:, None] & (rank[:, None] == k)
    result[:, width + MOST_OWNED : -1] = mine[:, None] & (number[:, None] == k + 1)
    result[:, -1] = ~mine
    return result


def owners_place(
    sources: Columns, owner: NDArray[Any], calorimeter: Calorimeter
) -> tuple[NDArray[np.bool_], Floats, Floats, Floats, Floats]:
    """Which clusters have an owner; of it x, y on the plane (mm), size of its cells (mm), energy (MeV)."""
    mine = owner >= 0
    if not len(sources["x"]):
        nothing = np.zeros(len(owner))
        return mine, nothing, nothing, nothing + 1.0, nothing + 1.0
    x, y = on_plane(sources, calorimeter)
    at = np.where(mine, owner, 0)
    return mine, x[at], y[at], cell_size(x, y, calorimeter)[at], sources["energy"][at]


def features_of(
    clusters: Columns, sources: Columns, owner: NDArray[Any], calorimeter: Calorimeter
) -> NDArray[np.float32]:
    """Features (m, 3) of clusters (columns x, y, energy) with their `owner` among the sources, or −1."""
    mine, x, y, cell, energy = owners_place(sources, owner, calorimeter)
    s = SCALE * cell
    owned = [
        np.arcsinh((clusters["x"] - x) / s),
        np.arcsinh((clusters["y"] - y) / s),
        np.arcsinh(np.log(clusters["energy"] / energy) / SCALE),
    ]
    free = [clusters["x"] / 1000, clusters["y"] / 1000, np.log(clusters["energy"] / 1000)]
    result: Floats = np.stack([np.where(mine, a, b) for a, b in zip(owned, free, strict=True)], axis=1)
    return result.astype(np.float32)


def places_of(
    features: NDArray[Any], sources: Columns, owner: NDArray[Any], calorimeter: Calorimeter
) -> Columns:
    """Columns x, y (mm), energy (MeV) of clusters from their features: the inverse of :func:`features_of`."""
    mine, x, y, cell, energy = owners_place(sources, owner, calorimeter)
    t = np.clip(np.asarray(features, np.float64), -FARTHEST, FARTHEST)
    s = SCALE * cell
    owned = [
        x + s * np.sinh(t[:, 0]),
        y + s * np.sinh(t[:, 1]),
        energy * np.exp(np.clip(SCALE * np.sinh(t[:, 2]), -10.0, 3.0)),
    ]
    free = [1000 * t[:, 0], 1000 * t[:, 1], 1000 * np.exp(t[:, 2])]
    return {n: np.where(mine, a, b) for n, a, b in zip(TARGETS, owned, free, strict=True)}

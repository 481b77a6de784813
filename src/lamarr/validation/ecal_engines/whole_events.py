"""Whole events: distributions in classes of occupancy, the map of clusters, and the floors of both."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.ecal import Columns
from lamarr.parametrizations.ecal.pairs import pairs_between
from lamarr.validation.metrics import kolmogorov

__all__ = [
    "BINS",
    "CLASSES",
    "VARIABLES",
    "class_of",
    "distributions",
    "event_numbers",
    "histograms",
    "nearest",
    "occupancy",
]

Floats = NDArray[np.float64]

CLASSES: Final = ("few", "some", "many")
BORDERS: Final = (40, 100)
"""Sources of an event that separate the classes."""

VARIABLES: Final = ("clusters", "energy_sum", "energy", "x", "y", "nearest")

BINS: Final = {
    "clusters": np.linspace(0, 250, 26),
    "energy_sum": np.geomspace(2e3, 5e6, 31),
    "energy": np.geomspace(200, 3e5, 41),
    "x": np.linspace(-3900, 3900, 40),
    "y": np.linspace(-3200, 3200, 33),
    "nearest": np.geomspace(30, 3000, 41),
}
"""Of the histograms that are drawn."""

_SPLITS: Final = 8
_FEWEST: Final = 10
"""Events that a class must have to be asked about."""

MAP_EDGES: Final = (np.linspace(-3900, 3900, 21), np.linspace(-3170, 3170, 17))


def class_of(sources: Columns, events: NDArray[Any]) -> NDArray[np.int64]:
    """Class (events,) of each event."""
    n = np.bincount(np.searchsorted(events, sources["event_id"]), minlength=len(events))
    return np.searchsorted(BORDERS, n, side="right")


def nearest(clusters: Columns) -> Floats:
    """Distance (mm) of every cluster to the nearest one of its event; infinite if it is alone."""
    event = clusters["event_id"]
    a, b = pairs_between(event, event)
    d = np.hypot(clusters["x"][a] - clusters["x"][b], clusters["y"][a] - clusters["y"][b])
    d[a == b] = np.inf
    result = np.full(len(event), np.inf)
    np.minimum.at(result, a, d)
    return result


def distributions(clusters: Columns, events: NDArray[Any]) -> tuple[Columns, dict[str, NDArray[Any]]]:
    """Return the variables, and the row of the event that each of their values belongs to."""
    row = np.searchsorted(events, clusters["event_id"])
    number = np.bincount(row, minlength=len(events)).astype(float)
    total = np.bincount(row, clusters["energy"], minlength=len(events))
    near = nearest(clusters)
    some = np.isfinite(near)
    values = {
        "clusters": number,
        "energy_sum": total,
        **{v: clusters[v] for v in ("energy", "x", "y")},
        "nearest": near[some],
    }
    every = np.arange(len(events))
    rows = {**dict.fromkeys(("clusters", "energy_sum"), every), **dict.fromkeys(("energy", "x", "y"), row)}
    return values, {**rows, "nearest": row[some]}


def histograms(clusters: Columns, events: NDArray[Any]) -> dict[str, list[int]]:
    """Entries of :data:`BINS` of every variable."""
    values, _ = distributions(clusters, events)
    return {v: np.histogram(values[v], BINS[v])[0].tolist() for v in VARIABLES}


def event_numbers(
    reference: Columns, drawn: Columns, events: NDArray[Any], of: NDArray[Any], seed: int = 1
) -> dict[str, dict[str, dict[str, float]]]:
    """Class → variable → KS distance and its floor: what random halves of the reference give, over √2.

    Classes with fewer than ten events have no numbers.
    """
    a, rows_a = distributions(reference, events)
    b, rows_b = distributions(drawn, events)
    rng = np.random.Generator(np.random.Philox(key=seed))
    halves = [rng.random(len(events)) < 0.5 for _ in range(_SPLITS)]
    result: dict[str, dict[str, dict[str, float]]] = {}
    for k, name in enumerate(CLASSES):
        inside = of == k
        result[name] = {}
        if inside.sum() < _FEWEST:
            continue
        for v in VARIABLES:
            mine = inside[rows_a[v]]
            x, row = a[v][mine], rows_a[v][mine]
            floor = np.mean([kolmogorov(x[h[row]], x[~h[row]]) for h in halves]) / np.sqrt(2)
            ks = kolmogorov(x, b[v][inside[rows_b[v]]])
            result[name][v] = {"ks": float(ks), "floor": float(floor)}
    return result


def _map(clusters: Columns) -> Floats:
    return np.histogram2d(clusters["x"], clusters["y"], bins=MAP_EDGES)[0]


def occupancy(reference: Columns, drawn: Columns, events: NDArray[Any], seed: int = 1) -> dict[str, Any]:
    """Mean |difference| of the maps of clusters per event over their mean, its floor, and the maps."""
    a, b = _map(reference), _map(drawn)
    rng = np.random.Generator(np.random.Philox(key=seed))
    row = np.searchsorted(events, reference["event_id"])
    floors = []
    for _ in range(_SPLITS):
        half = (rng.random(len(events)) < 0.5)[row]
        one = _map({c: reference[c][half] for c in "xy"})
        other = a - one
        floors.append(np.abs(one / one.sum() - other / other.sum()).sum() / np.sqrt(2))
    return {
        "difference": float(np.abs(a - b).sum() / a.sum()),
        "floor": float(np.mean(floors)),
        "maps": (a / len(events), b / len(events)),
    }

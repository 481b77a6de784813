"""What learned engines see of a source object: numbers of order one, and its most influential neighbours.

A token starts with the place in metres. Neighbours are ranked by their influence, ln(w E'/w E) − d / cell:
what leaks from them to here, compared with what is here. All of it is arithmetic with fixed constants.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal.columns import Columns, Kind

__all__ = ["NEIGHBOURS", "TOKEN_FEATURES", "cell_size", "expected_deposit", "on_plane", "tokens", "units_of"]

Floats = NDArray[np.float64]

NEIGHBOURS: Final = 4
"""Neighbours in a token."""

FAINT: Final = -6.0
"""Influence below which a neighbour is none."""

_OF_NEIGHBOUR: Final = ("dx", "dy", "log_ratio", "harder", "near", "showers")

TOKEN_FEATURES: Final = (
    *("x", "y", "log_energy"),
    *(f"is_{kind.name.lower()}" for kind in Kind),
    *("is_outer", "is_middle", "is_inner"),
    *("sin_x", "cos_x", "sin_y", "cos_y"),
    *("kick_x", "z_origin", "to_hole", "to_edge"),
    *("log_number", "log_sum", "influence"),
    *(f"{what}_{k}" for k in range(NEIGHBOURS) for what in _OF_NEIGHBOUR),
)
"""Names of the numbers of a token."""

_WEIGHT: Final = np.array([1.0, 1.0, 0.3, 0.3, 0.0])
_MUON: Final = 350.0
_PAIRS: Final = 100_000
"""Pairs at a time: few enough to stay near the processor."""


def expected_deposit(kind: NDArray[Any], energy: Floats) -> Floats:
    """Roughly what a particle leaves in the ECAL (MeV): all of it, 30 % for hadrons, 350 MeV for muons."""
    result: Floats = np.where(kind == Kind.MUON, np.minimum(energy, _MUON), _WEIGHT[kind] * energy)
    return result


def cell_size(x: Floats, y: Floats, calorimeter: Calorimeter) -> Floats:
    """Size (mm) of the cells at a place; those of the nearest region for places outside."""
    size = np.full(np.shape(x), calorimeter.module / calorimeter.regions[0].cells)
    for region in calorimeter.regions[1:]:
        half_x, half_y = region.half_x * calorimeter.module, region.half_y * calorimeter.module
        size = np.where((np.abs(x) < half_x) & (np.abs(y) < half_y), calorimeter.module / region.cells, size)
    return size


def on_plane(sources: Columns, calorimeter: Calorimeter) -> tuple[Floats, Floats]:
    """Where the sources' ways cross the plane in which positions of clusters are given, mm."""
    ecal = calorimeter.ecal
    dz = ecal.plane - ecal.shower_max
    return sources["x"] + dz * sources["tx"], sources["y"] + dz * sources["ty"]


def tokens(sources: Columns, calorimeter: Calorimeter) -> NDArray[np.float32]:
    """Tokens (n, len(TOKEN_FEATURES)) of source objects, which are sorted by event."""
    x, y = on_plane(sources, calorimeter)
    cell = cell_size(x, y, calorimeter)
    energy, kind = sources["energy"], sources["kind"]
    _, event, number = np.unique(sources["event_id"], return_inverse=True, return_counts=True)
    total = np.bincount(event, energy)
    deposit = expected_deposit(kind, energy)
    alone = [
        *(x / 1000, y / 1000, (np.log(energy / 1000) - 1) / 1.5),
        *(kind == k for k in Kind),
        *(np.isclose(cell, calorimeter.module / region.cells) for region in calorimeter.regions),
        *(f(2 * np.pi * v / cell) for v in (x, y) for f in (np.sin, np.cos)),
        np.arcsinh((x - sources["x_line"]) / 200),
        np.arcsinh(sources["z_origin"] / 500) / 2,
        *_borders(x, y, cell, calorimeter),
        np.log1p(number)[event] / 2 - 2,
        np.log(total / 1e5)[event] / 2,
    ]
    near = _neighbours(number, x, y, cell, deposit, kind)
    return np.concatenate([np.stack(alone, axis=1), near], axis=1).astype(np.float32)


def _borders(x: Floats, y: Floats, cell: Floats, calorimeter: Calorimeter) -> tuple[Floats, Floats]:
    """Distance to the beam hole and to the outer edge in cells, squeezed; negative in hole and outside."""
    outer, module = calorimeter.regions[0], calorimeter.module
    hole = np.maximum(np.abs(x) - calorimeter.hole[0] * module, np.abs(y) - calorimeter.hole[1] * module)
    edge = np.minimum(outer.half_x * module - np.abs(x), outer.half_y * module - np.abs(y))
    return np.tanh(hole / cell / 3), np.tanh(edge / cell / 3)


def _neighbours(
    number: NDArray[Any], x: Floats, y: Floats, cell: Floats, deposit: Floats, kind: NDArray[Any]
) -> Floats:
    """Total influence, and the numbers of the most influential neighbours (n, 1 + 6 NEIGHBOURS)."""
    result = np.zeros((len(x), 1 + len(_OF_NEIGHBOUR) * NEIGHBOURS))
    first = np.concatenate([[0], np.cumsum(number)[:-1]])
    for events in _groups(number):
        most = int(number[events].max(initial=0))
        rows = first[events][:, None] + np.arange(most)[None]
        there = np.arange(most)[None] < number[events][:, None]
        rows = np.where(there, rows, 0)
        result[rows[there]] = _near(rows, there, x, y, cell, deposit, kind)[there]
    return result


def _groups(number: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Events of similar size at a time, a bounded number of pairs in each."""
    order = np.argsort(number, kind="stable")
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * int(number[order[end]]) ** 2 <= _PAIRS:
            end += 1
        yield order[start:end]
        start = end


def _near(rows: NDArray[Any], there: NDArray[Any], *columns: NDArray[Any]) -> Floats:
    x, y, cell, deposit, kind = (c[rows] for c in columns)
    log_deposit = np.where(there, np.log(deposit), -np.inf)
    influence = x[:, None, :] - x[:, :, None]
    influence *= influence
    dy = y[:, None, :] - y[:, :, None]
    influence += dy * dy
    np.sqrt(influence, out=influence)
    influence /= -cell[:, :, None]
    influence += log_deposit[:, None, :]
    influence -= np.log(deposit)[:, :, None]
    influence[:, np.arange(rows.shape[1]), np.arange(rows.shape[1])] = -np.inf
    total = np.log1p(np.exp(np.minimum(influence, 30.0)).sum(axis=2))
    k = min(NEIGHBOURS, rows.shape[1])
    best = _highest(influence, k)
    event = np.arange(len(rows))[:, None, None]
    dx, dy = ((v[event, best] - v[:, :, None]) / cell[:, :, None] for v in (x, y))
    real = np.take_along_axis(influence, best, axis=2)
    ratio = np.log(deposit)[event, best] - np.log(deposit)[:, :, None]
    numbers = [
        np.arcsinh(2 * dx),
        np.arcsinh(2 * dy),
        ratio / 2,
        ratio > 0,
        (real - FAINT) / 4,
        (kind <= Kind.ELECTRON)[event, best],
    ]
    each = np.stack([np.where(real > FAINT, v, 0.0) for v in numbers], axis=-1)
    result = np.zeros((*rows.shape, 1 + len(_OF_NEIGHBOUR) * NEIGHBOURS))
    result[..., 0] = total
    result[..., 1 : 1 + len(_OF_NEIGHBOUR) * k] = each.reshape(*rows.shape, -1)
    return result


def _highest(values: Floats, k: int) -> NDArray[np.int64]:
    """Return places of the `k` highest values of the last axis, highest first, of equal ones the first."""
    if values.shape[2] <= k:
        return np.argsort(-values, axis=2, kind="stable")
    some = np.sort(np.argpartition(values, values.shape[2] - k, axis=2)[:, :, -k:], axis=2)
    order = np.argsort(-np.take_along_axis(values, some, axis=2), axis=2, kind="stable")
    return np.take_along_axis(some, order, axis=2)


def units_of(sources: Columns, most: int) -> NDArray[np.int64]:
    """Return the unit (n,) of every source in its event: 0, or more if an event has more than `most`.

    A larger event is cut through the median of its longer side, as often as it takes, so that neighbours stay
    together but for those at a cut.
    """
    result = np.zeros(len(sources["event_id"]), np.int64)
    _, first, number = np.unique(sources["event_id"], return_index=True, return_counts=True)
    for start, n in zip(first[number > most], number[number > most], strict=True):
        parts = [np.arange(start, start + n)]
        while max(map(len, parts)) > most:
            large = parts.pop(int(np.argmax([len(p) for p in parts])))
            x, y = sources["x"][large], sources["y"][large]
            order = np.argsort(x if np.ptp(x) > np.ptp(y) else y, kind="stable")
            parts += [np.sort(large[order[: len(large) // 2]]), np.sort(large[order[len(large) // 2 :]])]
        for unit, part in enumerate(sorted(parts, key=lambda p: int(p[0]))):
            result[part] = unit
    return result

"""Runs the two models of a learned engine on the units of a batch: numbers of clusters, then the clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.events.counting import number_in_event
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.queries import (
    CLUSTERS,
    QUERY_FEATURES,
    SOURCES,
    TARGETS,
    places_of,
    queries,
)
from lamarr.parametrizations.ecal.separation import crowded, merged_into
from lamarr.parametrizations.ecal.tokens import TOKEN_FEATURES, cell_size, units_of
from lamarr.random import Stream

__all__ = ["Clusters", "Drawing"]

_UNITS: Final = 64
"""Units at a time: 4 MB of conditions."""

_PASSES: Final = 64
"""More passes over the clusters of a unit than there will be; part of the key of the random numbers."""


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Clusters of some events, in the order of events, then by energy.

    Attributes
    ----------
    columns : dict of str to array (m,)
        event_id, x, y (mm), energy (MeV).
    owner : array (m,)
        Row of the source, −1: nobody.
    owned : array (sources,)
        Clusters of each source, mergers counted once.
    flagged : array of bool (sources,)
        Sources of units with more clusters than the model was trained on; they were drawn in several passes.
    """

    columns: Columns
    owner: NDArray[np.int64]
    owned: NDArray[np.int64]
    flagged: NDArray[np.bool_]


class _Units:
    """Units of a batch: which sources are where."""

    def __init__(self, sources: Columns) -> None:
        number = sources["event_id"] * 1024 + units_of(sources, SOURCES)
        key, self.of = np.unique(number, return_inverse=True)
        self.event, self.number = key // 1024, key % 1024
        self.n = np.bincount(self.of, minlength=len(key))
        order = np.argsort(self.of, kind="stable")
        self.place = np.empty(len(order), np.int64)
        first = np.concatenate([[0], np.cumsum(self.n)[:-1]])
        self.place[order] = np.arange(len(order)) - np.repeat(first, self.n)

    def __len__(self) -> int:
        return len(self.n)


class Drawing:
    """Numbers of clusters and clusters of source objects.

    Parameters
    ----------
    counts, clusters : running models
    stage : str
        Of the random numbers.
    calorimeter : Calorimeter
    attempts : int
        How often clusters that are too near to others are drawn again before they are merged.
    """

    def __init__(
        self, counts: Any, clusters: Any, stage: str, calorimeter: Calorimeter, attempts: int
    ) -> None:
        self.counts, self.clusters, self.stage, self.calorimeter = counts, clusters, stage, calorimeter
        self.attempts = attempts

    def __call__(self, sources: Columns, token: NDArray[np.float32], seed: int) -> Clusters:
        """Draw the clusters of sources (sorted by event) with their tokens."""
        units = _Units(sources)
        owned, free = self._numbers(units, token, seed)
        owner, unit, rank = _listed(units, owned, free)
        query = queries(token, owner, rank, np.where(owner >= 0, owned[np.maximum(owner, 0)], 0))
        event = units.event[unit]
        threshold = self._thresholds(event, seed)
        again = np.arange(len(unit))
        columns: Columns = {"event_id": event, **{k: np.zeros(len(unit)) for k in TARGETS}}
        for attempt in range(1 + self.attempts):
            new = self._places(units, token, unit, query, seed, attempt, again, sources, owner)
            for k in TARGETS:
                columns[k][again] = new[k]
            into = crowded(columns, threshold, self.calorimeter)
            again = np.flatnonzero(into >= 0)
            if not len(again):
                break
        columns, stay = merged_into(columns, into)
        several = np.bincount(unit, minlength=len(units)) > CLUSTERS
        rows = np.flatnonzero(stay)
        order = rows[np.lexsort((-columns["energy"][rows], event[rows]))]
        kept = owner[order]
        return Clusters(
            columns={k: v[order] for k, v in columns.items()},
            owner=kept,
            owned=np.bincount(kept[kept >= 0], minlength=len(token)),
            flagged=several[units.of],
        )

    def _thresholds(self, event: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
        """Uniform numbers (m,) of clusters, sorted by event."""
        number = number_in_event(event)
        return Stream(seed, f"{self.stage}.distance").uniform(event, number)[:, 0]

    def _places(
        self,
        units: _Units,
        token: NDArray[np.float32],
        unit: NDArray[Any],
        query: NDArray[np.float32],
        seed: int,
        attempt: int,
        rows: NDArray[np.int64],
        sources: Columns,
        owner: NDArray[np.int64],
    ) -> Columns:
        """Places and energies of some clusters; units without any of them are not drawn again."""
        mine = np.flatnonzero(np.isin(unit, unit[rows])) if attempt else rows
        stage = f"{self.stage}.{attempt}" if attempt else self.stage
        features = np.zeros((len(unit), len(TARGETS)), np.float32)
        features[mine] = self._features(units, token, unit[mine], query[mine], seed, stage)
        place = places_of(features[rows], sources, owner[rows], self.calorimeter)
        place["x"], place["y"] = into_area(place["x"], place["y"], self.calorimeter)
        return place

    def _tokens(self, units: _Units, token: NDArray[np.float32], these: NDArray[Any]) -> NDArray[np.float32]:
        """Conditions (units, 1 + SOURCES features): how many sources, and their tokens side by side."""
        rows = np.flatnonzero(np.isin(units.of, these))
        at = np.searchsorted(these, units.of[rows])
        x = np.zeros((len(these), SOURCES, len(TOKEN_FEATURES)), np.float32)
        x[at, units.place[rows]] = token[rows]
        n = units.n[these].astype(np.float32)[:, None]
        return np.concatenate([n, x.reshape(len(these), -1)], axis=1)

    def _numbers(
        self, units: _Units, token: NDArray[np.float32], seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Clusters of every source, and of nobody in every unit."""
        owned, free = np.zeros(len(token), np.int64), np.zeros(len(units), np.int64)
        for a in range(0, len(units), _UNITS):
            these = np.arange(a, min(a + _UNITS, len(units)))
            y = self.counts.seeded(
                self._tokens(units, token, these),
                seed=seed,
                stage=f"{self.stage}.counts",
                event=units.event[these],
                particle=units.number[these],
            )
            rows = np.flatnonzero((units.of >= these[0]) & (units.of <= these[-1]))
            owned[rows] = np.rint(y[units.of[rows] - a, units.place[rows]])
            free[these] = np.clip(np.ceil(y[:, -1] - 0.5), 0, CLUSTERS)
        return owned, free

    def _features(
        self,
        units: _Units,
        token: NDArray[np.float32],
        unit: NDArray[Any],
        query: NDArray[np.float32],
        seed: int,
        stage: str,
    ) -> NDArray[np.float32]:
        """Features (m, 3) of clusters, sorted by unit; units with more than CLUSTERS take several passes."""
        position = number_in_event(unit)
        row_key, row = np.unique(unit * _PASSES + position // CLUSTERS, return_inverse=True)
        result = np.empty((len(unit), len(TARGETS)), np.float32)
        for a in range(0, len(row_key), _UNITS):
            rows = np.arange(a, min(a + _UNITS, len(row_key)))
            mine = np.flatnonzero((row >= a) & (row <= rows[-1]))
            of, passes = row_key[rows] // _PASSES, row_key[rows] % _PASSES
            these, again = np.unique(of, return_inverse=True)
            x = np.zeros((len(rows), CLUSTERS, len(QUERY_FEATURES)), np.float32)
            at = (row[mine] - a, position[mine] % CLUSTERS)
            x[at] = query[mine]
            m = np.bincount(row[mine] - a, minlength=len(rows)).astype(np.float32)[:, None]
            y = self.clusters.seeded(
                np.concatenate(
                    [self._tokens(units, token, these)[again], m, x.reshape(len(rows), -1)], axis=1
                ),
                seed=seed,
                stage=stage,
                event=units.event[of],
                particle=units.number[of] * _PASSES + passes,
            )
            result[mine] = y.reshape(len(rows), CLUSTERS, -1)[at]
        return result


def _listed(
    units: _Units, owned: NDArray[np.int64], free: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Owner, unit and rank of every cluster: by unit, hardest owners first, those of nobody at the end."""
    order = np.argsort(units.of, kind="stable")
    owner = np.repeat(order, owned[order])
    start = np.repeat(np.cumsum(owned[order]) - owned[order], owned[order])
    rank = np.arange(len(owner)) - start
    unit = np.concatenate([units.of[owner], np.repeat(np.arange(len(units)), free)])
    owner = np.concatenate([owner, np.full(int(free.sum()), -1)])
    rank = np.concatenate([rank, np.zeros(int(free.sum()), np.int64)])
    sort = np.argsort(unit, kind="stable")
    return owner[sort], unit[sort], rank[sort]


def into_area(
    x: NDArray[np.float64], y: NDArray[np.float64], calorimeter: Calorimeter
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move places outside of the calorimeter into its outermost cells, and those in the hole out of it."""
    module, outer = calorimeter.module, calorimeter.regions[0]
    x = np.clip(x, -(outer.half_x - 0.5) * module, (outer.half_x - 0.5) * module)
    y = np.clip(y, -(outer.half_y - 0.5) * module, (outer.half_y - 0.5) * module)
    half = 0.5 * cell_size(x, y, calorimeter)
    edge_x, edge_y = (h * module + half for h in calorimeter.hole)
    inside = (np.abs(x) < edge_x - half) & (np.abs(y) < edge_y - half)
    sideways = inside & (edge_x - np.abs(x) < edge_y - np.abs(y))
    x_out, y_out = (np.where(v >= 0, edge, -edge) for v, edge in ((x, edge_x), (y, edge_y)))
    return np.where(sideways, x_out, x), np.where(inside & ~sideways, y_out, y)

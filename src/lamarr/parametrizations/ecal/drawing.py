"""Runs the two models of a learned engine on the units of a batch: numbers of clusters, then the clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.events.counting import number_in_event
from lamarr.parametrizations.ecal.area import far_outside, into_area
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
from lamarr.parametrizations.ecal.tokens import TOKEN_FEATURES, units_of
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
        How often clusters that are too near to others, or far outside, are drawn again before they are
        merged, or moved inside. If the model gives several draws of a cluster, these are taken first.
    """

    def __init__(
        self, counts: Any, clusters: Any, stage: str, calorimeter: Calorimeter, attempts: int
    ) -> None:
        self.counts, self.clusters, self.stage, self.calorimeter = counts, clusters, stage, calorimeter
        self.attempts = attempts
        self.draws = len(clusters.outputs) // (CLUSTERS * len(TARGETS))

    def __call__(self, sources: Columns, token: NDArray[np.float32], seed: int) -> Clusters:
        """Draw the clusters of sources (sorted by event) with their tokens."""
        units = _Units(sources)
        owned, free = self._numbers(units, token, seed)
        owner, unit, rank = _listed(units, owned, free)
        query = queries(token, owner, rank, np.where(owner >= 0, owned[np.maximum(owner, 0)], 0))
        event = units.event[unit]
        threshold = self._thresholds(event, seed)
        again = np.arange(len(unit))
        outside = np.zeros(len(unit), bool)
        columns: Columns = {"event_id": event, **{k: np.zeros(len(unit)) for k in TARGETS}}
        features = np.zeros((len(unit), self.draws, len(TARGETS)), np.float32)
        for attempt in range(1 + self.attempts):
            number, k = divmod(attempt, self.draws)
            if not k:  # units without any of these clusters are not drawn again
                mine = np.flatnonzero(np.isin(unit, unit[again])) if attempt else again
                stage = f"{self.stage}.{number}" if number else self.stage
                features[mine] = self._features(units, token, unit[mine], query[mine], seed, stage)
            new = places_of(features[again, k], sources, owner[again], self.calorimeter)
            outside[again] = far_outside(new["x"], new["y"], self.calorimeter)
            x, y = into_area(new["x"], new["y"], self.calorimeter)
            for name, values in (("x", x), ("y", y), ("energy", new["energy"])):
                columns[name][again] = values
            into = crowded(columns, threshold, self.calorimeter)
            again = np.flatnonzero((into >= 0) | outside)
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
        """Features (m, draws, 3) of clusters, sorted by unit; more than CLUSTERS take several passes."""
        position = number_in_event(unit)
        row_key, row = np.unique(unit * _PASSES + position // CLUSTERS, return_inverse=True)
        result = np.empty((len(unit), self.draws, len(TARGETS)), np.float32)
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
            result[mine] = y.reshape(len(rows), CLUSTERS, self.draws, -1)[at]
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

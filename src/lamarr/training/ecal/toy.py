"""A made-up response of n photons and m clusters whose truth is known, to try engines and trainings on.

Photons come alone or in pairs. Of a pair at distance d the softer one is absorbed by the harder one with
probability 1 / (1 + exp((d − 60 mm) / 10 mm)): one cluster with both energies, at their centre of gravity.
A photon alone is found with probability 0.9, its energy smeared by 10 %/√E, its place by 5 mm. Besides, a
Poisson number of clusters (mean 3) belongs to nobody.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.ecal.columns import Columns

__all__ = ["EFFICIENCY", "FREE", "merged_probability", "toy_events"]

EFFICIENCY: Final = 0.9
FREE: Final = 3.0
RESOLUTION: Final = 0.1
PLACE: Final = 5.0
_HALF: Final = (3800.0, 3000.0)
_HOLE: Final = 400.0


def merged_probability(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that two photons at a distance (mm) give one cluster."""
    result: NDArray[np.float64] = 1 / (1 + np.exp((distance - 60.0) / 10.0))
    return result


def _photons(rng: np.random.Generator, events: int) -> Columns:
    pairs = rng.poisson(4, events) + 1
    event = np.repeat(np.arange(events), pairs)
    n = len(event)
    x = rng.uniform(_HOLE, _HALF[0], n) * rng.choice([-1, 1], n)
    y = rng.uniform(-_HALF[1], _HALF[1], n)
    angle, distance = rng.uniform(0, 2 * np.pi, n), rng.uniform(0, 200, n)
    energy = np.exp(rng.uniform(np.log(1000), np.log(30_000), (2, n)))
    both = {
        "event_id": np.repeat(event, 2),
        "pair": np.repeat(np.arange(n), 2),
        "x": np.stack([x, x + distance * np.cos(angle)], axis=1).ravel(),
        "y": np.stack([y, y + distance * np.sin(angle)], axis=1).ravel(),
        "energy": energy.T.ravel(),
    }
    alone = np.arange(2 * n) % 2 == 0
    keep = alone | (rng.random(2 * n) < 0.7)[np.arange(2 * n)]
    return {k: v[keep] for k, v in both.items()}


def toy_events(events: int, seed: int) -> tuple[Columns, Columns, NDArray[np.int64]]:
    """Make events: sources, clusters, and the owner of each cluster (row of the sources, −1: nobody)."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    p = _photons(rng, events)
    order = np.lexsort((-p["energy"], p["event_id"]))
    p = {k: v[order] for k, v in p.items()}
    n = len(order)
    by_pair = np.lexsort((-p["energy"], p["pair"]))
    second = np.concatenate([[False], p["pair"][by_pair][1:] == p["pair"][by_pair][:-1]])
    hard, soft = by_pair[np.flatnonzero(second) - 1], by_pair[second]
    distance = np.hypot(p["x"][hard] - p["x"][soft], p["y"][hard] - p["y"][soft])
    merged = rng.random(len(hard)) < merged_probability(distance)
    energy = p["energy"] * (1 + RESOLUTION * rng.normal(size=n) / np.sqrt(p["energy"] / 1000))
    energy = np.maximum(energy, 50.0)
    weight = [energy[hard[merged]], energy[soft[merged]]]
    place = {}
    for axis in "xy":
        place[axis] = p[axis] + PLACE * rng.normal(size=n)
        a, b = place[axis][hard[merged]], place[axis][soft[merged]]
        place[axis][hard[merged]] = (a * weight[0] + b * weight[1]) / (weight[0] + weight[1])
    energy[hard[merged]] += weight[1]
    found = rng.random(n) < EFFICIENCY
    found[soft[merged]] = False
    owner = np.flatnonzero(found)
    free = rng.poisson(FREE, events)
    k = int(free.sum())
    clusters = {
        "event_id": np.concatenate([p["event_id"][owner], np.repeat(np.arange(events), free)]),
        "x": np.concatenate([place["x"][owner], rng.uniform(-_HALF[0], _HALF[0], k)]),
        "y": np.concatenate([place["y"][owner], rng.uniform(-_HALF[1], _HALF[1], k)]),
        "energy": np.concatenate([energy[owner], np.exp(rng.normal(7.5, 0.5, k))]),
    }
    sort = np.argsort(clusters["event_id"], kind="stable")
    owners = np.concatenate([owner, np.full(k, -1)])[sort]
    return _columns(p), {c: v[sort] for c, v in clusters.items()}, owners


def _columns(p: Columns) -> Columns:
    n = len(p["x"])
    number = np.arange(n) - np.searchsorted(p["event_id"], p["event_id"])
    return {
        "event_id": p["event_id"].astype(np.int64),
        "particle_id": number.astype(np.int32),
        "kind": np.zeros(n, np.int8),
        **{c: p[c] for c in ("x", "y", "energy")},
        **{c: np.zeros(n) for c in ("tx", "ty", "z_origin")},
        "x_line": p["x"],
        "y_line": p["y"],
        "from_signal": np.zeros(n, bool),
    }

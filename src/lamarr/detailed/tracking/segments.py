"""Track segments in the VELO and in the T stations, found by following hits from seeds near the truth.

A seed is the true state at the first hit of a particle that left enough of them, moved at random by what a
pattern recognition knows when it begins to collect hits. From there on only the hits of the event count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.records import SimEvent
from lamarr.detailed.tracking.filter import follow_many
from lamarr.detailed.tracking.hits import Hits
from lamarr.detailed.tracking.planes import PHI, Planes, R
from lamarr.detailed.tracking.setup import Setup

__all__ = [
    "Segments",
    "Truth",
    "follow_from",
    "layers_of_tracks",
    "t_segments",
    "truth_states",
    "velo_segments",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

VELO_SEED: Final = np.array([0.02, 0.02, 3e-4, 3e-4])
"""Errors (mm, mm and slopes) of a seed in the VELO: what hits of 10 µm on three modules tell."""
T_SEED: Final = np.array([0.2, 3.0, 4e-4, 1e-3])
"""The same in the T stations, from three x hits and the stereo angle of 5°."""
Q_SEED: Final = 0.01  # relative error of q/p once VELO and T stations are matched
LARGEST: Final = 16.0  # χ² of a hit against the prediction
MISSING: Final = 4  # active VELO sensors in a row without a hit that end a track
LONGEST_VELO, LONGEST_T = 48, 40
MIN_R = MIN_PHI = 3
MIN_T_LAYERS: Final = 9


@dataclass(frozen=True, kw_only=True)
class Truth:
    """First (nearest to the beam) crossings of MC tracks with a detector: arrays (n,) and states (n, 5).

    `forwards` tells particles that fly along z from those that fly back.
    """

    track: Ints
    state: Floats
    z: Floats
    forwards: Bools


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Hits (n, longest) in order of flight, MC tracks that seeded them, states where they begin and end."""

    hits: Ints
    track: Ints
    start: Floats
    z_start: Floats
    end: Floats
    covariance: Floats
    z_end: Floats
    forwards: Bools

    def __len__(self) -> int:
        return len(self.track)

    def take(self, rows: Any) -> Segments:
        """Return some of them."""
        return Segments(**{name: value[rows] for name, value in vars(self).items()})


def layers_of_tracks(hits: Hits, planes: Planes, select: Bools) -> tuple[Ints, Ints]:
    """Pairs (MC track, layer) of clusters on the planes that `select` marks, each once, by track."""
    rows = np.nonzero(select[hits.plane])[0]
    owner = hits.owners[rows].ravel()
    layer = np.repeat(planes.layer[hits.plane[rows]], 2)
    pairs = np.unique(owner[owner >= 0] * 1024 + layer[owner >= 0])
    return pairs // 1024, pairs % 1024


def truth_states(event: SimEvent, low: int, high: int) -> Truth:
    """Find the true states (q/p in 1/GeV) of charged particles where they first cross low <= layer < high."""
    from lamarr.generation.charges import known_charges

    hits = event.hits[(event.hits["layer"] >= low) & (event.hits["layer"] < high)]
    hits = hits[np.lexsort((hits["t"], hits["track"]))]
    track, begin = np.unique(hits["track"], return_index=True)
    end = np.append(begin[1:], len(hits)) - 1
    first, last = hits[begin], hits[end] if len(hits) else hits
    rows = event.row_of_track(track)
    charge = known_charges(event.tracks["pid"][rows])[0].astype(np.float64) if len(track) else np.zeros(0)
    state = np.stack([first["x"], first["y"], first["tx"], first["ty"], 1e3 * charge / first["p"]], axis=1)
    known = (charge != 0) & (rows >= 0)
    forwards = last["z"] >= first["z"]
    return Truth(
        track=track[known].astype(np.int64), state=state[known], z=first["z"][known], forwards=forwards[known]
    )


def moved(state: Floats, sigma: Floats, q_error: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return states moved by normal errors, and their covariances."""
    relative = np.concatenate([np.ones(4), [q_error]])
    errors = np.concatenate([sigma, [1.0]]) * relative * np.ones_like(state)
    errors[:, 4] *= np.abs(state[:, 4])
    covariance = np.zeros((len(state), 5, 5))
    covariance[:, range(5), range(5)] = errors**2
    return state + errors * rng.standard_normal(state.shape), covariance


def follow_from(
    setup: Setup, hits: Hits, order: Ints, start: Floats, covariance: Floats, z: Floats, longest: int
) -> tuple[Ints, Floats, Floats, Floats]:
    """Follow tracks through planes; return hits, end states, their covariances and z."""
    outward = 1.0 if setup.planes.z[order[-1]] > setup.planes.z[order[0]] else -1.0
    end, cov = start.copy(), covariance.copy()
    p = setup.planes
    found, z_end = follow_many(
        setup.tables, order, p.z, p.kind, p.side, hits.first, hits.values, end, cov, z,
        outward, LARGEST, MISSING if p.side[order[0]] else len(order), longest,
    )  # fmt: skip
    return found, end, cov, z_end


def _seeded(tracks: Ints, truth: Truth) -> Truth:
    keep = np.isin(truth.track, tracks)
    return Truth(**{name: value[keep] for name, value in vars(truth).items()})


def _followed(
    setup: Setup, hits: Hits, order: Ints, truth: Truth, sigma: Floats, longest: int, rng: np.random.Generator
) -> Segments:
    start, covariance = moved(truth.state, sigma, Q_SEED, rng)
    found, end, cov, z_end = follow_from(setup, hits, order, start, covariance, truth.z, longest)
    return Segments(
        hits=found,
        track=truth.track,
        start=start,
        z_start=truth.z,
        end=end,
        covariance=cov,
        z_end=z_end,
        forwards=truth.forwards,
    )


def velo_segments(event: SimEvent, hits: Hits, setup: Setup, rng: np.random.Generator) -> Segments:
    """Return segments with at least 3 R and 3 φ clusters, from particles that left as many."""
    planes = setup.planes
    velo = np.isin(planes.kind, (R, PHI))
    track, layer = layers_of_tracks(hits, planes, velo)
    n_r, n_phi = np.bincount(track[layer % 2 == R]), np.bincount(track[layer % 2 == PHI])
    n = min(len(n_r), len(n_phi))
    enough = np.nonzero((n_r[:n] >= MIN_R) & (n_phi[:n] >= MIN_PHI))[0]
    truth = _seeded(enough, truth_states(event, 0, int(planes.layer[velo].max()) + 1))
    parts = []
    for forwards, order in ((True, setup.velo), (False, setup.velo[::-1].copy())):
        rows = truth.forwards == forwards
        group = Truth(**{name: value[rows] for name, value in vars(truth).items()})
        parts.append(_followed(setup, hits, order, group, VELO_SEED, LONGEST_VELO, rng))
    both = Segments(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})
    kind = np.where(both.hits >= 0, planes.kind[hits.plane[both.hits]] if len(hits.plane) else -1, -1)
    return both.take(((kind == R).sum(axis=1) >= MIN_R) & ((kind == PHI).sum(axis=1) >= MIN_PHI))


def t_segments(event: SimEvent, hits: Hits, setup: Setup, rng: np.random.Generator) -> Segments:
    """Return segments with x and stereo hits in all T stations, from particles that left as many."""
    planes = setup.planes
    t = planes.station >= 0
    track, layer = layers_of_tracks(hits, planes, t)
    truth = truth_states(event, int(planes.layer[t].min()), int(planes.layer[t].max()) + 1)
    truth = _seeded(crosses_all_stations(track, layer, planes), truth)
    found = _followed(setup, hits, setup.t, truth, T_SEED, LONGEST_T, rng)
    rows, columns = np.nonzero(found.hits >= 0)
    layer = planes.layer[hits.plane[found.hits[rows, columns]]]
    pairs = np.unique(rows * 1024 + layer)
    complete = crosses_all_stations(pairs // 1024, pairs % 1024, planes)
    layers = np.bincount(pairs // 1024, minlength=len(found))
    return found.take(np.isin(np.arange(len(found)), complete) & (layers >= MIN_T_LAYERS))


def crosses_all_stations(track: Ints, layer: Ints, planes: Planes) -> Ints:
    """Tracks with at least one x and one stereo layer in every T station, given pairs (track, layer)."""
    station, stereo = np.full(1024, -1), np.zeros(1024, np.int64)
    station[planes.layer], stereo[planes.layer] = planes.station, planes.stereo
    inside = station[layer] >= 0
    bit = np.int64(1) << (2 * station[layer[inside]] + stereo[layer[inside]])
    mask = np.zeros(int(track.max()) + 1 if len(track) else 0, np.int64)
    np.bitwise_or.at(mask, track[inside], bit)
    complete = (1 << 2 * (int(planes.station.max()) + 1)) - 1
    return np.nonzero(mask == complete)[0]

"""Track candidates as rows of hits: long, upstream and downstream ones, and VELO tracks.

TT hits are followed with the momentum that the pattern recognition would have: known to 1 % where VELO and T
stations are joined or from T stations, to 15 % from the VELO.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.tracking.hits import Hits
from lamarr.detailed.tracking.matching import chance_pairs, same_particle
from lamarr.detailed.tracking.segments import Segments, follow_from, moved
from lamarr.detailed.tracking.setup import Setup
from lamarr.detector import SingleKick
from lamarr.events import TrackType

__all__ = ["Candidates", "downstream_candidates", "long_candidates", "pack", "upstream_candidates"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST: Final = 96
LONGEST_TT: Final = 8
Q_JOINED, Q_UPSTREAM = 0.01, 0.15
DOWNSTREAM_SEED: Final = np.array([0.1, 1.5, 2e-4, 6e-4])  # mm and slopes where a T segment begins: chosen
MIN_TT: Final = 3


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Hits (n, LONGEST) in order from the beam, states (n, 5) at the first hit, and their segments."""

    type: int
    hits: Ints
    seeds: Floats
    velo: Ints
    t: Ints

    def __len__(self) -> int:
        return len(self.hits)


def pack(*parts: Ints) -> Ints:
    """Join rows of hits, moving the fill (−1) to the end."""
    joined = np.concatenate([*parts, np.full((len(parts[0]), LONGEST), -1)], axis=1)
    order = np.argsort(joined < 0, axis=1, kind="stable")
    return np.ascontiguousarray(np.take_along_axis(joined, order, axis=1)[:, :LONGEST])


def long_candidates(velo: Segments, t: Segments, hits: Hits, setup: Setup, kick: SingleKick) -> Candidates:
    """Return pairs of VELO and T segments with the TT hits on their way."""
    i, j = same_particle(velo, t)
    q = t.start[j, 4]
    i2, j2, q2 = chance_pairs(velo, t, setup, kick)
    i, j, q = np.concatenate([i, i2]), np.concatenate([j, j2]), np.concatenate([q, q2])
    start, covariance = velo.end[i], velo.covariance[i]
    start[:, 4] = q
    covariance[:, 4, :] = covariance[:, :, 4] = 0.0
    covariance[:, 4, 4] = (Q_JOINED * q) ** 2
    tt, _, _, _ = follow_from(setup, hits, setup.tt, start, covariance, velo.z_end[i], LONGEST_TT)
    seeds = velo.start[i]
    seeds[:, 4] = q
    return Candidates(type=TrackType.LONG, hits=pack(velo.hits[i], tt, t.hits[j]), seeds=seeds, velo=i, t=j)


def upstream_candidates(
    velo: Segments, free: Ints, hits: Hits, setup: Setup, rng: np.random.Generator
) -> Candidates:
    """Return the VELO segments `free`, as far as they go on in TT."""
    free = free[velo.forwards[free]]
    start, covariance = velo.end[free], velo.covariance[free]
    start[:, 4] *= 1 + Q_UPSTREAM * rng.standard_normal(len(free))
    covariance[:, 4, :] = covariance[:, :, 4] = 0.0
    covariance[:, 4, 4] = (Q_UPSTREAM * start[:, 4]) ** 2
    tt, _, _, _ = follow_from(setup, hits, setup.tt, start, covariance, velo.z_end[free], LONGEST_TT)
    good = enough_tt(tt, hits, setup)
    rows = free[good]
    seeds = velo.start[rows]
    seeds[:, 4] = start[good, 4]
    none = np.full(len(rows), -1)
    return Candidates(
        type=TrackType.UPSTREAM, hits=pack(velo.hits[rows], tt[good]), seeds=seeds, velo=rows, t=none
    )


def downstream_candidates(
    t: Segments, free: Ints, hits: Hits, setup: Setup, rng: np.random.Generator
) -> Candidates:
    """Return the T segments `free`, as far as they come from TT."""
    free = free[t.forwards[free]]
    start, covariance = moved(t.start[free], DOWNSTREAM_SEED, Q_JOINED, rng)
    order = setup.tt[::-1].copy()
    tt, end, _, _ = follow_from(setup, hits, order, start, covariance, t.z_start[free], LONGEST_TT)
    good = enough_tt(tt, hits, setup)
    seeds = end[good]
    first = pack(tt)[:, :LONGEST_TT]
    in_order = np.where(first >= 0, first, np.iinfo(np.int64).max)
    in_order = np.sort(in_order, axis=1)  # hits are numbered by plane
    in_order[in_order == np.iinfo(np.int64).max] = -1
    none = np.full(int(good.sum()), -1)
    return Candidates(
        type=TrackType.DOWNSTREAM,
        hits=pack(in_order[good], t.hits[free][good]),
        seeds=seeds,
        velo=none,
        t=free[good],
    )


def enough_tt(tt: Ints, hits: Hits, setup: Setup) -> NDArray[np.bool_]:
    """Rows with at least 3 TT hits, one of them x and one stereo."""
    found = tt >= 0
    stereo = np.zeros(tt.shape, bool)
    stereo[found] = setup.planes.stereo[hits.plane[tt[found]]]
    good: NDArray[np.bool_] = (
        (found.sum(axis=1) >= MIN_TT) & stereo.any(axis=1) & (found & ~stereo).any(axis=1)
    )
    return good

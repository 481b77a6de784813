"""Tracks that share hits: of clones the best is kept. And whose hits a track has. Compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled

__all__ = ["best_of_clones", "owner_of_tracks"]

Ints = NDArray[np.int64]

SHARED = 0.5
"""Tracks with a larger share of their hits in a better track are its clones."""
PURITY = 0.7


@compiled
def best_of_clones(hits: Ints, order: Ints, n_hits: int) -> NDArray[np.bool_]:
    """Go through tracks from the best, in `order`; keep those with at most half of their hits in one kept.

    Parameters
    ----------
    hits : array of int (n, longest)
        Hits, and −1 or lower for none.
    """
    kept = np.zeros(len(hits), np.bool_)
    slots = 6  # tracks remembered per hit
    users = np.full((n_hits, slots), -1)
    common = np.zeros(len(hits), np.int64)
    for t in order:
        n = 0
        for h in hits[t]:
            if h < 0:
                continue
            n += 1
            for u in users[h]:
                if u >= 0:
                    common[u] += 1
        clone = n == 0
        for h in hits[t]:
            if h < 0:
                continue
            for u in users[h]:
                if u >= 0:
                    if common[u] > SHARED * n:
                        clone = True
                    common[u] = 0
        if clone:
            continue
        kept[t] = True
        for h in hits[t]:
            if h >= 0:
                for k in range(slots):
                    if users[h, k] < 0:
                        users[h, k] = t
                        break
    return kept


@compiled
def owner_of_tracks(hits: Ints, owners: Ints) -> Ints:
    """MC track that at least 70 % of the hits of each track are from, −1 if there is none."""
    out = np.full(len(hits), -1)
    for t in range(len(hits)):
        n = 0
        for h in hits[t]:
            if h >= 0:
                n += 1
        for h in hits[t]:
            if h < 0:
                continue
            for candidate in owners[h]:
                if candidate < 0 or candidate == out[t]:
                    continue
                count = 0
                for other in hits[t]:
                    if other >= 0 and (owners[other, 0] == candidate or owners[other, 1] == candidate):
                        count += 1
                if count >= PURITY * n:
                    out[t] = candidate
            if out[t] >= 0:
                break
    return out

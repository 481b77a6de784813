"""Digitisation: from crossings of particles with layers to the clusters that the tracking sees.

Per crossing: efficiency, resolution by pitch; then clusters nearer than a pitch merge, a straw gives its
first signal, and hits of the crossings before and after are added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent
from lamarr.detailed.tracking.planes import DRIFT, IT, OT, SIGMA, TT, A, B, Planes
from lamarr.detailed.tracking.setup import setup_of
from lamarr.detailed.tracking.signals import (
    Signals,
    silicon_signals,
    spill_over_signals,
    straw_signals,
    velo_signals,
)

__all__ = ["Hits", "digitise"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Hits:
    """Clusters, sorted by plane.

    Attributes
    ----------
    plane : array of int (n,)
    values : array (n, 7)
        ``A x + B y = M`` is measured, in the R sensors ``r = M``; in straws M is the wire and DRIFT the
        distance to it, 0 elsewhere. SIGMA is the error (mm). LO and HI bound the strip along itself: φ in R
        sensors (rad), r in φ sensors, y elsewhere (mm).
    owners : array of int (n, 2)
        MC tracks that it is from, −1 for none.
    first : array of int (planes + 1,)
        Where the hits of a plane begin.
    """

    plane: Ints
    values: Floats
    owners: Ints
    first: Ints


def digitise(event: SimEvent, context: Context) -> Hits:
    """Return the clusters of an event; the same for the same seed and event."""
    rng = context.generator(event.event_id, "tracking.digitisation")
    planes = setup_of(context).planes
    parts = [velo_signals(event, context, planes, rng)]
    parts += [silicon_signals(event, context, planes, rng, kind) for kind in (TT, IT)]
    parts += [straw_signals(event, context, planes, rng)]
    parts += [spill_over_signals(context, planes, rng)]
    joined = [np.concatenate(v) for v in zip(*(vars(p).values() for p in parts), strict=True)]
    return _clusters(Signals(*joined), planes)


def _clusters(signals: Signals, planes: Planes) -> Hits:
    """Merge signals of a sector nearer than a pitch: to their mean, in a straw to the first signal."""
    straw = planes.kind[signals.plane] == OT
    order = np.lexsort((signals.values[:, DRIFT], signals.channel, signals.sector, signals.plane))
    plane, channel, sector = signals.plane[order], signals.channel[order], signals.sector[order]
    values, track, straw = signals.values[order], signals.track[order], straw[order]
    n = len(order)
    new = np.ones(n, bool)
    near = np.where(straw[1:], 0.5, 1.0)
    new[1:] = (plane[1:] != plane[:-1]) | (sector[1:] != sector[:-1]) | (np.diff(channel) > near)
    begin = np.nonzero(new)[0]
    size = np.diff(np.append(begin, n))
    merged = values[begin]
    several = (size > 1) & ~straw[begin]
    if n:
        mean = np.add.reduceat(values, begin, axis=0) / size[:, None]
        merged[several] = mean[several]
        norm = np.hypot(merged[:, A], merged[:, B])  # the mean of two directions is shorter than 1
        scaled = several & (norm > 0)
        merged[scaled, A] /= norm[scaled]
        merged[scaled, B] /= norm[scaled]
        spread = np.maximum.reduceat(channel, begin) - np.minimum.reduceat(channel, begin)
        merged[several, SIGMA] *= 1 + spread[several]
    owners = np.full((len(begin), 2), -1)
    owners[:, 0] = track[begin]
    owners[several, 1] = track[begin + size - 1][several]
    swap = owners[:, 0] < 0
    owners[swap] = owners[swap][:, ::-1]
    first = np.searchsorted(plane[begin], np.arange(len(planes) + 1))
    return Hits(plane=plane[begin], values=merged, owners=owners, first=first)

"""Digitisation: from crossings of particles with layers to the clusters that the tracking sees.

Per crossing: efficiency, resolution by pitch; then clusters nearer than a pitch merge, a straw gives its
first signal, and hits of the crossings before and after are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent
from lamarr.detailed.tracking.planes import DRIFT, IT, OT, PHI, SIGMA, TT, A, B, Planes, R
from lamarr.detailed.tracking.setup import setup_of
from lamarr.detailed.tracking.velo_strips import phi_strips, r_strips
from lamarr.detector.geometry import Geometry

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


@dataclass
class _Signals:
    """Signals before clustering: `channel` counts strips, in units of the pitch, inside of a `sector`."""

    plane: Ints
    values: Floats
    channel: Floats
    sector: Ints
    track: Ints

    def take(self, rows: NDArray[np.bool_]) -> _Signals:
        return _Signals(*(v[rows] for v in vars(self).values()))


def digitise(event: SimEvent, context: Context) -> Hits:
    """Return the clusters of an event; the same for the same seed and event."""
    rng = context.generator(event.event_id, "tracking.digitisation")
    planes = setup_of(context).planes
    parts = [_velo(event, context, planes, rng)]
    parts += [_silicon(event, context, planes, rng, kind) for kind in (TT, IT)]
    parts += [_straws(event, context, planes, rng)]
    parts += [_spill_over(context, planes, rng)]
    joined = [np.concatenate(v) for v in zip(*(vars(p).values() for p in parts), strict=True)]
    return _clusters(_Signals(*joined), planes)


LONGEST: Final = 1 << 12


def _planes_of(layers: Ints, planes: Planes, mono: int = 0) -> Ints:
    """Plane of each layer; of the double layers of straws the first or second monolayer."""
    table = np.full(LONGEST, -1)
    order = range(len(planes)) if mono else range(len(planes) - 1, -1, -1)
    for i in order:
        table[planes.layer[i]] = i
    return table[layers]


def _velo(event: SimEvent, context: Context, planes: Planes, rng: np.random.Generator) -> _Signals:
    velo = context.geometry.velo
    hits = event.hits[event.hits["layer"] < 4 * len(velo.modules)]
    hits = hits[rng.random(len(hits)) < velo.efficiency]
    noise = rng.standard_normal(len(hits))
    plane = _planes_of(hits["layer"].astype(np.int64), planes)
    x, y = hits["x"], hits["y"]
    kind, side = planes.kind[plane], planes.side[plane]
    sign = np.where((planes.layer[plane] // 4) % 2 == 0, 1.0, -1.0)
    values, channel, sector = np.empty((len(hits), 7)), np.empty(len(hits)), np.empty(len(hits), np.int64)
    for select, strips in ((kind == R, r_strips), (kind == PHI, phi_strips)):
        made = strips(velo, x[select], y[select], side[select], sign[select], noise[select])
        values[select], channel[select], sector[select] = made
    return _Signals(plane, values, channel, sector, hits["track"].astype(np.int64))


def _silicon(
    event: SimEvent, context: Context, planes: Planes, rng: np.random.Generator, kind: int
) -> _Signals:
    part = context.geometry.tt if kind == TT else context.geometry.it
    layers = np.unique(planes.layer[planes.kind == kind])
    hits = event.hits[np.isin(event.hits["layer"], layers)]
    hits = hits[rng.random(len(hits)) < part.efficiency]
    noise = rng.standard_normal(len(hits))
    plane = _planes_of(hits["layer"].astype(np.int64), planes)
    cos, sin = planes.cos[plane], planes.sin[plane]
    u = hits["x"] * cos + hits["y"] * sin + part.resolution * noise
    return _strip_signals(plane, u, hits["y"], hits["track"].astype(np.int64), planes, part)


def _strip_signals(plane: Ints, u: Floats, y: Floats, track: Ints, planes: Planes, part: object) -> _Signals:
    """Signals of vertical strips of TT and IT at u, in the sensor that holds y."""
    pitch, length, sigma = (getattr(part, n) for n in ("pitch", "strip_length", "resolution"))
    sensor = np.floor(y / length)
    values = np.stack(
        [
            planes.cos[plane],
            planes.sin[plane],
            u,
            np.zeros(len(u)),
            np.full(len(u), sigma),
            sensor * length,
            (sensor + 1) * length,
        ],
        axis=1,
    )
    return _Signals(plane, values, u / pitch, sensor.astype(np.int64) + 64, track)


def _straws(event: SimEvent, context: Context, planes: Planes, rng: np.random.Generator) -> _Signals:
    ot = context.geometry.ot
    layers = np.unique(planes.layer[planes.kind == OT])
    crossings = event.hits[np.isin(event.hits["layer"], layers)]
    parts = []
    for mono in (0, 1):
        plane = _planes_of(crossings["layer"].astype(np.int64), planes, mono)
        d = planes.z[plane] - crossings["z"]
        cos, sin = planes.cos[plane], planes.sin[plane]
        y = crossings["y"] + d * crossings["ty"]
        u = (crossings["x"] + d * crossings["tx"]) * cos + y * sin
        slope = crossings["tx"] * cos + crossings["ty"] * sin
        straw = np.round((u - planes.stagger[plane]) / ot.pitch)
        wire = straw * ot.pitch + planes.stagger[plane]
        distance = np.abs(u - wire) / np.sqrt(1 + slope**2)
        efficient = (rng.random(len(u)) < ot.efficiency) & (distance < ot.straw_radius)
        measured = np.abs(distance + ot.resolution * rng.standard_normal(len(u)))
        parts.append(
            _straw_signals(
                plane, straw, wire, measured, y, crossings["track"], planes, context.geometry
            ).take(efficient)
        )
    return _Signals(*(np.concatenate(v) for v in zip(*(vars(p).values() for p in parts), strict=True)))


def _straw_signals(
    plane: Ints,
    straw: Floats,
    wire: Floats,
    drift: Floats,
    y: Floats,
    track: NDArray[np.signedinteger],
    planes: Planes,
    g: Geometry,
) -> _Signals:
    """Signals of straws, which end in the middle and where the inner tracker begins."""
    half = np.where(y >= 0, 1.0, -1.0)
    arms = np.array(g.it.arms)
    begin = np.where(np.abs(wire)[:, None] < arms[:, 0], arms[:, 1], 0.0).max(axis=1)
    low, high = np.where(half > 0, begin, -g.ot.half_y), np.where(half > 0, g.ot.half_y, -begin)
    values = np.stack(
        [
            planes.cos[plane],
            planes.sin[plane],
            wire,
            drift,
            np.full(len(straw), g.ot.resolution),
            low,
            high,
        ],
        axis=1,
    )
    return _Signals(plane, values, straw, half.astype(np.int64), track.astype(np.int64))


def _spill_over(context: Context, planes: Planes, rng: np.random.Generator) -> _Signals:
    """Hits of other crossings: in number as declared, densest at the beam, as those of this crossing are."""
    g = context.geometry
    straws = 2 * 2 * g.ot.half_x / g.ot.pitch
    means = {TT: g.tt.noise, IT: g.it.noise, OT: g.ot.occupancy * straws}
    mean = np.array([means.get(int(k), 0.0) for k in planes.kind])
    plane = np.repeat(np.arange(len(planes)), rng.poisson(mean))
    n, kind = len(plane), planes.kind[plane]
    reach_x = np.select([kind == TT, kind == IT], [g.tt.half_x, g.it.arms[0][0]], g.ot.half_x)
    reach_y = np.select([kind == TT, kind == IT], [g.tt.half_y, g.it.arms[1][1]], g.ot.half_y)
    u, y, fraction = rng.random((3, n)) * np.array([[2], [2], [1]]) - np.array([[1], [1], [0]])
    u, y = reach_x * np.sign(u) * u**2, reach_y * np.sign(y) * y**2
    parts = [
        _strip_signals(
            plane[kind == k], u[kind == k], y[kind == k], np.full(int((kind == k).sum()), -1), planes, p
        )
        for k, p in ((TT, g.tt), (IT, g.it))
    ]
    ot = kind == OT
    straw = np.round((u[ot] - planes.stagger[plane[ot]]) / g.ot.pitch)
    wire = straw * g.ot.pitch + planes.stagger[plane[ot]]
    drift, none = g.ot.straw_radius * fraction[ot], np.full(int(ot.sum()), -1)
    parts.append(_straw_signals(plane[ot], straw, wire, drift, y[ot], none, planes, g))
    return _Signals(*(np.concatenate(v) for v in zip(*(vars(p).values() for p in parts), strict=True)))


def _clusters(signals: _Signals, planes: Planes) -> Hits:
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

"""Signals of the channels of the trackers before clustering: of an event, and of other crossings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent
from lamarr.detailed.tracking.planes import IT, OT, PHI, TT, Planes, R
from lamarr.detailed.tracking.velo_strips import phi_strips, r_strips
from lamarr.detector.geometry import Geometry

__all__ = ["Signals", "silicon_signals", "spill_over_signals", "straw_signals", "velo_signals"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Signals:
    """Signals before clustering: `channel` counts strips, in units of the pitch, inside of a `sector`."""

    plane: Ints
    values: Floats
    channel: Floats
    sector: Ints
    track: Ints

    def take(self, rows: NDArray[np.bool_]) -> Signals:
        """Return some of them."""
        return Signals(*(v[rows] for v in vars(self).values()))


LONGEST: Final = 1 << 12


def _planes_of(layers: Ints, planes: Planes, mono: int = 0) -> Ints:
    """Plane of each layer; of the double layers of straws the first or second monolayer."""
    table = np.full(LONGEST, -1)
    order = range(len(planes)) if mono else range(len(planes) - 1, -1, -1)
    for i in order:
        table[planes.layer[i]] = i
    return table[layers]


def velo_signals(event: SimEvent, context: Context, planes: Planes, rng: np.random.Generator) -> Signals:
    """Signals of R and φ strips of the VELO."""
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
    return Signals(plane, values, channel, sector, hits["track"].astype(np.int64))


def silicon_signals(
    event: SimEvent, context: Context, planes: Planes, rng: np.random.Generator, kind: int
) -> Signals:
    """Signals of the strips of TT or IT, whichever `kind` says."""
    part = context.geometry.tt if kind == TT else context.geometry.it
    layers = np.unique(planes.layer[planes.kind == kind])
    hits = event.hits[np.isin(event.hits["layer"], layers)]
    hits = hits[rng.random(len(hits)) < part.efficiency]
    noise = rng.standard_normal(len(hits))
    plane = _planes_of(hits["layer"].astype(np.int64), planes)
    cos, sin = planes.cos[plane], planes.sin[plane]
    u = hits["x"] * cos + hits["y"] * sin + part.resolution * noise
    return _strip_signals(plane, u, hits["y"], hits["track"].astype(np.int64), planes, part)


def _strip_signals(plane: Ints, u: Floats, y: Floats, track: Ints, planes: Planes, part: object) -> Signals:
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
    return Signals(plane, values, u / pitch, sensor.astype(np.int64) + 64, track)


def straw_signals(event: SimEvent, context: Context, planes: Planes, rng: np.random.Generator) -> Signals:
    """Signals of the straws of both monolayers of each double layer: drift distances, never negative."""
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
            _straws(plane, straw, wire, measured, y, crossings["track"], planes, context.geometry).take(
                efficient
            )
        )
    return Signals(*(np.concatenate(v) for v in zip(*(vars(p).values() for p in parts), strict=True)))


def _straws(
    plane: Ints,
    straw: Floats,
    wire: Floats,
    drift: Floats,
    y: Floats,
    track: NDArray[np.signedinteger],
    planes: Planes,
    g: Geometry,
) -> Signals:
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
    return Signals(plane, values, straw, half.astype(np.int64), track.astype(np.int64))


def spill_over_signals(context: Context, planes: Planes, rng: np.random.Generator) -> Signals:
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
    parts.append(_straws(plane[ot], straw, wire, drift, y[ot], none, planes, g))
    return Signals(*(np.concatenate(v) for v in zip(*(vars(p).values() for p in parts), strict=True)))

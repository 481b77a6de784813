"""Source objects of the ECAL: generated particles that reach its shower maximum, and why others do not.

The engines read these. They know of an event what the generator knows: what happens on the way (conversions,
bremsstrahlung, interactions, decays) is theirs to draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector import Detector, States, behind_the_magnet
from lamarr.detector.geometry import Geometry
from lamarr.errors import InputFileError, SchemaError
from lamarr.events import EventBatch, Fate, Table
from lamarr.parametrizations.ecal.columns import SOURCE_COLUMNS, Columns, LeftOut, kind_of

__all__ = ["THRESHOLD", "SourceObjects", "source_objects"]

Floats = NDArray[np.float64]

THRESHOLD: Final = 200.0
"""Kinetic energy (MeV) above which a particle is a source object."""

_NEEDED: Final = ("charge", "fate")


@dataclass(frozen=True, kw_only=True)
class SourceObjects:
    """The source objects of a batch, and the account of all its particles.

    Attributes
    ----------
    columns : dict of str to array (n,)
        By name (:data:`~lamarr.parametrizations.ecal.columns.SOURCE_COLUMNS`), ordered by event, then by
        energy from the highest:
        ``kind`` a :class:`~lamarr.parametrizations.ecal.columns.Kind`; ``x, y`` (mm) and slopes ``tx, ty``
        where the way of the particle (straight, or with one kick in the magnet) crosses the plane of the
        shower maximum; ``x_line, y_line`` (mm) where its direction at production does, which is where
        bremsstrahlung in front of the magnet goes; ``z_origin`` (mm) where it is produced; ``energy`` (MeV)
        the kinetic one.
    reason : array of int8 (particles,)
        Of every row of the table ``particles``: a :class:`~lamarr.parametrizations.ecal.columns.LeftOut`.
    kinetic : array (particles,)
        Kinetic energy, MeV.
    """

    columns: Columns
    reason: NDArray[np.int8]
    kinetic: Floats

    def __len__(self) -> int:
        """Return the number of source objects."""
        return len(self.columns["event_id"])

    def account(self, which: Any = slice(None)) -> dict[str, tuple[int, float]]:
        """Return number and kinetic energy (MeV) by reason, of all particles or the selected rows."""
        reason, energy = self.reason[which], self.kinetic[which]
        number = np.bincount(reason, minlength=len(LeftOut))
        total = np.bincount(reason, energy, minlength=len(LeftOut))
        return {r.name.lower(): (int(number[r]), float(total[r])) for r in LeftOut}


def source_objects(
    batch: EventBatch, detector: Detector, geometry: Geometry, *, threshold: float = THRESHOLD
) -> SourceObjects:
    """Return the source objects of the events of `batch`.

    Parameters
    ----------
    batch : EventBatch
        With the tables particles (and its columns ``charge`` and ``fate``) and vertices: of the flash
        pipeline after the stage ``classify``, or of the detailed simulation.
    detector : Detector
        Whose single kick bends charged particles.
    geometry : Geometry
        Whose calorimeter they have to reach: enlarged by one outer cell, without the beam hole, which is
        taken smaller by one inner cell.
    threshold : float
        Kinetic energy (MeV) above which a particle counts.

    Raises
    ------
    SchemaError
        If charges and fates are not known yet.
    InputFileError
        If energy, momentum or production vertex of a particle in question are NaN or infinite.
    """
    p = batch["particles"]
    if any(c not in p for c in _NEEDED):
        raise SchemaError(
            "source objects need the charge and fate of particles: run the stage 'classify' first"
        )
    stable = ~np.isin(p["fate"], (Fate.DOCUMENTATION, Fate.DECAYED))
    reason = np.where(p["fate"] == Fate.DECAYED, LeftOut.DECAYED, LeftOut.BOOKKEEPING).astype(np.int8)
    rows = np.flatnonzero(stable)
    kind = kind_of(p["pid"][rows], p["charge"][rows])
    origin = batch.rows_of("vertices", p["event_id"][rows], p["production_vertex"][rows])
    _check(p, rows, origin)
    place = [np.where(origin >= 0, batch["vertices"][a][origin], 0.0) for a in "xyz"]
    _refuse_nan(p, rows, place)
    kinetic = p["pe"] - np.maximum(p["m"], 0.0)
    way = _at_shower_max(p, rows, place, detector, geometry)
    reason[rows] = _reasons(way, kind, place[2], kinetic[rows], threshold, geometry)
    kept = np.flatnonzero(reason[rows] == LeftOut.KEPT)
    columns = {
        **{name: p[name][rows[kept]] for name in ("event_id", "particle_id", "from_signal")},
        **{name: way[name][kept] for name in ("x", "y", "tx", "ty", "x_line", "y_line")},
        "kind": kind[kept],
        "z_origin": place[2][kept],
        "energy": kinetic[rows[kept]],
    }
    order = np.lexsort((columns["particle_id"], -columns["energy"], columns["event_id"]))
    ordered = {c: columns[c][order].astype(t, copy=False) for c, t in SOURCE_COLUMNS.items()}
    return SourceObjects(columns=ordered, reason=reason, kinetic=kinetic)


def _check(p: Table, rows: NDArray[Any], origin: NDArray[Any]) -> None:
    lost = np.flatnonzero(origin < 0)
    if lost.size:
        row = rows[lost[0]]
        raise InputFileError(
            f"event {p['event_id'][row]}: particle {p['particle_id'][row]} has no production vertex, "
            "which the calorimeter needs to know where it arrives"
        )


def _refuse_nan(p: Table, rows: NDArray[Any], place: list[Floats]) -> None:
    values = [p[c][rows] for c in ("pe", "px", "py", "pz", "m")]
    fine = np.ones(len(rows), bool)
    for v in (*values, *place):
        fine &= np.isfinite(v)
    wrong = np.flatnonzero(~fine)
    if wrong.size:
        k = wrong[0]
        row = rows[k]
        names = ("pe", "px", "py", "pz", "m", "x", "y", "z")
        bad = next((n, v[k]) for n, v in zip(names, (*values, *place), strict=True) if not np.isfinite(v[k]))
        raise InputFileError(
            f"event {p['event_id'][row]}: particle {p['particle_id'][row]} must have finite energy, momentum "
            f"and production vertex, but got ({bad[0]}={bad[1]})"
        )


def _at_shower_max(
    p: Table, rows: NDArray[Any], place: list[Floats], detector: Detector, geometry: Geometry
) -> Columns:
    """Return where straight and bent ways cross the plane, and which bent ones are `turned`."""
    z = geometry.calorimeter.ecal.shower_max
    px, py, pz = (p[c][rows] for c in ("px", "py", "pz"))
    forward = pz > 0
    safe = np.where(forward, pz, 1.0)
    tx, ty = np.where(forward, px / safe, 0.0), np.where(forward, py / safe, 0.0)
    x, y = (start + slope * (z - place[2]) for start, slope in zip(place, (tx, ty), strict=False))
    way = {"x": x.copy(), "y": y.copy(), "tx": tx, "ty": ty, "x_line": x, "y_line": y}
    way |= {"forward": forward, "turned": np.zeros(len(rows), bool)}
    bent = np.flatnonzero((p["charge"][rows] != 0) & forward)
    qop = p["charge"][rows[bent]] / np.sqrt(px[bent] ** 2 + py[bent] ** 2 + pz[bent] ** 2)
    start = States(x=place[0][bent], y=place[1][bent], z=place[2][bent], tx=tx[bent], ty=ty[bent], qop=qop)
    behind, arrives = behind_the_magnet(detector.single_kick, start)
    for axis in "xy":
        slope = getattr(behind, f"t{axis}")
        way[axis][bent] = getattr(behind, axis) + slope * (z - behind.z)
        way[f"t{axis}"][bent] = slope
    way["turned"][bent] = ~arrives & (start.z < detector.single_kick.a0)
    return way


def _reasons(
    way: Columns, kind: NDArray[Any], z: Floats, kinetic: Floats, threshold: float, geometry: Geometry
) -> NDArray[np.int8]:
    c = geometry.calorimeter
    outer, inner = c.regions[0], c.regions[-1]
    half = [(h + 1.0 / outer.cells) * c.module for h in (outer.half_x, outer.half_y)]
    hole = [(h - 1.0 / inner.cells) * c.module for h in c.hole]
    ax, ay = np.abs(way["x"]), np.abs(way["y"])
    tests = (
        (kind < 0, LeftOut.INVISIBLE),
        (z >= c.ecal.shower_max, LeftOut.BEHIND),
        (~way["forward"], LeftOut.BACKWARD),
        (kinetic <= threshold, LeftOut.SOFT),
        (way["turned"], LeftOut.TURNED),
        ((ax >= half[0]) | (ay >= half[1]), LeftOut.OUTSIDE),
        ((ax < hole[0]) & (ay < hole[1]), LeftOut.BEAM_HOLE),
    )
    return np.select([t for t, _ in tests], [r for _, r in tests], LeftOut.KEPT).astype(np.int8)

"""Which tracks of a sample are compared with published efficiencies of real data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lamarr.detector import Detector, load_detector
from lamarr.events import EventBatch, TrackType
from lamarr.units import GeV

__all__ = ["LongTracks", "long_tracks"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LongTracks:
    """Long tracks of generated particles with their identification.

    Attributes
    ----------
    pid : (n,)
        |PDG id| of the particle that the track reconstructs.
    p, pt : (n,)
        Reconstructed, GeV.
    eta : (n,)
    columns : dict of (n,) arrays
        Columns of table pid.
    in_muon : (n,) of bool
        Whether the track points inside of the edges of M2 and M5 and outside of their holes.
    """

    pid: NDArray[np.int64]
    p: Floats
    pt: Floats
    eta: Floats
    columns: dict[str, NDArray[np.generic]]
    in_muon: NDArray[np.bool_]

    def of(self, *pids: int) -> NDArray[np.bool_]:
        """Whether a track is of one of the species."""
        return np.isin(self.pid, pids)


def long_tracks(batch: EventBatch, detector: str) -> LongTracks:
    """Return the long tracks of `batch` that reconstruct a generated particle and are no ghosts by χ².

    As in LHCb's calibration samples: χ²/ndof below 3 and pT above 250 MeV.
    """
    t = batch["tracks"]
    pt = np.hypot(t["px"], t["py"])
    good = (t["type"] == TrackType.LONG) & (t["particle_id"] >= 0) & (t["chi2PerDoF"] < 3) & (pt > 0.25 * GeV)
    rows = np.flatnonzero(good)
    particle = batch.rows_of("particles", t["event_id"][rows], t["particle_id"][rows])
    own = batch.rows_of("pid", t["event_id"][rows], t["track_id"][rows])
    columns = {name: batch["pid"][name][own] for name in batch["pid"] if name not in ("event_id", "track_id")}
    pz = np.maximum(t["pz"][rows], 1e-3)
    return LongTracks(
        pid=np.abs(batch["particles"]["pid"][particle]).astype(np.int64),
        p=t["p"][rows] / GeV,
        pt=pt[rows] / GeV,
        eta=np.arcsinh(pz / np.maximum(pt[rows], 1e-6)),
        columns=columns,
        in_muon=_points_to_muon_stations(batch, rows, load_detector(detector)),
    )


def _points_to_muon_stations(
    batch: EventBatch, rows: NDArray[np.int64], detector: Detector
) -> NDArray[np.bool_]:
    """Extrapolate by the single kick of the dipole: good to a few cm at M5, of several metres."""
    from lamarr.detector.field import States
    from lamarr.detector.geometry import load_geometry
    from lamarr.detector.propagation import behind_the_magnet

    t = batch["tracks"]
    states = States(**{k: np.asarray(t[k][rows], float) for k in ("x", "y", "z", "tx", "ty", "qop")})
    after, inside = behind_the_magnet(detector.single_kick, states)
    stations = load_geometry().muon.stations
    for station in (stations[1], stations[4]):
        x, y = (np.abs(getattr(after, c) + getattr(after, "t" + c) * (station.z - after.z)) for c in "xy")
        (half_x, half_y), (hole_x, hole_y) = station.half[-1], station.hole
        inside = inside & (x < half_x) & (y < half_y) & ((x > hole_x) | (y > hole_y))
    return np.asarray(inside)

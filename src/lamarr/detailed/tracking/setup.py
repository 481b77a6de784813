"""Everything that the track reconstruction needs of a detector, as plain arrays, computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.context import Context
from lamarr.detailed.records import STATE_PLANES
from lamarr.detailed.tracking.filter import Tables
from lamarr.detailed.tracking.material import material_of
from lamarr.detailed.tracking.planes import IT, OT, PHI, TT, Planes, R, measurement_planes
from lamarr.detector import Detector
from lamarr.detector.field_map import load_field
from lamarr.detector.geometry import Geometry

__all__ = ["Setup", "setup_of", "state_positions"]

_CACHE: dict[tuple[int, int], tuple[Geometry, Detector, Setup]] = {}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Planes, field and material; `velo`, `tt`, `t` are the planes of these detectors in order of z.

    `z_states` are the planes of ``STATE_PLANES`` behind the first, which is the beam.
    """

    planes: Planes
    tables: Tables
    velo: NDArray[np.int64]
    tt: NDArray[np.int64]
    t: NDArray[np.int64]
    z_states: NDArray[np.float64]


def setup_of(context: Context) -> Setup:
    """Return what the reconstruction needs of the geometry and the field of a context."""
    key = id(context.geometry), id(context.detector)
    if key not in _CACHE:
        # geometry and detector are kept, so that no others can come to have their identities
        made = _setup(context.geometry, context.detector)
        _CACHE[key] = (context.geometry, context.detector, made)
    return _CACHE[key][2]


def _setup(geometry: Geometry, detector: Detector) -> Setup:
    planes, material, field = measurement_planes(geometry), material_of(geometry), load_field(detector)
    z = state_positions(geometry)
    return Setup(
        planes=planes,
        tables=(field.grid, field.frame, material.slabs, material.pipe),
        velo=np.nonzero(np.isin(planes.kind, (R, PHI)))[0],
        tt=np.nonzero(planes.kind == TT)[0],
        t=np.nonzero(np.isin(planes.kind, (IT, OT)))[0],
        z_states=np.array([z[name] for name in STATE_PLANES[1:]]),
    )


def state_positions(geometry: Geometry) -> dict[str, float]:
    """Z (mm) of the planes where states are given, but for the beam."""
    g = geometry
    return {
        "rich1_begin": g.rich1.z_begin,
        "rich1_end": g.rich1.z_end,
        "tt": g.tt.layers[-1],
        "t_begin": g.ot.layers[0],
        "t_end": 9450.0,
        "rich2_begin": g.rich2.z_begin,
        "rich2_end": g.rich2.z_end,
        "calo_front": g.calorimeter.front,
        "ecal": g.calorimeter.ecal.shower_max,
    }

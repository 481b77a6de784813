"""The columns that condition the tracking models, and how generated particles give them.

Two sets, as LHCb's flash simulation defines them: the state at the production vertex for acceptance and
efficiency, and the state closest to the beam for resolution and covariance. Lengths in mm, momenta in
MeV, angles in radians; ``log10_p`` is log10(p / MeV).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.elementary import arctan2, log, log10

__all__ = [
    "BEAM_CONDITIONS",
    "COVARIANCE",
    "COVARIANCE_CONDITIONS",
    "EFFICIENCY",
    "PRODUCTION_CONDITIONS",
    "RESOLUTION",
    "beam_columns_of",
    "beam_conditions",
    "production_columns_of",
    "production_conditions",
]

_SPECIES: Final = ("is_e", "is_mu", "is_h")
_TYPES: Final = ("long", "upstream", "downstream")

PRODUCTION_CONDITIONS: Final = ("x", "y", "z", "log10_p", "tx", "ty", "eta", "phi", *_SPECIES, "charge")
"""Conditions of acceptance and efficiency: position, momentum and species at production."""

EFFICIENCY: Final = ("not_reconstructed", *_TYPES)
"""Outputs of efficiency: probabilities of the four categories, given that the particle is accepted."""

BEAM_CONDITIONS: Final = ("x", "y", "z", "tx", "ty", "log10_p", *_SPECIES, *_TYPES)
"""Conditions of resolution: the true state closest to the beam, the species, the type of the track."""

RESOLUTION: Final = ("dx", "dy", "dz", "dtx", "dty", "dp", "chi2PerDoF", "nDoF_f", "ghostProb")
"""Outputs of resolution: reconstructed minus true state, and the quality of the track fit."""

COVARIANCE_CONDITIONS: Final = (*BEAM_CONDITIONS[:6], *RESOLUTION[6:], *BEAM_CONDITIONS[6:])
"""Conditions of covariance: those of resolution and the quality of the fit."""

_PAIRS: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4), (3, 4))

COVARIANCE: Final = (*(f"log_var_{i}" for i in range(5)), *(f"corr_{i}{j}" for i, j in _PAIRS))
"""Outputs of covariance: log variances of (x, y, tx, ty, q/p), and their ten correlations."""


def _species(pid: Any) -> dict[str, Any]:
    a = np.abs(pid)
    return dict(zip(_SPECIES, (a == 11, a == 13, (a == 211) | (a == 321) | (a == 2212)), strict=True))


def _stacked(columns: dict[str, Any], order: tuple[str, ...]) -> NDArray[np.float32]:
    return np.stack(np.broadcast_arrays(*(columns[name] for name in order)), axis=1).astype(np.float32)


def production_columns_of(
    *, pid: Any, charge: Any, x: Any, y: Any, z: Any, px: Any, py: Any, pz: Any
) -> dict[str, Any]:
    """Columns (rows,) of :data:`PRODUCTION_CONDITIONS` by name, float64 or bool; `pz` must be positive.

    The pseudorapidity of a particle exactly along the beam is taken at pT = 1e-6 |p|. Compiled pipelines
    follow this function.
    """
    p = np.sqrt(px**2 + py**2 + pz**2)
    pt = np.maximum(np.sqrt(px**2 + py**2), 1e-6 * p)
    momentum = {"log10_p": log10(p), "tx": px / pz, "ty": py / pz}
    angles = {"eta": log((p + pz) / pt), "phi": arctan2(py, px)}
    return {"x": x, "y": y, "z": z, **momentum, **angles, **_species(pid), "charge": charge}


def beam_columns_of(
    *, pid: Any, track_type: Any, x: Any, y: Any, z: Any, tx: Any, ty: Any, p: Any
) -> dict[str, Any]:
    """Columns (rows,) of :data:`BEAM_CONDITIONS` by name; `track_type` holds LHCb's codes 3, 4, 5.

    Compiled pipelines follow this function.
    """
    state = {"x": x, "y": y, "z": z, "tx": tx, "ty": ty, "log10_p": log10(p)}
    types = {name: track_type == code for name, code in zip(_TYPES, (3, 4, 5), strict=True)}
    return {**state, **_species(pid), **types}


def production_conditions(
    *,
    pid: ArrayLike,
    charge: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    px: ArrayLike,
    py: ArrayLike,
    pz: ArrayLike,
) -> NDArray[np.float32]:
    """Array (rows, 12) of :func:`production_columns_of`."""
    lengths = {"x": x, "y": y, "z": z, "px": px, "py": py, "pz": pz}
    columns = production_columns_of(
        pid=np.asarray(pid), charge=charge, **{k: np.asarray(v, np.float64) for k, v in lengths.items()}
    )
    return _stacked(columns, PRODUCTION_CONDITIONS)


def beam_conditions(
    *,
    pid: ArrayLike,
    track_type: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    tx: ArrayLike,
    ty: ArrayLike,
    p: ArrayLike,
) -> NDArray[np.float32]:
    """Array (rows, 12) of :func:`beam_columns_of`."""
    state = {"x": x, "y": y, "z": z, "tx": tx, "ty": ty, "p": p}
    columns = beam_columns_of(
        pid=np.asarray(pid),
        track_type=np.asarray(track_type),
        **{k: np.asarray(v, np.float64) for k, v in state.items()},
    )
    return _stacked(columns, BEAM_CONDITIONS)

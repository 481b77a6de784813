"""The columns that condition the tracking models, and how generated particles give them.

Two sets, as LHCb's flash simulation defines them: the state at the production vertex for acceptance and
efficiency, and the state closest to the beam for resolution and covariance. Lengths in mm, momenta in
MeV, angles in radians; ``log10_p`` is log10(p / MeV).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BEAM_CONDITIONS",
    "COVARIANCE",
    "COVARIANCE_CONDITIONS",
    "EFFICIENCY",
    "PRODUCTION_CONDITIONS",
    "RESOLUTION",
    "beam_conditions",
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


def _species(pid: ArrayLike) -> list[NDArray[np.bool_]]:
    a = np.abs(np.asarray(pid))
    return [a == 11, a == 13, (a == 211) | (a == 321) | (a == 2212)]


def _columns(*columns: Any) -> NDArray[np.float32]:
    return np.stack(np.broadcast_arrays(*columns), axis=1).astype(np.float32)


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
    """Columns (rows, 12) of :data:`PRODUCTION_CONDITIONS`; `pz` must be positive.

    The pseudorapidity of a particle exactly along the beam is taken at pT = 1e-6 |p|.
    """
    px, py, pz = (np.asarray(v, np.float64) for v in (px, py, pz))
    p = np.sqrt(px**2 + py**2 + pz**2)
    pt = np.maximum(np.hypot(px, py), 1e-6 * p)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    return _columns(x, y, z, np.log10(p), px / pz, py / pz, eta, phi, *_species(pid), charge)


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
    """Columns (rows, 12) of :data:`BEAM_CONDITIONS`; `track_type` holds LHCb's codes 3, 4, 5."""
    types = [np.asarray(track_type) == code for code in (3, 4, 5)]
    return _columns(x, y, z, tx, ty, np.log10(np.asarray(p, np.float64)), *_species(pid), *types)

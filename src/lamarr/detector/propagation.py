"""True trajectories without a field map: the point closest to the beam, and one kick in the dipole.

Pipelines that are compiled to C follow these functions (:mod:`lamarr.transpile.trace`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.detector.description import SingleKick
from lamarr.detector.field import States

__all__ = ["behind_the_magnet", "closest_to_beam", "kick_position"]


def closest_to_beam(
    x: ArrayLike, y: ArrayLike, z: ArrayLike, tx: ArrayLike, ty: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the point of the line (x, y, z) + λ (tx, ty, 1) that is closest to the z axis.

    λ = −(x tx + y ty) / (tx² + ty²), and 0 for a line along the axis. Arrays (rows,), mm. The axis is
    that of the LHCb frame, not the line through the beam spot, as in LHCb's own reconstruction.
    """
    x, y, z, tx, ty = (np.positive(v, dtype=np.float64) for v in (x, y, z, tx, ty))
    t2 = tx**2 + ty**2
    step = np.where(t2 > 0, -(x * tx + y * ty) / np.where(t2 > 0, t2, 1.0), 0.0)
    return x + step * tx, y + step * ty, z + step


def kick_position(kick: SingleKick, qop: ArrayLike) -> NDArray[np.float64]:
    """Position z (mm) of the kick: a0 + a1 (q/p) + a2 (q/p)², q/p held inside the range of the fit."""
    u = np.clip(np.positive(qop, dtype=np.float64), -1 / kick.p_min, 1 / kick.p_min)
    z: NDArray[np.float64] = kick.a0 + kick.a1 * u + kick.a2 * u**2
    return z


def behind_the_magnet(kick: SingleKick, states: States) -> tuple[States, NDArray[np.bool_]]:
    """Carry states to ``kick.z_end`` by one change of px; py and p are kept.

    Returns
    -------
    states : States
        At ``kick.z_end``; rows that do not arrive hold the input.
    arrives : array of bool (rows,)
        False for tracks produced downstream of the kick, and for those that the field turns round.
    """
    n = np.sqrt(1 + states.tx**2 + states.ty**2)
    p = 1 / np.abs(states.qop)
    px, py = p * states.tx / n + np.sign(states.qop) * kick.delta_px, p * states.ty / n
    pz2 = p**2 - px**2 - py**2
    z_kick = kick_position(kick, states.qop)
    arrives = (pz2 > (1e-3 * p) ** 2) & (states.z < z_kick)
    pz = np.sqrt(np.where(arrives, pz2, p**2))
    tx = np.where(arrives, px / pz, states.tx)
    ty = np.where(arrives, py / pz, states.ty)
    before, after = z_kick - states.z, kick.z_end - z_kick
    x = np.where(arrives, states.x + states.tx * before + tx * after, states.x)
    y = np.where(arrives, states.y + states.ty * before + ty * after, states.y)
    z = np.where(arrives, kick.z_end, states.z)
    return States(x=x, y=y, tx=tx, ty=ty, qop=states.qop, z=z), arrives

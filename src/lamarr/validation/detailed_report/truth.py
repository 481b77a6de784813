"""Long tracks beside the generated particles that they reconstruct: residuals and pulls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector import closest_to_beam
from lamarr.events import EventBatch, TrackType
from lamarr.units import GeV, um

__all__ = ["PARAMETERS", "Residuals", "residuals"]

Floats = NDArray[np.float64]

PARAMETERS: Final = ("x", "y", "tx", "ty", "qop")


@dataclass(frozen=True)
class Residuals:
    """Reconstructed minus generated, of long tracks of generated particles.

    The generated trajectory is the straight line from the production vertex with the generated momentum.

    Attributes
    ----------
    pid : (n,)
        |PDG id|.
    p, pt : (n,)
        Generated, GeV.
    momentum : (n,)
        p_reco / p_true − 1.
    ip : (n,)
        µm; residual of x where the true line is closest to the beam: one projection, without the vertex.
    pulls : dict of (n,) arrays
        By parameter of the state closest to the beam; empty where the sample has no covariances.
    """

    pid: NDArray[np.int64]
    p: Floats
    pt: Floats
    momentum: Floats
    ip: Floats
    pulls: dict[str, Floats]


def residuals(batch: EventBatch) -> Residuals:
    """Compare the long tracks of `batch` with their particles."""
    tracks = batch["tracks"]
    t = tracks.take((tracks["type"] == TrackType.LONG) & (tracks["particle_id"] >= 0))
    particles, vertices = batch["particles"], batch["vertices"]
    rows = batch.rows_of("particles", t["event_id"], t["particle_id"])
    origin = batch.rows_of("vertices", t["event_id"], particles["production_vertex"][rows])
    px, py, pz = (particles[c][rows] for c in ("px", "py", "pz"))
    p, pt = np.sqrt(px**2 + py**2 + pz**2), np.hypot(px, py)
    known = (origin >= 0) & (pz > 0)
    tx, ty = np.where(known, px / np.where(known, pz, 1), 0), np.where(known, py / np.where(known, pz, 1), 0)
    x, y, z = (vertices[c][origin] for c in "xyz")
    x0, _, z0 = closest_to_beam(x, y, z, tx, ty)
    ip = (t["x"] + t["tx"] * (z0 - t["z"]) - x0) / um
    true = {
        "x": x + tx * (t["z"] - z),
        "y": y + ty * (t["z"] - z),
        "tx": tx,
        "ty": ty,
        "qop": t["charge"] / p,
    }
    pulls = {}
    for i, name in enumerate(PARAMETERS):
        if f"cov{i}{i}" in t:
            pulls[name] = ((t[name] - true[name]) / np.sqrt(t[f"cov{i}{i}"]))[known]
    return Residuals(
        pid=np.abs(particles["pid"][rows]).astype(np.int64)[known],
        p=(p / GeV)[known],
        pt=(pt / GeV)[known],
        momentum=(t["p"] / p - 1)[known],
        ip=ip[known],
        pulls=pulls,
    )

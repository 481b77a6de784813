"""Resolution: the reconstructed state closest to the beam and the quality of the track fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamarr.events import Fate
from lamarr.flash.stage import columns
from lamarr.flash.stages.model import ModelStage
from lamarr.parametrizations.tracking import BEAM_CONDITIONS, RESOLUTION, beam_columns_of

__all__ = ["TRACK_TYPE_OF_FATE", "Resolution", "momentum"]

TRACK_TYPE_OF_FATE = 10
"""Fates of reconstructed particles are 10 above LHCb's codes of track types."""

_TRUE = ("event_id", "particle_id", "location", "x", "y", "z", "tx", "ty", "p")


def momentum(p: Any, tx: Any, ty: Any) -> tuple[Any, Any, Any]:
    """Components px, py, pz of the momentum p along the slopes (tx, ty)."""
    pz = p / np.sqrt(1 + tx**2 + ty**2)
    return tx * pz, ty * pz, pz


class Resolution(ModelStage):
    """Make the tracks: true state closest to the beam + residuals that the model draws.

    The reconstructed momentum is positive (the model may not, after rounding, take away more than 99.9 %
    of it), the number of degrees of freedom is the floor of the model's continuous one, and the charge is
    that of the particle.
    """

    name = "resolution"
    creates = "tracks"
    conditions = BEAM_CONDITIONS
    outputs = RESOLUTION
    reads = columns(
        particles=("event_id", "particle_id", "pid", "charge", "fate", "out_of_domain"), true_states=_TRUE
    )
    writes = columns(
        particles=("out_of_domain",),
        tracks=(
            *("event_id", "track_id", "particle_id", "type", "charge", "x", "y", "z", "tx", "ty", "p"),
            *("px", "py", "pz", "qop", "chi2PerDoF", "nDoF", "ghostProb"),
        ),
    )

    def selected(self, c: Any) -> Any:
        """Particles that are reconstructed."""
        return c["fate"] >= Fate.LONG

    def fed(self, c: Any) -> dict[str, Any]:
        """Return the true state closest to the beam."""
        state = {name: c[f"true.{name}"] for name in ("x", "y", "z", "tx", "ty", "p")}
        return beam_columns_of(pid=c["pid"], track_type=_track_type(c), **state)

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:
        """Return the track of each reconstructed particle."""
        state = {name: c[f"true.{name}"] + y[f"d{name}"] for name in ("x", "y", "z", "tx", "ty")}
        p = np.maximum(c["true.p"] + y["dp"], 1e-3 * c["true.p"])
        px, py, pz = momentum(p, state["tx"], state["ty"])
        quality = {
            "chi2PerDoF": y["chi2PerDoF"],
            "nDoF": np.maximum(np.floor(y["nDoF_f"]), 0).astype(np.int64),
            "ghostProb": y["ghostProb"],
        }
        kinematics = {**state, "p": p, "px": px, "py": py, "pz": pz, "qop": c["charge"] / p}
        identity = {"particle_id": c["particle_id"], "type": _track_type(c), "charge": c["charge"]}
        return {**identity, **kinematics, **quality}


def _track_type(c: Any) -> Any:
    return c["fate"] - TRACK_TYPE_OF_FATE

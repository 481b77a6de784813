"""Resolution: the reconstructed state closest to the beam and the quality of the track fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Table
from lamarr.flash.stage import columns
from lamarr.flash.stages.model import ModelStage, flagged
from lamarr.flash.stages.rows import number_in_event, reconstructed, states_closest_to_beam
from lamarr.parametrizations.tracking import BEAM_CONDITIONS, RESOLUTION, beam_conditions

__all__ = ["TRACK_TYPE_OF_FATE", "Resolution", "momentum"]

TRACK_TYPE_OF_FATE = 10
"""Fates of reconstructed particles are 10 above LHCb's codes of track types."""

_TRUE = ("event_id", "particle_id", "location", "x", "y", "z", "tx", "ty", "p")


def momentum(
    p: NDArray[np.float64], tx: NDArray[np.float64], ty: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
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

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with the table of tracks, one for each reconstructed particle."""
        rows = reconstructed(batch["particles"])
        keys = batch["particles"].take(rows)
        true = states_closest_to_beam(batch, keys["event_id"], keys["particle_id"])
        track_type = keys["fate"] - TRACK_TYPE_OF_FATE
        conditions = beam_conditions(pid=keys["pid"], track_type=track_type, **true)
        y, outside = self.evaluate(conditions, self.noise(keys, seed), keys)
        tracks = {
            "event_id": keys["event_id"],
            "track_id": number_in_event(keys["event_id"]),
            "particle_id": keys["particle_id"],
            "type": track_type,
            **_reconstructed_state(true, y, keys),
            "chi2PerDoF": y["chi2PerDoF"],
            "nDoF": np.maximum(np.floor(y["nDoF_f"]), 0).astype(np.int64),
            "ghostProb": y["ghostProb"],
        }
        return batch.with_tables(
            batch["particles"].with_columns(out_of_domain=flagged(batch, rows, outside)),
            Table("tracks", tracks),
        )


def _reconstructed_state(
    true: dict[str, NDArray[np.float64]], y: dict[str, NDArray[np.float32]], keys: Table
) -> dict[str, NDArray[Any]]:
    state: dict[str, NDArray[Any]] = {c: true[c] + y[f"d{c}"] for c in ("x", "y", "z", "tx", "ty")}
    state["p"] = np.maximum(true["p"] + y["dp"], 1e-3 * true["p"])
    state["px"], state["py"], state["pz"] = momentum(state["p"], state["tx"], state["ty"])
    state["charge"] = keys["charge"]
    state["qop"] = keys["charge"] / state["p"]
    return state

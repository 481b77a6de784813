"""Covariance: the 5 × 5 matrix that the track fit reports for (x, y, tx, ty, q/p)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lamarr.events import COVARIANCE_PAIRS, EventBatch
from lamarr.flash.stage import columns
from lamarr.flash.stages.model import ModelStage, flagged
from lamarr.flash.stages.rows import reconstructed, states_closest_to_beam
from lamarr.parametrizations.tracking import COVARIANCE, COVARIANCE_CONDITIONS, beam_conditions
from lamarr.random import Stream

__all__ = ["Covariance", "covariance_columns"]

SHRINKAGE = 1e-5
"""Correlations are scaled by 1 − 1e-5, so that float32 rounding cannot make a singular matrix of them."""


def covariance_columns(y: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float64]]:
    """Columns cov00 … cov44 from log variances and correlations: cov_ij = ρ_ij σ_i σ_j.

    Positive definite if the correlations are positive semi-definite within 1e-5.
    """
    sigma = [np.exp(0.5 * y[f"log_var_{i}"].astype(np.float64)) for i in range(5)]
    columns = {}
    for i, j in COVARIANCE_PAIRS:
        rho = 1.0 if i == j else (1 - SHRINKAGE) * y[f"corr_{i}{j}"].astype(np.float64)
        columns[f"cov{i}{j}"] = rho * sigma[i] * sigma[j]
    return columns


class Covariance(ModelStage):
    """Add the covariance columns to the tracks, given the true state and the quality of the fit.

    The model was trained on a continuous number of degrees of freedom; the integer one gets back a
    uniform fraction (drawn once more, which the covariance cannot tell).
    """

    name = "covariance"
    conditions = COVARIANCE_CONDITIONS
    outputs = COVARIANCE
    reads = columns(
        particles=("event_id", "particle_id", "pid", "fate", "out_of_domain"),
        true_states=("event_id", "particle_id", "location", "x", "y", "z", "tx", "ty", "p"),
        tracks=("event_id", "particle_id", "type", "chi2PerDoF", "nDoF", "ghostProb"),
    )
    writes = columns(
        particles=("out_of_domain",),
        tracks=tuple(f"cov{i}{j}" for i, j in COVARIANCE_PAIRS),
    )

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with covariances."""
        tracks, rows = batch["tracks"], reconstructed(batch["particles"])
        pid = batch["particles"]["pid"][rows]
        true = states_closest_to_beam(batch, tracks["event_id"], tracks["particle_id"])
        state = beam_conditions(pid=pid, track_type=tracks["type"], **true)
        u = Stream(seed, f"{self.name}.nDoF").uniform(tracks["event_id"], tracks["particle_id"])[:, 0]
        quality = [tracks["chi2PerDoF"], tracks["nDoF"].astype(np.float32) + u, tracks["ghostProb"]]
        conditions = np.concatenate([state[:, :6], np.stack(quality, axis=1), state[:, 6:]], axis=1)
        y, outside = self.evaluate(conditions, self.noise(tracks, seed), tracks)
        return batch.with_tables(
            batch["particles"].with_columns(out_of_domain=flagged(batch, rows, outside)),
            tracks.with_columns(**covariance_columns(y)),
        )

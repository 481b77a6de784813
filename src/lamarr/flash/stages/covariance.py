"""Covariance: the 5 × 5 matrix that the track fit reports for (x, y, tx, ty, q/p)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamarr.elementary import exp
from lamarr.events import COVARIANCE_PAIRS
from lamarr.flash.row_stage import Draw
from lamarr.flash.stage import columns
from lamarr.flash.stages.model import ModelStage
from lamarr.parametrizations.tracking import COVARIANCE, COVARIANCE_CONDITIONS, beam_columns_of

__all__ = ["Covariance", "covariance_columns"]

SHRINKAGE = 1e-5
"""Correlations are scaled by 1 − 1e-5, so that float32 rounding cannot make a singular matrix of them."""


def covariance_columns(y: Mapping[str, Any]) -> dict[str, Any]:
    """Columns cov00 … cov44 from log variances and correlations: cov_ij = ρ_ij σ_i σ_j.

    Positive definite if the correlations are positive semi-definite within 1e-5.
    """
    sigma = [exp(0.5 * y[f"log_var_{i}"].astype(np.float64)) for i in range(5)]
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
    over = "tracks"
    conditions = COVARIANCE_CONDITIONS
    outputs = COVARIANCE
    draws = {"u": Draw(kind="uniform", suffix=".nDoF")}  # noqa: RUF012
    reads = columns(
        particles=("event_id", "particle_id", "pid", "fate", "out_of_domain"),
        true_states=("event_id", "particle_id", "location", "x", "y", "z", "tx", "ty", "p"),
        tracks=("event_id", "particle_id", "type", "chi2PerDoF", "nDoF", "ghostProb"),
    )
    writes = columns(
        particles=("out_of_domain",),
        tracks=tuple(f"cov{i}{j}" for i, j in COVARIANCE_PAIRS),
    )

    def selected(self, c: Any) -> Any:  # noqa: ARG002
        """All tracks."""
        return True

    def fed(self, c: Any) -> dict[str, Any]:
        """Return the true state closest to the beam, and the quality of the fit."""
        state = {name: c[f"true.{name}"] for name in ("x", "y", "z", "tx", "ty", "p")}
        degrees = c["nDoF"].astype(np.float32) + c["u"]
        quality = {"chi2PerDoF": c["chi2PerDoF"], "nDoF_f": degrees, "ghostProb": c["ghostProb"]}
        return {**beam_columns_of(pid=c["particle.pid"], track_type=c["type"], **state), **quality}

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the covariances."""
        return covariance_columns(y)

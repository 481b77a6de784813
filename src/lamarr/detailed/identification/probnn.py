"""ProbNN: probabilities of e, μ, π, K, p and ghost by a network over everything that detectors say.

Trained by ``python -m lamarr.training.identification.probnn`` on tracks of detailed simulation in which the
six kinds have equal weight: the outputs are probabilities under equal priors and add up to 1. As in LHCb,
ProbNNmu of a track that is no muon (isMuon) is −1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.transpile.model import Model, load_model

__all__ = ["INPUTS", "OUTPUTS", "network_inputs", "probabilities", "track_kinematics"]

OUTPUTS: Final = ("ProbNNe", "ProbNNmu", "ProbNNpi", "ProbNNk", "ProbNNp", "ProbNNghost")

_LIKELIHOODS: Final = ("RichDLLe", "RichDLLmu", "RichDLLk", "RichDLLp", "RichDLLbt")
_CALO: Final = ("EcalPIDe", "EcalPIDmu", "HcalPIDe", "HcalPIDmu", "PrsPIDe", "BremPIDe")

INPUTS: Final = (
    "log_p",
    "eta",
    "long",
    "upstream",
    "downstream",
    "ghostProb",
    "chi2PerDoF",
    "nDoF",
    *_LIKELIHOODS,
    "isMuon",
    "isMuonLoose",
    "MuonMuLL",
    "MuonBkgLL",
    *_CALO,
    "ecal_over_p",
    "hcal_over_p",
    "brem_over_p",
)
"""Inputs of the network; likelihood differences are compressed, see :func:`network_inputs`."""

_LONG, _UPSTREAM, _DOWNSTREAM = 3, 4, 5


def track_kinematics(tracks: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return what the network uses of RECO_TRACK (n,): momentum in MeV, pseudorapidity, fit quality, type."""
    state = tracks["state"]
    has = np.isfinite(state["qop"]) & np.isfinite(state["tx"])
    first = np.argmax(has, axis=1) if len(tracks) else np.zeros(0, np.int64)
    chosen = state[np.arange(len(tracks)), first]
    slope = np.hypot(chosen["tx"], chosen["ty"])
    return {
        "p": np.abs(1 / np.where(chosen["qop"] != 0, chosen["qop"], np.nan)),
        "eta": np.arcsinh(1 / np.maximum(slope, 1e-5)),
        "type": tracks["type"],
        "ghostProb": tracks["ghost_prob"],
        "chi2PerDoF": tracks["chi2"] / np.maximum(tracks["n_dof"], 1),
        "nDoF": tracks["n_dof"],
    }


def network_inputs(
    columns: Mapping[str, NDArray[Any]], tracks: Mapping[str, NDArray[Any]]
) -> NDArray[np.float32]:
    """Return the inputs (n, 27) from columns of ``pid`` and :func:`track_kinematics`.

    Likelihood differences d enter as asinh(d), MUON's likelihoods as 0 where the track is no muon; what is
    missing (NaN) enters as 0.
    """
    p, kind = tracks["p"], tracks["type"]
    is_muon = columns["isMuon"]
    values = [
        np.log(np.maximum(p, 1.0)),
        tracks["eta"],
        kind == _LONG,
        kind == _UPSTREAM,
        kind == _DOWNSTREAM,
        tracks["ghostProb"],
        np.minimum(tracks["chi2PerDoF"], 10.0),
        tracks["nDoF"],
        *(np.arcsinh(columns[name]) for name in _LIKELIHOODS),
        is_muon,
        columns["isMuonLoose"],
        *(np.where(is_muon, columns[name], 0.0) for name in ("MuonMuLL", "MuonBkgLL")),
        *(np.arcsinh(columns[name]) for name in _CALO),
        *(np.minimum(columns[f"Calo{name}E"] / np.maximum(p, 1.0), 3.0) for name in ("Ecal", "Hcal", "Brem")),
    ]
    return np.nan_to_num(np.stack([np.asarray(v, np.float32) for v in values], 1), posinf=0.0, neginf=0.0)


@cache
def _model() -> Model:
    return load_model(Path(str(resources.files(__package__).joinpath("models"))), "probnn")


def probabilities(columns: Mapping[str, NDArray[Any]], tracks: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return ProbNN of n tracks (RECO_TRACK) whose detectors say `columns`."""
    result = _model()(network_inputs(columns, track_kinematics(tracks)))
    named: dict[str, NDArray[Any]] = {name: result[:, i] for i, name in enumerate(OUTPUTS)}
    named["ProbNNmu"] = np.where(columns["isMuon"], named["ProbNNmu"], np.float32(-1))
    return named

"""PhotonID, IsNotE and IsNotH: a small network of what a cluster looks like.

Trained by ``python -m lamarr.training.identification.clusters``: PhotonID tells photons from all else, IsNotE
from electrons, IsNotH from hadrons, each as a probability under equal priors.
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

__all__ = ["INPUTS", "OUTPUTS", "cluster_inputs", "identify_clusters"]

OUTPUTS: Final = ("PhotonID", "IsNotE", "IsNotH")

INPUTS: Final = (
    "log_energy",
    "log_transverse",
    "outer",
    "middle",
    "inner",
    "E19",
    "larger_moment",
    "smaller_moment",
    "log_spd",
    "log_prs",
    "log_hcal",
    "hcal_ratio",
    "has_track",
)
"""Inputs of the network: moments in cells², logarithms of MeV, see :func:`cluster_inputs`."""

_CELLS: Final = np.array([1.0, 2.0, 3.0])  # cells per module and side by region


def cluster_inputs(columns: Mapping[str, NDArray[Any]], module: float) -> NDArray[np.float32]:
    """Return the inputs (n, 13) for columns of ``clusters``; `module` is the side of a module, mm."""
    region = np.asarray(columns["region"], np.int64)
    size = module / _CELLS[region]
    energy = np.maximum(columns["energy"], 1.0)
    r = np.hypot(columns["x"], columns["y"])
    mean = (columns["spread_xx"] + columns["spread_yy"]) / 2
    half = np.hypot((columns["spread_xx"] - columns["spread_yy"]) / 2, columns["spread_xy"])
    values = (
        np.log(energy),
        np.log(np.maximum(energy * r / np.hypot(r, columns["z"]), 1.0)),
        region == 0,
        region == 1,
        region == 2,
        columns["E19"],
        (mean + half) / size**2,
        (mean - half) / size**2,
        np.log1p(columns["E_spd"]),
        np.log1p(columns["E_prs"]),
        np.log1p(columns["E_hcal"]),
        np.minimum(columns["E_hcal"] / energy, 5.0),
        (np.asarray(columns["track_id"]) >= 0) | np.asarray(columns.get("other_track", False)),
    )
    return np.stack([np.asarray(v, np.float32) for v in values], 1)


@cache
def _model() -> Model:
    return load_model(Path(str(resources.files(__package__).joinpath("models"))), "cluster_identification")


def identify_clusters(columns: Mapping[str, NDArray[Any]], module: float) -> dict[str, NDArray[np.float32]]:
    """Return PhotonID, IsNotE and IsNotH of clusters."""
    result = _model()(cluster_inputs(columns, module))
    return {name: result[:, i] for i, name in enumerate(OUTPUTS)}

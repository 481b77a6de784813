"""Ghost probability: a small network on the quality of the fit and the numbers of hits.

Its weights come from ``python -m lamarr.detailed.tracking.train_ghosts`` and are stored as text with the
numbers of their test; numpy evaluates them.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.tracking.hits import Hits
from lamarr.detailed.tracking.planes import OT, PHI, TT, R
from lamarr.detailed.tracking.setup import Setup
from lamarr.events import TrackType

__all__ = ["FEATURES", "evaluate", "fit_features", "ghost_probability"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEATURES: Final = (
    "log_chi2_per_dof", "n_velo", "n_tt", "n_ot", "n_it", "n_outliers", "log_pt", "eta", "upstream",
    "downstream",
)  # fmt: skip


def fit_features(
    track_type: int, beam: Floats, chi2: Floats, n_dof: Ints, rows: Ints, hits: Hits, setup: Setup
) -> Floats:
    """Features (n, len(FEATURES)) of fitted tracks; hits that the fit removed are below −1 in `rows`."""
    used = rows >= 0
    kind = np.where(used, setup.planes.kind[hits.plane[np.maximum(rows, 0)]] if len(hits.plane) else -1, -1)
    count = [np.isin(kind, k).sum(axis=1) for k in ((R, PHI), (TT,), (OT,))]
    others = used.sum(axis=1) - sum(count)
    slope = np.hypot(beam[:, 3], beam[:, 4])
    sine = slope / np.sqrt(1 + slope**2)
    p = 1 / np.maximum(np.abs(beam[:, 5]), 1e-5)
    quality = np.log(np.maximum(chi2 / np.maximum(n_dof, 1), 1e-2))
    columns = [quality, *count, others, (rows < -1).sum(axis=1)]
    kinds = [np.full(len(rows), float(track_type == k)) for k in (TrackType.UPSTREAM, TrackType.DOWNSTREAM)]
    eta = np.arcsinh(1 / np.maximum(slope, 1e-4))
    return np.stack([*columns, np.log(np.maximum(p * sine, 1e-3)), eta, *kinds], axis=1)


def ghost_probability(features: Floats) -> Floats:
    """Probability (n,) that tracks are ghosts, in a sample like that of the training."""
    return evaluate(_network(), features)


def evaluate(network: dict[str, Any], features: Floats) -> Floats:
    """Sigmoid of a network with one layer of tanh on standardised features."""
    x = (features - np.asarray(network["mean"])) / np.asarray(network["scale"])
    hidden = np.tanh(x @ np.asarray(network["w1"]) + np.asarray(network["b1"]))
    out: Floats = 1 / (1 + np.exp(-(hidden @ np.asarray(network["w2"]) + network["b2"])))
    return out


@cache
def _network() -> dict[str, Any]:
    file = resources.files(__package__).joinpath("ghosts.json")
    network: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["network"]
    return network

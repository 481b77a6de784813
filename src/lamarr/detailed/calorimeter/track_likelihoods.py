"""Likelihood differences of tracks from histograms of calorimeter quantities: EcalPIDe to BremPIDe.

Each is a table of ln(density for the lepton / density for hadrons) in ln p and one or two quantities,
interpolated linearly between the centres of its intervals. The tables are made from detailed simulation by
``python -m lamarr.training.identification.track_tables``; 0 where a track misses the calorimeter.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.calorimeter.tracks import TrackView
from lamarr.errors import ModelError

__all__ = ["P_EDGES", "TABLES", "Axis", "TableForm", "load_tables", "log_p", "track_likelihoods"]

Floats = NDArray[np.float64]

P_EDGES: Final = tuple(np.log([1.5e3, 3e3, 5e3, 8e3, 13e3, 20e3, 32e3, 50e3, 100e3]).tolist())
"""Borders of the intervals of ln(p/MeV)."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A quantity of tracks, and equal intervals of it; what lies outside belongs to the last ones."""

    quantity: Callable[[TrackView], Floats]
    low: float
    high: float
    bins: int

    @property
    def edges(self) -> Floats:
        """Borders of the intervals."""
        return np.linspace(self.low, self.high, self.bins + 1)


@dataclass(frozen=True, kw_only=True)
class TableForm:
    """Which lepton, which tracks, and which quantities a table compares."""

    lepton: int
    accepted: Callable[[TrackView], NDArray[np.bool_]]
    axes: tuple[Axis, ...]


def log_p(view: TrackView) -> Floats:
    """ln(p/MeV)."""
    return np.log(np.maximum(np.nan_to_num(view.p, nan=1.0), 1.0))


def _log(values: Floats) -> Floats:
    return np.log1p(np.minimum(values, 1e9))


def _over_p(values: Floats, view: TrackView) -> Floats:
    return values / np.exp(log_p(view))


def _in_ecal(view: TrackView) -> NDArray[np.bool_]:
    return view.in_ecal


def _in_hcal(view: TrackView) -> NDArray[np.bool_]:
    return view.in_hcal


_MATCH = Axis(quantity=lambda v: _log(v.chi2), low=0.0, high=7.0, bins=14)
_RATIO = Axis(quantity=lambda v: _over_p(v.matched, v), low=0.0, high=2.0, bins=25)
_ECAL = Axis(quantity=lambda v: _log(v.ecal), low=3.0, high=11.5, bins=34)
_HCAL = Axis(quantity=lambda v: _log(v.hcal), low=3.0, high=11.5, bins=34)
_HCAL_RATIO = Axis(quantity=lambda v: _over_p(v.hcal, v), low=0.0, high=1.5, bins=30)
_PRS = Axis(quantity=lambda v: _log(v.prs), low=0.0, high=6.0, bins=30)
_BREM = Axis(quantity=lambda v: _log(v.brem_chi2), low=0.0, high=10.0, bins=25)

TABLES: Final = {
    "EcalPIDe": TableForm(lepton=11, accepted=_in_ecal, axes=(_MATCH, _RATIO)),
    "EcalPIDmu": TableForm(lepton=13, accepted=_in_ecal, axes=(_ECAL,)),
    "HcalPIDe": TableForm(lepton=11, accepted=_in_hcal, axes=(_HCAL_RATIO,)),
    "HcalPIDmu": TableForm(lepton=13, accepted=_in_hcal, axes=(_HCAL,)),
    "PrsPIDe": TableForm(lepton=11, accepted=_in_ecal, axes=(_PRS,)),
    "BremPIDe": TableForm(lepton=11, accepted=lambda v: v.in_brem, axes=(_BREM,)),
}
"""Forms of the tables by name of the column of ``pid``."""


def interpolate(table: Floats, edges: list[Floats], points: list[Floats]) -> Floats:
    """Multilinear interpolation between the centres of the intervals; constant beyond the outermost."""
    corners, fractions = [], []
    for e, x in zip(edges, points, strict=True):
        centre = (e[1:] + e[:-1]) / 2
        place = np.interp(x, centre, np.arange(len(centre)))
        low = np.minimum(place.astype(np.int64), len(centre) - 2)
        corners.append(low)
        fractions.append(place - low)
    result = np.zeros(len(points[0]))
    for corner in np.ndindex(*(2,) * len(edges)):
        weight = np.ones(len(result))
        for c, f in zip(corner, fractions, strict=True):
            weight = weight * (f if c else 1 - f)
        result += weight * table[tuple(low + c for low, c in zip(corners, corner, strict=True))]
    return result


@cache
def load_tables() -> dict[str, Floats]:
    """Return the shipped tables by name, (p, quantity[, quantity]).

    Raises
    ------
    ModelError
        If a table has not the form that this version reads.
    """
    folder = Path(str(resources.files(__package__).joinpath("models")))
    card = json.loads((folder / "track_tables.json").read_text(encoding="utf-8"))
    with np.load(folder / card["file"], allow_pickle=False) as file:
        tables = {name: file[name].astype(np.float64) for name in TABLES}
    for name, form in TABLES.items():
        expected = (len(P_EDGES) - 1, *(a.bins for a in form.axes))
        if tables[name].shape != expected:
            raise ModelError(f"table {name} must have the shape {expected}, but got {tables[name].shape}")
    return tables


def track_likelihoods(view: TrackView, tables: dict[str, Floats] | None = None) -> dict[str, NDArray[Any]]:
    """Return the likelihood differences of n tracks by column of ``pid``."""
    chosen = load_tables() if tables is None else tables
    p = log_p(view)
    result = {}
    for name, form in TABLES.items():
        edges = [np.array(P_EDGES), *(a.edges for a in form.axes)]
        points = [p, *(a.quantity(view) for a in form.axes)]
        result[name] = np.where(form.accepted(view), interpolate(chosen[name], edges, points), 0.0)
    return result

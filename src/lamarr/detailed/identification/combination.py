"""All columns of the table ``pid``: what the detectors say, their sums, and a network's probabilities.

As in LHCb's combined likelihood, detectors add the likelihood differences to the pion that they have: RICH
for all hypotheses, the calorimeters for electron (against hadron) and muon, MUON for the muon where the
track is a muon (isMuon). MUON's likelihood of "no muon" is that of all other hypotheses and cancels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.identification.probnn import probabilities
from lamarr.detailed.records import TrackingResult

__all__ = ["NO_MUON", "combine", "detector_columns"]

Columns = dict[str, NDArray[Any]]

NO_MUON: Final = -1000.0
"""MuonMuLL and MuonBkgLL of tracks that are no muons."""

_RICH: Final = ("RichDLLe", "RichDLLmu", "RichDLLk", "RichDLLp", "RichDLLbt")


class Rich(Protocol):
    """What is used of the RICH."""

    @property
    def dll(self) -> NDArray[np.float64]:
        """Likelihood differences (n, 5) for e, μ, K, p and no light."""


class Muon(Protocol):
    """What is used of the muon stations, each (n,)."""

    @property
    def is_muon(self) -> NDArray[np.bool_]:
        """Hits that the momentum asks for."""

    @property
    def is_muon_loose(self) -> NDArray[np.bool_]:
        """The same with fewer hits."""

    @property
    def mu_ll(self) -> NDArray[np.float64]:
        """Logarithm of the likelihood of a muon."""

    @property
    def bkg_ll(self) -> NDArray[np.float64]:
        """Logarithm of the likelihood of none."""


class Calo(Protocol):
    """What is used of the calorimeters."""

    @property
    def tracks(self) -> Columns:
        """Columns by name, each (n,)."""


def detector_columns(
    rich: NDArray[Any],
    is_muon: NDArray[Any],
    is_muon_loose: NDArray[Any],
    muon: tuple[NDArray[Any], NDArray[Any]],
    calo: Mapping[str, NDArray[Any]],
) -> Columns:
    """Return what each detector says and the combined likelihood differences.

    Parameters
    ----------
    rich : array (n, 5)
        RICH likelihood differences for e, μ, K, p and no light.
    is_muon, is_muon_loose : array (n,)
    muon : two arrays (n,)
        ln L(μ) and ln L(not μ) in the muon stations; used where the track is a muon.
    calo : mapping of str to array (n,)
        EcalPIDe, EcalPIDmu, HcalPIDe, HcalPIDmu, PrsPIDe, BremPIDe and energies.
    """
    mu_ll, bkg_ll = (np.where(is_muon, v, NO_MUON) for v in muon)
    columns: Columns = {name: rich[:, i] for i, name in enumerate(_RICH)}
    columns |= {"isMuon": is_muon, "isMuonLoose": is_muon_loose, "MuonMuLL": mu_ll, "MuonBkgLL": bkg_ll}
    columns |= calo
    electron = sum((calo[k] for k in ("EcalPIDe", "HcalPIDe", "PrsPIDe", "BremPIDe")), np.zeros(len(is_muon)))
    muonic = calo["EcalPIDmu"] + calo["HcalPIDmu"]
    columns["PIDe"] = columns["RichDLLe"] + electron
    columns["PIDmu"] = columns["RichDLLmu"] + muonic + np.where(is_muon, mu_ll - bkg_ll, 0.0)
    columns["PIDK"] = columns["RichDLLk"]
    columns["PIDp"] = columns["RichDLLp"]
    return columns


def combine(tracking: TrackingResult, rich: Rich, muon: Muon, calo: Calo) -> Columns:
    """Return the columns of the table ``pid`` (but ``event_id``) for n reconstructed tracks."""
    columns = detector_columns(
        rich.dll, muon.is_muon, muon.is_muon_loose, (muon.mu_ll, muon.bkg_ll), calo.tracks
    )
    columns |= probabilities(columns, tracking.tracks)
    return {"track_id": np.arange(len(tracking.tracks)), **columns}

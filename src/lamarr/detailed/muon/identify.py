"""isMuon and the muon likelihoods of all tracks of an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.context import Context
from lamarr.detailed.muon.decision import Search, decide, search
from lamarr.detailed.muon.likelihood import NO_LIKELIHOOD, load_tables
from lamarr.detailed.muon.pads import fire
from lamarr.detailed.records import SimEvent, TrackingResult

__all__ = ["MuonResult", "identify", "look"]


@dataclass(frozen=True)
class MuonResult:
    """What the muon stations say of each reconstructed track.

    Attributes
    ----------
    is_muon, is_muon_loose : (n,) of bool
    mu_ll, bkg_ll : (n,)
        MuonMuLL and MuonBkgLL, −1000 without isMuon.
    """

    is_muon: NDArray[np.bool_]
    is_muon_loose: NDArray[np.bool_]
    mu_ll: NDArray[np.float64]
    bkg_ll: NDArray[np.float64]


def look(event: SimEvent, tracking: TrackingResult, context: Context) -> Search:
    """Digitise the muon stations of `event` and look for hits around its tracks."""
    muon = context.geometry.muon
    pads = fire(event.muon_hits, muon, context.generator(event.event_id, "muon"))
    return search(tracking.tracks, pads, muon)


def identify(event: SimEvent, tracking: TrackingResult, context: Context) -> MuonResult:
    """Return decisions and likelihoods of all tracks of `event`."""
    seen = look(event, tracking, context)
    is_muon, is_muon_loose = decide(seen)
    mu_ll, bkg_ll = (np.where(is_muon, ll, NO_LIKELIHOOD) for ll in load_tables().likelihoods(seen))
    return MuonResult(is_muon, is_muon_loose, mu_ll, bkg_ll)

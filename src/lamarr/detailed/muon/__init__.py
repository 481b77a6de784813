"""Muon stations: pads, the decision isMuon, and likelihoods from the distance of hits to the track."""

from __future__ import annotations

from lamarr.detailed.muon.identify import MuonResult, identify

__all__ = ["MuonResult", "identify"]

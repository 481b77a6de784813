"""Published performance as numbers, each with where it was read."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "IS_MUON",
    "MISIDENTIFICATION",
    "RAPIDSIM_IS_MUON",
    "misidentification",
    "pidcalib",
]

Array = NDArray[Any]


def pidcalib() -> dict[str, Array]:
    """PIDCalib's efficiencies of DLL(K − π) > 0 for kaons and < 0 for pions in bins of p (GeV).

    Turbo18 (2018, magnet up), real D*+ → D0 π+ decays, background subtracted; made from the test data of
    PIDCalib2 (github umd-lhcb/pidcalib2, 90ba3cf): 86,115 kaons, 86,772 pions. Allow 0.01 beyond the
    statistical error.
    """
    file = resources.files("lamarr.validation.detailed_report").joinpath("pidcalib_turbo18_dllk0.csv")
    names, *lines = file.read_text(encoding="utf-8").split()
    columns = np.array([[float(v) for v in line.split(",")] for line in lines]).T
    return dict(zip(names.split(","), columns, strict=True))


MISIDENTIFICATION: Final = {211: (0.005, 0.0663, 0.13), 321: (0.005, 0.086, 0.11), 2212: (0.002, 0.0, 0.0)}
"""a, b, c of a + b exp(−c p), p in GeV: hadrons with isMuon (Delphes' LHCb card, citing JINST 8 P10020)."""

IS_MUON: Final = (0.95, 0.98)
"""Efficiency of isMuon for muons, 2011 data (arXiv:1306.0249, abstract)."""

RAPIDSIM_IS_MUON: Final = {13: (0.937, 0.902), 211: (0.019, 0.006), 321: (0.025, 0.012), 2212: (0.013, 0.003)}
"""Tracks with ProbNNmu at 0 to 40 and 40 to 80 GeV: RapidSim's histograms of real data, year unknown."""


def misidentification(pid: int, p: Array) -> Array:
    """Probability of isMuon for a hadron at p (GeV)."""
    a, b, c = MISIDENTIFICATION[pid]
    return a + b * np.exp(-c * np.asarray(p, float))

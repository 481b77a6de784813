"""Likelihoods of tracks with isMuon, from the average squared distance of their hits.

D² is the mean over M2 to M5 of the squared distance, in pads, of the closest hit in the field of interest,
over the stations that have one. t = tanh(D² / s) spreads it over [0, 1]; s, by region and momentum, is the
median D² of non-muons. MuonMuLL is the logarithm of the part of muons that lie further out, MuonBkgLL that of
the part of non-muons that lie further in.

References
----------
F. Archilli et al., JINST 8 (2013) P10020, arXiv:1306.0249
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.muon.decision import Search

__all__ = ["NO_LIKELIHOOD", "Tables", "average_distance", "build", "load_tables", "read_tables"]

LEAST = 30
"""Tracks that a bin of the tables needs."""

NO_LIKELIHOOD = -1000.0
"""Value of the likelihoods of a track that is no muon by isMuon."""

Floats = NDArray[np.float64]


def average_distance(s: Search) -> Floats:
    """D² (n,) in pads²; infinite for tracks without any hit."""
    found = s.found[:, 1:]
    total = np.where(found, s.distance[:, 1:], 0.0).sum(axis=1)
    return np.where(found.any(axis=1), total / np.maximum(found.sum(axis=1), 1), np.inf)


@dataclass(frozen=True)
class Tables:
    """Cumulative distributions of t = tanh(D² / s).

    Attributes
    ----------
    p_edges : (m − 1,)
        Momenta in MeV that part the m bins.
    scale : (4, m)
        s by region of M2 and momentum bin.
    muon, other : (4, m, k)
        Part of muons above, and of non-muons below, the k − 1 inner edges of equal bins of t and its ends.
    card : dict
        What they were made of.
    """

    p_edges: Floats
    scale: Floats
    muon: Floats
    other: Floats
    card: dict[str, Any]

    def likelihoods(self, s: Search) -> tuple[Floats, Floats]:
        """MuonMuLL and MuonBkgLL (n,) of all tracks, whatever their isMuon."""
        region, bin_ = np.maximum(s.region, 0), np.searchsorted(self.p_edges, s.p, side="right")
        t = np.tanh(average_distance(s) / self.scale[region, bin_])
        parts = []
        for table in (self.muon, self.other):
            steps = table.shape[2] - 1
            k = np.minimum((t * steps).astype(int), steps - 1)
            low, high = table[region, bin_, k], table[region, bin_, k + 1]
            parts.append(np.log(low + (high - low) * (t * steps - k)))
        return parts[0], parts[1]


@cache
def load_tables() -> Tables:
    """Return the shipped tables."""
    return read_tables(resources.files(__package__).joinpath("tables.json").read_text(encoding="utf-8"))


def read_tables(text: str) -> Tables:
    """Return the tables that a JSON text holds."""
    data = json.loads(text)
    p_edges, scale, muon, other = (np.array(data[k], float) for k in ("p_edges", "scale", "muon", "other"))
    return Tables(p_edges, scale, muon, other, card=data["card"])


def build(muons: Search, others: Search, p_edges: Floats, steps: int, card: dict[str, Any]) -> Tables:
    """Make tables from tracks with isMuon; bins with few of a kind take all regions, or all tracks.

    Parameters
    ----------
    muons, others : Search
        Of true muons and of other tracks.
    p_edges : (m − 1,)
        MeV.
    steps : int
        Bins of t.
    card : dict
        Kept with the tables.
    """
    shape = (4, len(p_edges) + 1)
    scale = np.zeros(shape)
    tables = np.zeros((2, *shape, steps + 1))
    kinds = [
        (average_distance(s), s.region, np.searchsorted(p_edges, s.p, side="right")) for s in (muons, others)
    ]
    for region in range(4):
        for bin_ in range(shape[1]):
            values = [_of_bin(*kind, region, bin_) for kind in kinds]
            scale[region, bin_] = s = float(np.median(values[1]))
            edges = np.linspace(0, 1, steps + 1)
            for table, value, above in zip(tables, values, (True, False), strict=True):
                table[region, bin_] = _cumulative(np.tanh(value / s), edges, above)
    return Tables(np.asarray(p_edges, float), scale, tables[0], tables[1], card)


def _of_bin(d2: Floats, region: NDArray[Any], p_bin: NDArray[Any], own_region: int, own_bin: int) -> Floats:
    known = np.isfinite(d2)
    momentum = known & (p_bin == own_bin)
    both = momentum & (region == own_region)
    return np.asarray(d2[next((use for use in (both, momentum) if use.sum() >= LEAST), known)])


def _cumulative(t: Floats, edges: Floats, above: bool) -> Floats:
    """Part of `t` above (or below) each edge, with one entry added so that none is zero."""
    below = np.searchsorted(np.sort(t), edges, side="left").astype(float)
    counts = len(t) - below if above else below
    return np.asarray((counts + 1) / (len(t) + 1))

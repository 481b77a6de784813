"""isMuon of muons and hadrons against published curves."""

from __future__ import annotations

from typing import Final

import numpy as np

from lamarr.validation.detailed_report.findings import Finding, Plot, Reference, Section
from lamarr.validation.detailed_report.references import (
    IS_MUON,
    MISIDENTIFICATION,
    RAPIDSIM_IS_MUON,
    misidentification,
)
from lamarr.validation.detailed_report.selection import LongTracks
from lamarr.validation.profiles import Profile, efficiencies

__all__ = ["muon_section"]

EDGES: Final = (3, 4.5, 6, 8, 10, 14, 20, 30, 50, 100)
FACTOR: Final = 1.5
NAMES: Final = {211: "pions", 321: "kaons", 2212: "protons"}


def muon_section(tracks: LongTracks) -> Section:
    """Return efficiency and misidentification of isMuon for tracks that point to the muon stations."""
    is_muon = np.asarray(tracks.columns["isMuon"], bool)
    usable = tracks.in_muon & (tracks.p > 3) & (tracks.pt > 0.8)
    usable_muon = tracks.in_muon & (tracks.p > 3)
    muons = tracks.of(13) & usable_muon
    profile = efficiencies(tracks.p[muons], is_muon[muons], EDGES, least=20)
    findings = [_efficiency(is_muon[muons & (tracks.p > 6)])]
    findings += [_inefficiency(is_muon[muons & (tracks.p > 6)])]
    plots = [_muon_plot(profile)]
    hadrons = {}
    for pid, name in NAMES.items():
        own = tracks.of(pid) & usable
        hadrons[name] = efficiencies(tracks.p[own], is_muon[own], EDGES, least=50)
        findings += _misidentification(pid, name, tracks.p[own], is_muon[own])
    plots.append(_hadron_plot(hadrons))
    notes = (
        "isMuon of long tracks with p > 3 GeV that point inside of M2 and M5.",
        "Hadrons have pT > 0.8 GeV, the range of the published curve; muons come from any decay.",
    )
    return Section(title="Muon identification", findings=tuple(findings), plots=tuple(plots), notes=notes)


def _efficiency(passed: np.ndarray) -> Finding:
    n = len(passed)
    value = float(passed.mean()) if n else np.nan
    low, high = IS_MUON
    return Finding(
        name="isMuon efficiency of muons, p > 6 GeV",
        value=value,
        error=float(np.sqrt(max(value * (1 - value), 0.25 / n) / n)) if n else np.nan,
        low=low / FACTOR,
        high=1.0,
        target=f"{low}–{high} (arXiv:1306.0249) within a factor {FACTOR}",
        note=f"{n} muons",
    )


def _inefficiency(passed: np.ndarray) -> Finding:
    n = len(passed)
    value = float(1 - passed.mean()) if n else np.nan
    return Finding(
        name="isMuon inefficiency of muons, p > 6 GeV",
        value=value,
        error=float(np.sqrt(max(value * (1 - value), 0.25 / n) / n)) if n else np.nan,
        low=(1 - IS_MUON[1]) / FACTOR,
        high=(1 - IS_MUON[0]) * FACTOR,
        target=f"0.02–0.05 (arXiv:1306.0249) within a factor {FACTOR}",
        note=f"{n} muons; the stricter reading of the target",
    )


def _misidentification(pid: int, name: str, p: np.ndarray, passed: np.ndarray) -> list[Finding]:
    """Compare numbers found and expected from the published curve, over all momenta and in two ranges."""
    findings = []
    for low, high in ((3, 10), (10, 100)):
        own = (p > low) & (p < high)
        found, expected = int(passed[own].sum()), float(misidentification(pid, p[own]).sum())
        ratio = found / expected if expected >= 3 else np.nan
        findings.append(
            Finding(
                name=f"isMuon of {name}, {low}–{high} GeV: found over published",
                value=ratio,
                error=np.sqrt(max(found, 1)) / expected if expected >= 3 else np.nan,
                low=1 / FACTOR,
                high=FACTOR,
                target=f"1 within a factor {FACTOR} (Delphes' LHCb card, citing JINST 8 P10020)",
                note=f"{found} of {own.sum()} tracks, {expected:.1f} expected",
            )
        )
    return findings


def _muon_plot(profile: Profile) -> Plot:
    x = np.array([3.0, 40.0, 40.0, 80.0])
    real = np.array(RAPIDSIM_IS_MUON[13])[[0, 0, 1, 1]]
    quoted = Reference(
        label="0.95–0.98, arXiv:1306.0249",
        x=np.array([3.0, 100.0]),
        y=np.full(2, np.mean(IS_MUON)),
        low=np.full(2, IS_MUON[0]),
        high=np.full(2, IS_MUON[1]),
    )
    return Plot(
        name="muon-efficiency",
        title="isMuon of muons",
        x_label=r"$p$ [GeV]",
        y_label="efficiency",
        profiles={"detailed simulation": profile},
        references=(quoted, Reference(label="RapidSim's histograms", x=x, y=real)),
        log_x=True,
        y_range=(0.5, 1.05),
        caption="Muons with isMuon. RapidSim's histograms hold real data of unknown year, all tracks.",
    )


def _hadron_plot(profiles: dict[str, Profile]) -> Plot:
    p = np.geomspace(3, 100, 60)
    references = tuple(
        Reference(label=f"{NAMES[pid]}, published", x=p, y=misidentification(pid, p))
        for pid in MISIDENTIFICATION
    )
    return Plot(
        name="muon-misidentification",
        title="isMuon of hadrons",
        x_label=r"$p$ [GeV]",
        y_label="probability",
        profiles=profiles,
        references=references,
        log_x=True,
        y_range=(0.0, 0.12),
        caption="Hadrons with isMuon: decays in flight, punch-through, hits of others.",
    )

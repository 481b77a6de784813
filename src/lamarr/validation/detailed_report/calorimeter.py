"""Photons, π0 and clusters of the calorimeter against its design."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from lamarr.detailed.calorimeter.performance import LARGEST_ET, PURE, calorimeter_performance
from lamarr.events import EventBatch
from lamarr.validation.detailed_report.findings import Finding, Plot, Reference, Section
from lamarr.validation.profiles import Profile

__all__ = ["calorimeter_section"]

TOLERANCE: Final = 0.20
PI0_MASS: Final = 134.9768


def calorimeter_section(batch: EventBatch) -> Section:
    """Return energy resolution of photons and the π0 peak."""
    title = "Calorimeter"
    if "clusters" not in batch or "calo_particles" not in batch:
        return Section(title=title, notes=("The sample has no clusters.",))
    performance = calorimeter_performance(batch)
    findings = [_resolution(performance["photons"]), *_pi0(performance["pi0"])]
    clusters = performance["clusters"]
    findings.append(
        Finding(name="clusters per event", value=clusters["mean"], note=f"median {clusters['median']:g}")
    )
    note = (
        f"Photons with a cluster of their own: {PURE:.0%} of the energy of each is in the other. Above "
        f"{LARGEST_ET:g} GeV of transverse energy cells reach the end of their ADC, as LHCb's do: left out."
    )
    return Section(
        title=title, findings=tuple(findings), plots=(_plot(performance["photons"]),), notes=(note,)
    )


def _resolution(rows: list[dict[str, float]]) -> Finding:
    name, target = "σ(E)/E of photons over 10 %/√E ⊕ 1 %", "1 ± 0.20 in every bin (design)"
    low, high = 1 - TOLERANCE, 1 + TOLERANCE
    if not rows:
        return Finding(name=name, value=np.nan, low=low, high=high, target=target)
    worst = max(rows, key=lambda r: abs(r["over_design"] - 1))
    note = ", ".join(
        f"{r['low']:g}–{r['high']:g} GeV: {r['over_design']:.2f} ± {r['error'] / r['design']:.2f}"
        for r in rows
    )
    return Finding(
        name=f"{name}: farthest bin, {worst['low']:g}–{worst['high']:g} GeV",
        value=worst["over_design"],
        error=worst["error"] / worst["design"],
        low=low,
        high=high,
        target=target,
        note=note,
    )


def _pi0(peak: dict[str, float] | None) -> list[Finding]:
    if peak is None:
        return [Finding(name="mass of π0 → γγ", value=np.nan, unit="MeV", note="too few pairs of photons")]
    error = 1.25 * peak["width"] / np.sqrt(peak["pairs"])
    return [
        Finding(
            name="mass of π0 → γγ, median",
            value=peak["mass"],
            error=error,
            unit="MeV",
            low=0.95 * PI0_MASS,
            high=1.05 * PI0_MASS,
            target=f"{PI0_MASS:.2f} MeV ± 5 % (chosen)",
            note=f"{peak['pairs']:g} pairs",
        ),
        Finding(name="width of the π0 peak", value=peak["width"], unit="MeV"),
    ]


def _plot(rows: list[dict[str, float]]) -> Plot:
    def column(name: str) -> Any:
        return np.array([r[name] for r in rows])

    energy = np.geomspace(1, 130, 60)
    design = np.hypot(0.1 / np.sqrt(energy), 0.01)
    profile = Profile(
        low=column("low"),
        high=column("high"),
        x=column("energy"),
        value=column("width"),
        below=column("error"),
        above=column("error"),
        entries=column("photons").astype(np.int64),
        left_out=0,
    )
    return Plot(
        name="photon-energy",
        title="Energy resolution of photons",
        x_label=r"$E$ [GeV]",
        y_label=r"$\sigma_{68}\,(\Delta E/E)$ [%]",
        profiles={"detailed simulation": profile},
        references=(
            Reference(
                label=r"$10\,\%/\sqrt{E} \oplus 1\,\%$, ± 20 %",
                x=energy,
                y=design,
                low=(1 - TOLERANCE) * design,
                high=(1 + TOLERANCE) * design,
            ),
        ),
        log_x=True,
        scale=100,
    )

"""Resolutions, pulls and efficiencies of tracks against published ones."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Fate, TrackType
from lamarr.units import GeV
from lamarr.validation.detailed_report.findings import Finding, Plot, Reference, Section
from lamarr.validation.detailed_report.truth import Residuals, residuals
from lamarr.validation.metrics import half_width
from lamarr.validation.plots import RAPIDSIM_MOMENTUM, ip_reference
from lamarr.validation.profiles import Profile, efficiencies, half_width_error, widths

__all__ = ["tracks_section"]

HADRONS: Final = (211, 321, 2212)
P_EDGES: Final = (4, 7, 14, 24, 34, 44, 55, 65, 75, 90, 110, 135, 190, 235)
INVERSE_PT_EDGES: Final = (0, 0.3, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3)
TOLERANCE: Final = 0.15
PULL: Final = (0.95, 1.10)


def tracks_section(batch: EventBatch) -> Section:
    """Return momentum and IP resolution, pulls and long-track efficiency."""
    r = residuals(batch)
    own = np.isin(r.pid, (*HADRONS, 13))
    momentum = widths(r.p[own], r.momentum[own], P_EDGES, least=50)
    ip = widths(1 / r.pt[own], r.ip[own], INVERSE_PT_EDGES, least=50)
    expected = np.interp(momentum.x, *RAPIDSIM_MOMENTUM) / 100
    findings = [
        _ratio("σ(p)/p over RapidSim's LHCbGeneric", momentum, expected, "GeV", "RapidSim"),
        _ratio("σ(IPx) over 11.6 + 23.4 / pT", ip, ip_reference(ip.x), "/GeV", "JINST 9 C01065"),
        *_pulls(r),
    ]
    efficiency, more = _efficiency(batch)
    plots = (_momentum_plot(momentum), _ip_plot(ip), _efficiency_plot(efficiency))
    notes = (
        "Hadrons and muons with long tracks, against generated values; widths are half the central 68.3 %.",
        "IPx is one projection at the true point of closest approach, without the primary vertex.",
    )
    return Section(title="Tracks", findings=(*findings, *more), plots=plots, notes=notes)


def _ratio(name: str, profile: Profile, expected: NDArray[Any], unit: str, source: str) -> Finding:
    target = f"1 ± {TOLERANCE} in every bin ({source})"
    if not len(profile.value):
        return Finding(name=name, value=np.nan, low=1 - TOLERANCE, high=1 + TOLERANCE, target=target)
    ratio, error = profile.value / expected, profile.below / expected
    worst = int(np.argmax(np.abs(ratio - 1)))
    bins = ", ".join(
        f"{a:g}–{b:g} {unit}: {v:.2f} ± {e:.2f}"
        for a, b, v, e in zip(profile.low, profile.high, ratio, error, strict=True)
    )
    return Finding(
        name=f"{name}: farthest bin, {profile.low[worst]:g}–{profile.high[worst]:g} {unit}",
        value=float(ratio[worst]),
        error=float(error[worst]),
        low=1 - TOLERANCE,
        high=1 + TOLERANCE,
        target=target,
        note=bins,
    )


def _pulls(r: Residuals) -> list[Finding]:
    muon = (r.pid == 13) & (r.p > 3)
    n = int(muon.sum())
    target = f"{PULL[0]}–{PULL[1]}"
    findings = []
    for name, pull in r.pulls.items():
        value = half_width(pull[muon]) if n >= 30 else np.nan
        error = half_width_error(pull[muon]) if n >= 30 else np.nan
        findings.append(
            Finding(
                name=f"pull width of {name.replace('qop', 'q/p')}, muons",
                value=value,
                error=error,
                low=PULL[0],
                high=PULL[1],
                target=target,
                note=f"{n} muons above 3 GeV",
            )
        )
    return findings


def _efficiency(batch: EventBatch) -> tuple[dict[str, Profile], list[Finding]]:
    """Efficiency where hits allow a long track, and the part of accepted hadrons whose hits do not."""
    if "transport" not in batch:
        return {}, []
    transport, particles = batch["transport"], batch["particles"]
    rows = batch.rows_of("particles", transport["event_id"], transport["particle_id"])
    pid = np.abs(particles["pid"][rows])
    px, py, pz = (particles[c][rows] / GeV for c in ("px", "py", "pz"))
    p = np.sqrt(px**2 + py**2 + pz**2)
    eta = np.arcsinh(pz / np.maximum(np.hypot(px, py), 1e-9))
    possible = transport["reconstructible"] == TrackType.LONG
    found = particles["fate"][rows] == Fate.LONG
    profiles, findings = {}, []
    for name, ids, target in (("muons", (13,), 0.95), ("hadrons", HADRONS, np.nan)):
        own = np.isin(pid, ids) & possible & (p > 1.5)
        profiles[name] = efficiencies(p[own], found[own], (1.5, 3, 5, 8, 12, 20, 35, 60, 120), least=20)
        high = own & (p > 5)
        n, k = int(high.sum()), int((high & found).sum())
        findings.append(
            Finding(
                name=f"long-track efficiency of {name} above 5 GeV whose hits allow a long track",
                value=k / n if n else np.nan,
                error=float(np.sqrt(max(k / n * (1 - k / n), 0.25 / n) / n)) if n else np.nan,
                low=target,
                target="≥ 0.95 (arXiv:1408.1251)" if name == "muons" else "",
                note=f"{k} of {n}",
            )
        )
    for name, pid_ in (("pions", 211), ("kaons", 321)):
        inside = (pid == pid_) & (p > 5) & (eta > 2.2) & (eta < 4.5)
        n, k = int(inside.sum()), int((inside & ~possible).sum())
        findings.append(
            Finding(
                name=f"{name} above 5 GeV, 2.2 < η < 4.5, without the hits of a long track",
                value=k / n if n else np.nan,
                error=float(np.sqrt(max(k / n * (1 - k / n), 0.25 / n) / n)) if n else np.nan,
                target="about 0.14 (π), 0.11 (K) interact before the end of T (arXiv:1408.1251)",
                note=f"{k} of {n}; decays, interactions and the edges of the acceptance",
            )
        )
    return profiles, findings


def _momentum_plot(profile: Profile) -> Plot:
    x, y = (np.asarray(v, float) for v in RAPIDSIM_MOMENTUM)
    y = y / 100
    reference = Reference(
        label="RapidSim LHCbGeneric ± 15 %", x=x, y=y, low=(1 - TOLERANCE) * y, high=(1 + TOLERANCE) * y
    )
    return Plot(
        name="momentum",
        title="Momentum resolution",
        x_label=r"$p$ [GeV]",
        y_label=r"$\sigma_{68}\,(\Delta p/p)$ [%]",
        profiles={"hadrons and muons": profile},
        references=(reference,),
        log_x=True,
        y_range=(0, 1.6),
        scale=100,
    )


def _ip_plot(profile: Profile) -> Plot:
    x = np.array([0.0, 3.0])
    y = ip_reference(x)
    reference = Reference(
        label=r"$11.6 + 23.4/p_T$ ± 15 %", x=x, y=y, low=(1 - TOLERANCE) * y, high=(1 + TOLERANCE) * y
    )
    return Plot(
        name="ip",
        title="Impact parameter resolution (x)",
        x_label=r"$1/p_T$ [1/GeV]",
        y_label=r"$\sigma_{68}\,(\mathrm{IP}_x)$ [µm]",
        profiles={"hadrons and muons": profile},
        references=(reference,),
    )


def _efficiency_plot(profiles: dict[str, Profile]) -> Plot:
    x = np.array([5.0, 120.0])
    return Plot(
        name="long-efficiency",
        title="Long tracks of reconstructible particles",
        x_label=r"$p$ [GeV]",
        y_label="efficiency",
        profiles=profiles,
        references=(Reference(label="0.95, arXiv:1408.1251", x=x, y=np.full(2, 0.95)),),
        log_x=True,
        y_range=(0.6, 1.05),
    )

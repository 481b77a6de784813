"""Kaons and pions by the RICH against PIDCalib."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.validation.detailed_report.findings import Finding, Plot, Reference, Section
from lamarr.validation.detailed_report.offset import offset_finding
from lamarr.validation.detailed_report.references import pidcalib
from lamarr.validation.detailed_report.selection import LongTracks
from lamarr.validation.profiles import Profile, efficiencies

__all__ = ["rich_section"]

TOLERANCE: Final = 0.03
PROBNN_K: Final = {(3.0, 40.0): (0.897, 0.009), (40.0, 80.0): (0.821, 0.041)}
"""Momenta (GeV) to the parts of kaons and pions with ProbNNk > 0.5: RapidSim, rootfiles/pid."""
COMPARED: Final = (5.0, 90.0)
"""Range of momentum (GeV) in which the target holds."""


def rich_section(tracks: LongTracks) -> Section:
    """Return efficiencies of PIDK > 0 for kaons and < 0 for pions, and how far they are from PIDCalib's."""
    published = pidcalib()
    edges = np.concatenate([published["p_low_GeV"], published["p_high_GeV"][-1:]])
    dll = np.asarray(tracks.columns["PIDK"], float)
    findings, plots = [], []
    for pid, name, column, passed in (
        (321, "kaons, DLL(K−π) > 0", "kaon_DLLK_gt_0", dll > 0),
        (211, "pions, DLL(K−π) < 0", "pion_DLLK_lt_0", dll < 0),
    ):
        own = tracks.of(pid)
        # PIDCalib's first bin begins at 3 GeV; the target at 5.
        profile = efficiencies(tracks.p[own], passed[own], edges, least=20)
        reference, error = published[f"eff_{column}"], published[f"err_{column.split('_')[0]}"]
        findings += _findings(name, profile, edges, reference, error)
        plots.append(_plot(name, profile, edges, reference, error))
    both = {
        321: (published["eff_kaon_DLLK_gt_0"], published["err_kaon"]),
        211: (published["eff_pion_DLLK_lt_0"], published["err_pion"]),
    }
    findings.append(offset_finding(tracks, dll, edges, both, COMPARED, TOLERANCE))
    findings += _probnn(tracks)
    notes = (
        "PIDK of long tracks with χ²/ndof < 3 and pT > 250 MeV that reconstruct a generated particle.",
        "PIDCalib: D*+ → D0 π+ in 2018 data. Its occupancy and its spectrum inside the bins are others.",
    )
    return Section(title="RICH", findings=tuple(findings), plots=tuple(plots), notes=notes)


def _probnn(tracks: LongTracks) -> list[Finding]:
    """Return the parts of kaons and pions with ProbNNk > 0.5; RapidSim's histograms set no target."""
    probability = np.asarray(tracks.columns["ProbNNk"], float)
    findings = []
    for (low, high), parts in PROBNN_K.items():
        for name, pid, published in zip(("kaons", "pions"), (321, 211), parts, strict=True):
            own = tracks.of(pid) & (tracks.p > low) & (tracks.p < high)
            profile = efficiencies(tracks.p[own], probability[own] > 0.5, (low, high), least=20)
            found = bool(len(profile.value))
            findings.append(
                Finding(
                    name=f"{name} with ProbNNk > 0.5, {low:g}–{high:g} GeV",
                    value=float(profile.value[0]) if found else np.nan,
                    error=float(profile.below[0]) if found else np.nan,
                    note=f"RapidSim's histograms of data: {published:g}",
                )
            )
    return findings


def _rows(profile: Profile, edges: NDArray[Any]) -> NDArray[np.int64]:
    return np.searchsorted(edges, profile.low)


def _findings(
    name: str, profile: Profile, edges: NDArray[Any], reference: NDArray[Any], error: NDArray[Any]
) -> list[Finding]:
    rows = _rows(profile, edges)
    target = f"within {TOLERANCE} of PIDCalib in every bin from 5 to 90 GeV"
    centre = (profile.low + profile.high) / 2
    used = (centre > COMPARED[0]) & (centre < COMPARED[1])
    if not used.any():
        return [Finding(name=f"ε({name}): largest distance", value=np.nan, high=TOLERANCE, target=target)]
    distance = (profile.value - reference[rows])[used]
    sigma = np.hypot((profile.below + profile.above) / 2, error[rows])[used]
    worst = int(np.argmax(np.abs(distance)))
    missed = np.abs(distance) > TOLERANCE
    low, high = profile.low[used], profile.high[used]
    where = ", ".join(
        f"{a:g}–{b:g} GeV {d:+.3f} ± {s:.3f}".replace("-", "−")
        for a, b, d, s, m in zip(low, high, distance, sigma, missed, strict=True)
        if m
    )
    weight = 1 / np.maximum(sigma, 1e-3) ** 2
    mean, mean_error = float((weight * distance).sum() / weight.sum()), float(weight.sum() ** -0.5)
    note = f"{missed.sum()} of {len(missed)} bins outside{': ' + where if where else ''}"
    return [
        Finding(
            name=f"ε({name}): largest distance, at {low[worst]:g}–{high[worst]:g} GeV",
            value=float(np.abs(distance[worst])),
            error=float(sigma[worst]),
            high=TOLERANCE,
            target=target,
            note=note,
        ),
        Finding(
            name=f"ε({name}): weighted mean distance",
            value=mean,
            error=mean_error,
            low=-TOLERANCE,
            high=TOLERANCE,
            target=f"±{TOLERANCE} (PIDCalib)",
        ),
    ]


def _plot(
    name: str, profile: Profile, edges: NDArray[Any], reference: NDArray[Any], error: NDArray[Any]
) -> Plot:
    centre = (edges[1:] + edges[:-1]) / 2
    return Plot(
        name="rich-" + name.split(",")[0],
        title=name[0].upper() + name[1:],
        x_label=r"$p$ [GeV]",
        y_label="efficiency",
        profiles={"detailed simulation": profile},
        references=(
            Reference(
                label="PIDCalib 2018 ± 0.03",
                x=centre,
                y=reference,
                error=error,
                low=reference - TOLERANCE,
                high=reference + TOLERANCE,
            ),
        ),
        y_range=(0.5, 1.05),
        caption=f"{name}; the band is the target.",
    )

"""Resolution of primary vertices against the number of their tracks."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch
from lamarr.units import um
from lamarr.validation.detailed_report.findings import Finding, Plot, Reference, Section
from lamarr.validation.profiles import Profile, widths

__all__ = ["vertices_section"]

EDGES: Final = (5, 9, 14, 20, 30, 45, 100)
TOLERANCE: Final = 0.20
RAPIDSIM: Final = {"x": (10.817, 37.84, 0.0815), "y": (10.817, 37.84, 0.0815), "z": (42.52, 223.5, 0.0814)}
"""a, b, c of σ = a + b exp(−c N) in µm for N tracks: RapidSim, RapidVertex.cc."""


AT_25: Final = {"x": 13.0, "y": 13.0, "z": 71.0}
"""µm for 25 tracks in LHCb's data: arXiv:1405.7808. RapidSim's formula has 15.7 µm in x and y there."""
NEAR_25: Final = (22, 29)


def expected(axis: str, n: NDArray[Any]) -> NDArray[Any]:
    """Return the published resolution in µm of a vertex of n tracks."""
    a, b, c = RAPIDSIM[axis]
    return np.asarray(a + b * np.exp(-c * n))


def vertices_section(batch: EventBatch) -> Section:
    """Return the widths of reconstructed minus generated positions."""
    if "primary_vertices" not in batch:
        return Section(title="Primary vertices", notes=("The sample has no primary vertices.",))
    v = batch["primary_vertices"]
    rows = batch.rows_of("vertices", v["event_id"], v["vertex_id"])
    good = rows >= 0
    if "n_tracks" not in v or not good.any():
        return Section(title="Primary vertices", notes=("The sample has no vertices with their tracks.",))
    n = v["n_tracks"][good].astype(float)
    findings, plots = [], []
    for axis in "xyz":
        residual = (v[axis][good] - batch["vertices"][axis][rows[good]]) / um
        profile = widths(n, residual, EDGES, least=30)
        findings += [_finding(axis, profile), _at_25(axis, n, residual)]
        plots.append(_plot(axis, profile))
    note = "Width: half the central 68.3 % of reconstructed minus generated position."
    return Section(title="Primary vertices", findings=tuple(findings), plots=tuple(plots), notes=(note,))


def _finding(axis: str, profile: Profile) -> Finding:
    name, target = f"σ({axis}) of primary vertices over RapidSim's", "1 ± 0.20 in every bin (RapidSim)"
    low, high = 1 - TOLERANCE, 1 + TOLERANCE
    if not len(profile.value):
        return Finding(name=name, value=np.nan, low=low, high=high, target=target)
    reference = expected(axis, profile.x)
    ratio, error = profile.value / reference, profile.below / reference
    worst = int(np.argmax(np.abs(ratio - 1)))
    note = ", ".join(
        f"{a:g}–{b:g} tracks: {r:.2f} ± {e:.2f}"
        for a, b, r, e in zip(profile.low, profile.high, ratio, error, strict=True)
    )
    return Finding(
        name=f"{name}: farthest bin, {profile.low[worst]:g}–{profile.high[worst]:g} tracks",
        value=float(ratio[worst]),
        error=float(error[worst]),
        low=low,
        high=high,
        target=target,
        note=note,
    )


def _at_25(axis: str, n: NDArray[Any], residual: NDArray[Any]) -> Finding:
    """Compare the width of vertices of about 25 tracks with LHCb's own number."""
    profile = widths(n, residual, NEAR_25, least=30)
    found = bool(len(profile.value))
    # the width falls with n as RapidSim's does: from the mean number of tracks to 25
    scale = expected(axis, np.array([25.0]))[0] / expected(axis, profile.x)[0] if found else np.nan
    return Finding(
        name=f"σ({axis}) of primary vertices of 25 tracks over LHCb's {AT_25[axis]:g} µm",
        value=float(profile.value[0] * scale / AT_25[axis]) if found else np.nan,
        error=float(profile.below[0] * scale / AT_25[axis]) if found else np.nan,
        low=1 - TOLERANCE,
        high=1 + TOLERANCE,
        target="1 ± 0.20 (arXiv:1405.7808)",
        note=f"{int(profile.entries[0])} vertices" if found else "",
    )


def _plot(axis: str, profile: Profile) -> Plot:
    n = np.linspace(EDGES[0], EDGES[-1], 60)
    y = expected(axis, n)
    return Plot(
        name=f"vertex-{axis}",
        title=f"Primary vertices: {axis}",
        x_label="tracks in the vertex",
        y_label=rf"$\sigma_{{68}}({axis})$ [µm]",
        profiles={"detailed simulation": profile},
        references=(
            Reference(label="RapidSim ± 20 %", x=n, y=y, low=(1 - TOLERANCE) * y, high=(1 + TOLERANCE) * y),
        ),
    )

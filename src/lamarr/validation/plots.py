"""The plots of the demonstration, as SVG for the page and as one PNG picture.

matplotlib is imported inside the functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.publishing import beside
from lamarr.validation.figures import COLOURS, INK, MARKERS, plain_ticks, style, svg_figure
from lamarr.validation.measurements import Mass, Measurements
from lamarr.validation.profiles import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PLOTS", "RAPIDSIM_MOMENTUM", "ip_reference", "overview", "plots_of", "svg"]


RAPIDSIM_MOMENTUM: Final = (
    (5, 10, 20, 30, 40, 50, 60, 70, 80, 100, 120, 150, 235),
    (0.50, 0.48, 0.52, 0.58, 0.60, 0.66, 0.70, 0.75, 0.80, 0.86, 0.90, 0.96, 1.12),
)
"""p (GeV) and σp/p (%), linear in between: RapidSim "LHCbGeneric", rootfiles/smear/smear12.root, 9ae02c3."""

MASS_WINDOW: Final = 40.0
MASS_BIN: Final = 2.0


def ip_reference(inverse_pt: NDArray[Any]) -> NDArray[Any]:
    """IP resolution in µm, 11.6 + 23.4 / pT, at 1 / pT in 1/GeV.

    References
    ----------
    JINST 9 (2014) C01065, as the Delphes LHCb card has it
    """
    return 11.6 + 23.4 * inverse_pt


def draw_mass(ax: Axes, m: Measurements) -> None:
    """Draw the Λc+ mass, its central 68 % and the generated mass."""
    mass: Mass = m.mass
    edges = mass.generated + np.arange(-MASS_WINDOW, MASS_WINDOW + MASS_BIN / 2, MASS_BIN)
    counts, _ = np.histogram(mass.values, edges)
    centres = (edges[1:] + edges[:-1]) / 2
    ax.stairs(counts, edges, color=COLOURS[0], fill=True, alpha=0.3)
    ax.errorbar(centres, counts, np.sqrt(counts), fmt="o", ms=2.5, lw=0.8, color=COLOURS[0])
    ax.axvline(mass.generated, color=INK, lw=0.8, ls="--", label="generated mass")
    if len(mass.values) > 1:
        (width, error), (shift, shift_error) = mass.width, mass.shift
        low, high = np.quantile(mass.values, [0.158655, 0.841345])
        ax.axvspan(low, high, color=COLOURS[1], alpha=0.15, lw=0, label="central 68 %")
        numbers = [
            f"half-width {width:.2f} ± {error:.2f} MeV",
            f"shift {shift:+.2f} ± {shift_error:.2f} MeV".replace("-", "−"),
            f"{len(mass.values) - counts.sum()} outside",
        ]
        ax.text(0.98, 0.965, "\n".join(numbers), transform=ax.transAxes, ha="right", va="top", fontsize=8)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.3 * max(counts.max() + np.sqrt(counts.max()), 1)))
    ax.set(xlabel=r"$m(pK^-\pi^+)$ [MeV]", ylabel=f"candidates / ({MASS_BIN:g} MeV)")
    ax.set_title(r"$\Lambda_c^+$ mass, " + f"{len(mass.values):,} candidates")
    _legend(ax)


def draw_momentum(ax: Axes, m: Measurements) -> None:
    """Draw the momentum resolution of long tracks in per cent, and RapidSim's."""
    ax.plot(*RAPIDSIM_MOMENTUM, color=INK, lw=1.2, ls="--", label="RapidSim LHCbGeneric")
    _draw(ax, m.momentum, scale=100)
    ax.set(xscale="log", xlim=(2, 200), ylim=(0, _top(m.momentum, 100, 1.2)))
    ax.set(xlabel=r"$p$ [GeV]", ylabel=r"$\sigma_{68}\,(\Delta p/p)$ [%]")
    ax.set_title(f"Momentum resolution, {_entries(m.momentum):,} long tracks")
    plain_ticks(ax, (2, 5, 10, 20, 50, 100, 200))
    _legend(ax)


def draw_ip(ax: Axes, m: Measurements) -> None:
    """Draw the resolution of IPx of long tracks in µm, and LHCb's."""
    x = np.array([0, 3.0])
    ax.plot(x, ip_reference(x), color=INK, lw=1.2, ls="--", label=r"LHCb: $11.6 + 23.4/p_T$")
    _draw(ax, m.ip)
    ax.set(xlim=(0, 3), ylim=(0, _top(m.ip, 1, 100)))
    ax.set(xlabel=r"$1/p_T$ [1/GeV]", ylabel=r"$\sigma_{68}\,(\mathrm{IP}_x)$ [µm]")
    ax.set_title(f"Impact parameter (x), {_entries(m.ip):,} long tracks")
    _legend(ax)


def draw_efficiency(ax: Axes, m: Measurements) -> None:
    """Draw the long-track efficiency against p in bins of η."""
    _draw(ax, m.efficiency)
    ax.set(xscale="log", xlim=(2, 200), ylim=(0, 1.35), yticks=np.arange(0, 1.01, 0.2))
    ax.set(xlabel=r"$p$ [GeV]", ylabel="long tracks / generated")
    ax.set_title(f"Long-track efficiency, {_entries(m.efficiency):,} particles")
    ax.axhline(1, color=INK, lw=0.5, alpha=0.5)
    plain_ticks(ax, (2, 5, 10, 20, 50, 100, 200))
    _legend(ax, ncols=2)


def draw_kaons(ax: Axes, m: Measurements) -> None:
    """Draw how often long tracks of kaons, pions and protons have DLL(K−π) > 0."""
    _draw_shares(ax, m.kaons, r"passing DLL(K$-$π) > 0", ncols=3)
    ax.set_title(f"Kaon identification, {_entries(m.kaons):,} long tracks")


def draw_muons(ax: Axes, m: Measurements) -> None:
    """Draw how often long tracks are taken for muons."""
    _draw_shares(ax, m.muons, "passing isMuon", ncols=2)
    ax.set_title(f"Muon identification, {_entries(m.muons):,} long tracks")


PLOTS: Final[Mapping[str, Callable[[Axes, Measurements], None]]] = {
    "mass": draw_mass,
    "momentum": draw_momentum,
    "ip": draw_ip,
    "efficiency": draw_efficiency,
    "kaons": draw_kaons,
    "muons": draw_muons,
}
"""Plots by name; each draws into axes."""


def plots_of(measurements: Measurements) -> tuple[str, ...]:
    """Return the names of the plots that there is something to draw in: no identification, none of it."""
    absent = {name for name in ("kaons", "muons") if not getattr(measurements, name)}
    return tuple(name for name in PLOTS if name not in absent)


def svg(name: str, measurements: Measurements) -> str:
    """Return a plot as an ``<svg>`` element."""
    return svg_figure(name, lambda figure: PLOTS[name](figure.subplots(), measurements))


def overview(path: Path, measurements: Measurements) -> None:
    """Write all plots as one PNG picture; a half-written one never bears the name `path`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(style()):
        names = plots_of(measurements)
        columns = (len(names) + 1) // 2
        figure = Figure(figsize=(4.8 * columns, 7.2), layout="constrained", facecolor="white")
        for ax, name in zip(figure.subplots(2, columns).flat, names, strict=True):
            PLOTS[name](ax, measurements)
        with beside(path) as part:
            figure.savefig(part, format="png", dpi=150, metadata={"Software": None})


def _draw(ax: Axes, profiles: Mapping[str, Profile], scale: float = 1) -> None:
    for (name, p), colour, marker in zip(profiles.items(), COLOURS, MARKERS, strict=False):
        if len(p.x):
            across = np.stack([p.x - p.low, p.high - p.x])
            up = scale * np.stack([p.below, p.above])
            ax.errorbar(p.x, scale * p.value, up, across, fmt=marker, ms=4, lw=1, color=colour, label=name)


def _draw_shares(ax: Axes, profiles: Mapping[str, Profile], label: str, ncols: int) -> None:
    _draw(ax, profiles)
    ax.set(xscale="log", xlim=(2, 200), ylim=(0, 1.3), yticks=np.arange(0, 1.01, 0.2))
    ax.set(xlabel=r"$p$ [GeV]", ylabel=label)
    ax.axhline(1, color=INK, lw=0.5, alpha=0.5)
    plain_ticks(ax, (2, 5, 10, 20, 50, 100, 200))
    _legend(ax, ncols=ncols)


def _legend(ax: Axes, ncols: int = 1) -> None:
    if ax.get_legend_handles_labels()[0]:  # a small sample may leave nothing to draw
        ax.legend(loc="upper left", ncols=ncols, columnspacing=1.0)


def _top(profiles: Mapping[str, Profile], scale: float, least: float) -> float:
    """Upper end of an axis that shows all points and leaves room for the legend."""
    values = np.concatenate([scale * p.value for p in profiles.values()])
    return max(least, 1.35 * float(values.max())) if values.size else least


def _entries(profiles: Mapping[str, Profile]) -> int:
    return int(sum(p.entries.sum() for p in profiles.values()))

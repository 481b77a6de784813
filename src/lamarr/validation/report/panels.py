"""Figures of a report: both samples, and under them their ratio or difference."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lamarr.validation.figures import COLOURS, INK, MARKERS, plain_ticks, svg_figure
from lamarr.validation.profiles import Profile
from lamarr.validation.report.judgements import Curves, Histograms, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["panel_name", "panel_svg"]

Array = NDArray[Any]


def panel_name(panel: Histograms | Curves) -> str:
    """Return a name for the panel that can be an id in HTML."""
    name = panel.observable.name if isinstance(panel, Histograms) else panel.name
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{name}-{_ascii(panel.species)}").strip("-")


def _ascii(species: str) -> str:
    return {"μ": "mu", "π": "pi"}.get(species, species)


def panel_svg(panel: Histograms | Curves, prefix: str = "") -> str:
    """Return the panel as an ``<svg>`` element with ids of its own."""

    def draw(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        if isinstance(panel, Histograms):
            _histograms(top, bottom, panel)
        else:
            _curves(top, bottom, panel)

    return svg_figure(f"{prefix}{panel_name(panel)}", draw, (4.2, 3.6))


def _histograms(top: Axes, bottom: Axes, panel: Histograms) -> None:
    o, edges = panel.observable, panel.edges
    centres = (edges[1:] + edges[:-1]) / 2
    (a, ea), (b, eb) = panel.flash, panel.detailed
    top.stairs(b, edges, color=COLOURS[0], fill=True, alpha=0.3, label="detailed")
    top.errorbar(centres, a, ea, fmt=MARKERS[0], ms=2.5, lw=0.8, color=COLOURS[1], label="flash")
    if o.log and (a.any() or b.any()):
        low = min(v[v > 0].min() for v in (a, b) if v.any())
        top.set(yscale="log", ylim=(0.5 * low, 20 * max(a.max(), b.max())))
    else:
        top.set_ylim(0, 1.3 * max((a + ea).max(), b.max(), 1e-9))
    top.set(ylabel="fraction per bin")
    top.set_title(titled(o.title, panel.species))
    top.legend(loc="upper right", ncols=2)
    error = np.hypot(ea, eb)
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = np.where(error > 0, (a - b) / error, np.nan)
    _pulls(bottom, centres, np.clip(pull, -5.5, 5.5), "pull")
    bottom.set(xlim=(edges[0], edges[-1]), xlabel=f"{o.title} [{o.unit}]" if o.unit else o.title)


def _pulls(ax: Axes, x: Array, pull: Array, label: str) -> None:
    ax.axhspan(-2, 2, color=INK, alpha=0.08, lw=0)
    ax.axhline(0, color=INK, lw=0.6)
    ax.plot(x, pull, "o", ms=2.2, color=COLOURS[1])
    ax.set(ylim=(-6, 6), yticks=(-5, 0, 5), ylabel=label)


def _curves(top: Axes, bottom: Axes, panel: Curves) -> None:
    for profile, colour, marker, fill, name in (
        (panel.detailed, COLOURS[0], MARKERS[1], "none", "detailed"),
        (panel.flash, COLOURS[1], MARKERS[0], COLOURS[1], "flash"),
    ):
        _points(top, profile, panel.scale, colour, marker, fill, name)
    values = np.concatenate([panel.scale * p.value for p in (panel.flash, panel.detailed)])
    top.set_ylim(0, 1.3 * max(float(values.max()) if values.size else 1.0, 1e-9))
    top.set(ylabel=f"{panel.title} [{panel.unit}]" if panel.unit else panel.title)
    top.set_title(titled(panel.title, panel.species))
    if values.size:
        top.legend(loc="upper right", ncols=2)
    common = sorted(set(panel.flash.low) & set(panel.detailed.low))
    fa, fb = (np.searchsorted(p.low, common) for p in (panel.flash, panel.detailed))
    difference = panel.flash.value[fa] - panel.detailed.value[fb]
    error = np.hypot(
        np.maximum(panel.flash.above, panel.flash.below)[fa],
        np.maximum(panel.detailed.above, panel.detailed.below)[fb],
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        pull = np.where(error > 0, difference / error, np.nan)
    _pulls(bottom, panel.detailed.x[fb], np.clip(pull, -5.5, 5.5), "pull")
    bottom.set_xlabel(panel.axis)
    if panel.axis.startswith("p "):
        bottom.set(xscale="log", xlim=(2, 150))
        plain_ticks(bottom, (2, 5, 10, 20, 50, 100))


def _points(ax: Axes, p: Profile, scale: float, colour: str, marker: str, fill: str, name: str) -> None:
    if len(p.x):
        across = np.stack([p.x - p.low, p.high - p.x])
        up = scale * np.stack([p.below, p.above])
        ax.errorbar(
            p.x, scale * p.value, up, across, fmt=marker, ms=3.5, lw=1, color=colour, label=name, mfc=fill
        )

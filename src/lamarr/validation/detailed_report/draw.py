"""Draw a plot of the report: points with errors, references as lines with bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lamarr.validation.detailed_report.findings import Plot, Reference
from lamarr.validation.figures import COLOURS, INK, MARKERS, plain_ticks, svg_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["svg"]

TICKS = (1, 2, 3, 5, 10, 20, 50, 100, 200)
DASHES = ("--", ":", "-.", (0, (5, 1)))


def svg(plot: Plot) -> str:
    """Return `plot` as an ``<svg>`` element."""

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        for reference, dashes in zip(plot.references, DASHES, strict=False):
            _reference(ax, reference, dashes, plot.scale)
        _points(ax, plot)
        ax.set(xlabel=plot.x_label, ylabel=plot.y_label, title=plot.title)
        if plot.log_x:
            ax.set_xscale("log")
            low, high = ax.get_xlim()
            plain_ticks(ax, tuple(t for t in TICKS if low <= t <= high))
        if plot.y_range:
            ax.set_ylim(plot.y_range)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="best")

    return svg_figure(plot.name, draw)


def _reference(ax: Any, r: Reference, dashes: Any, scale: float) -> None:
    if r.low is not None and r.high is not None:
        ax.fill_between(r.x, scale * r.low, scale * r.high, color=INK, alpha=0.12, lw=0)
    if r.error is not None:
        ax.errorbar(r.x, scale * r.y, scale * r.error, color=INK, lw=0.8, ls=dashes, label=r.label)
    else:
        ax.plot(r.x, scale * r.y, color=INK, lw=1.1, ls=dashes, label=r.label)


def _points(ax: Any, plot: Plot) -> None:
    for (name, p), colour, marker in zip(plot.profiles.items(), COLOURS, MARKERS, strict=False):
        if len(p.x):
            across = np.stack([p.x - p.low, p.high - p.x])
            up = plot.scale * np.stack([p.below, p.above])
            value = plot.scale * p.value
            ax.errorbar(p.x, value, up, across, fmt=marker, ms=4, lw=1, color=colour, label=name)

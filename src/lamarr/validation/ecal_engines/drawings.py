"""Plots of the comparison of engines; the reference is drawn in ink."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lamarr.validation.ecal_engines.comparison import DETAILED
from lamarr.validation.ecal_engines.photons import DISTANCES, ENERGIES
from lamarr.validation.ecal_engines.whole_events import BINS, VARIABLES
from lamarr.validation.figures import COLOURS, INK, MARKERS, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PLOTS", "save"]

Numbers = dict[str, dict[str, Any]]

LABELS: Final = {
    "clusters": "clusters in an event",
    "energy_sum": "sum of energies (MeV)",
    "energy": "energy (MeV)",
    "x": "x (mm)",
    "y": "y (mm)",
    "nearest": "distance to the nearest cluster (mm)",
}


def _looks(numbers: Numbers) -> dict[str, tuple[str, str]]:
    """Colour and marker by engine."""
    names = [n for n in numbers if n != DETAILED]
    looks = {n: (COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]) for k, n in enumerate(names)}
    return {DETAILED: (INK, "."), **looks}


def draw_events(figure: Figure, numbers: Numbers) -> None:
    """Distributions of whole events and of their clusters."""
    for ax, v in zip(figure.subplots(2, 3).ravel(), VARIABLES, strict=True):
        for name, (colour, _) in _looks(numbers).items():
            entries = np.array(numbers[name]["histograms"][v], float)
            ax.stairs(entries, BINS[v], color=colour, label=name, lw=1.6 if name == DETAILED else 1.0)
        ax.set(xlabel=LABELS[v], ylabel="entries", xscale="log" if v in _LOGARITHMIC else "linear")
    figure.axes[0].legend()


_LOGARITHMIC: Final = ("energy_sum", "energy", "nearest")


def draw_map(figure: Figure, numbers: Numbers) -> None:
    """Ratio of the maps of clusters to the reference."""
    names = [n for n in numbers if n != DETAILED]
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        reference, drawn = numbers[name]["map"]["maps"]
        ratio = np.where(reference > 0, drawn / np.maximum(reference, 1e-9), np.nan)
        image = ax.pcolormesh(
            np.linspace(-3.9, 3.9, 21),
            np.linspace(-3.17, 3.17, 17),
            ratio.T,
            vmin=0.5,
            vmax=1.5,
            cmap="RdBu_r",
        )
        ax.set(title=f"{name} / detailed", xlabel="x (m)", ylabel="y (m)", aspect="equal")
    figure.colorbar(image, ax=list(axes), shrink=0.8)


def _points(
    ax: Any, edges: Any, part: dict[str, list[float]], name: str, look: tuple[str, str], shift: float
) -> None:
    middle = 0.5 * (edges[1:] + edges[:-1]) + shift * (edges[1:] - edges[:-1])
    ax.errorbar(
        middle, part["value"], part["error"], label=name, color=look[0], marker=look[1], ms=4, lw=1, capsize=2
    )


def draw_two_photons(figure: Figure, numbers: Numbers) -> None:
    """Response of two photons against their distance."""
    said = {
        "one": "probability of one cluster",
        "share": "share of the harder cluster − of the photon",
        "shift": "shift towards the other photon (cells)",
    }
    for ax, (what, label) in zip(figure.subplots(1, 3), said.items(), strict=True):
        for k, (name, look) in enumerate(_looks(numbers).items()):
            _points(ax, DISTANCES, numbers[name]["two_photons"][what], name, look, 0.08 * (k - 2))
        ax.set(xlabel="distance of the photons (mm)", ylabel=label)
    figure.axes[0].legend()


def draw_pi0(figure: Figure, numbers: Numbers) -> None:
    """Masses of resolved π0, and fraction of merged ones."""
    left, right = figure.subplots(1, 2)
    bins = np.linspace(60, 240, 46)
    for k, (name, look) in enumerate(_looks(numbers).items()):
        p = numbers[name]["pi0"]
        left.stairs(np.histogram(p["mass"], bins)[0], bins, color=look[0], label=name)
        _points(right, ENERGIES * 2e-3, p["merged"], name, look, 0.05 * (k - 2))
    left.set(xlabel="m(γγ) (MeV)", ylabel="pairs of one π0")
    right.set(xlabel="E(π0) (GeV)", ylabel="both photons in one cluster", xscale="log")
    left.legend()


PLOTS: Final[dict[str, tuple[Callable[[Figure, Numbers], None], tuple[float, float]]]] = {
    "events": (draw_events, (9.6, 5.4)),
    "map": (draw_map, (12.0, 3.0)),
    "two-photons": (draw_two_photons, (11.0, 3.4)),
    "pi0": (draw_pi0, (8.4, 3.4)),
}
"""Name → what draws it, and its size in inches."""


def save(name: str, numbers: Numbers, path: Path) -> None:
    """Write a plot as PNG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    draw, size = PLOTS[name]
    with mpl.rc_context(style()):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure, numbers)
        figure.savefig(path, dpi=90, metadata={"Software": None})

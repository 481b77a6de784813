"""Plots of a run: losses and AUC by step, outputs drawn and true, reliability of a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lamarr.training.finish import Tested

__all__ = ["draw_plots"]

_BINS = 80


def draw_plots(
    folder: Path, history: list[dict[str, float]], tested: Tested, card: dict[str, Any]
) -> list[Path]:
    """Write PNG files into `folder`; none if matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return []
    mpl.use("Agg")
    folder.mkdir(exist_ok=True)
    recipe = card["recipe"]
    paths = [_losses(folder / "losses.png", history)]
    if recipe["kind"] == "classifier":
        paths.append(_reliability(folder / "reliability.png", card))
    else:
        paths.append(_outputs(folder / "outputs.png", recipe["outputs"], tested))
    return paths


def _save(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    figure.clf()
    return path


def _losses(path: Path, history: list[dict[str, float]]) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    steps = [line["step"] for line in history]
    names = {k for line in history for k in line} - {"step", "seconds", "auc", "auc_error"}
    for name in sorted(names):
        axes.plot(steps, [line.get(name, np.nan) for line in history], marker=".", label=name)
    axes.set(xlabel="step", ylabel="loss")
    if any("auc" in line for line in history):
        other = axes.twinx()
        auc, error = ([line.get(k, np.nan) for line in history] for k in ("auc", "auc_error"))
        other.errorbar(steps, auc, error, color="black", marker="o", ms=3, lw=1, label="referee")
        other.set(ylabel="AUC of the referee", ylim=(0.45, 1))
    axes.legend(frameon=False, fontsize=8)
    return _save(figure, path)


def _outputs(path: Path, names: list[str], tested: Tested) -> Path:
    from matplotlib.figure import Figure

    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(4.2 * columns, 3 * rows))
    panels = iter(figure.subplots(rows, columns, squeeze=False).flat)
    for j, (name, axes) in enumerate(zip(names, panels, strict=False)):
        true, drawn = tested.true[:, j], tested.drawn[:, j]
        low, high = np.quantile(true, [0.001, 0.999])
        edges = np.linspace(low, high + 1e-6 * (abs(high) + 1), _BINS)
        options = {"bins": edges, "weights": tested.weights}
        axes.hist(true, histtype="stepfilled", alpha=0.4, label="test part", **options)
        axes.hist(drawn, histtype="step", color="black", label="model", **options)
        axes.set(xlabel=name, yscale="log")
        axes.legend(frameon=False, fontsize=8)
    for axes in panels:  # those that are left
        axes.set_axis_off()
    return _save(figure, path)


def _reliability(path: Path, card: dict[str, Any]) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.2))
    axes = figure.subplots()
    for name in card["recipe"]["gives"] or card["recipe"]["outputs"]:
        curve = card["held_out"][name]["reliability"]
        predicted, observed, error = ([b[k] for b in curve] for k in ("predicted", "observed", "error"))
        axes.errorbar(predicted, observed, error, marker=".", ls="", label=name)
    axes.plot([0, 1], [0, 1], color="grey", lw=0.8)
    axes.set(xlabel="mean probability", ylabel="observed fraction")
    axes.legend(frameon=False, fontsize=8)
    return _save(figure, path)

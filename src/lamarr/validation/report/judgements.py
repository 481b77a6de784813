"""How an observable, a cut, a width or a whole group is judged: verdicts, and what a panel shows of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import MissingNameError
from lamarr.validation.metrics import (
    distances_measured,
    efficiency_difference,
    half_width,
)
from lamarr.validation.profiles import Profile, efficiencies, half_width_error, median_error, widths
from lamarr.validation.report.observables import Cut, Observable, Width, blocks_of
from lamarr.validation.report.verdicts import Verdict

__all__ = [
    "Curves",
    "Histograms",
    "Item",
    "Pair",
    "enough",
    "of_species",
    "section_of",
    "titled",
    "judge_cut",
    "judge_observable",
    "judge_width",
]

Array = NDArray[Any]
Columns = Mapping[str, Array]

P_EDGES: Final = (2, 4, 6, 9, 13, 18, 25, 35, 50, 75, 100, 150)
ETA_EDGES: Final = (2, 2.5, 3, 3.5, 4, 4.5, 5)
N_TRACKS_EDGES: Final = (0, 25, 50, 75, 100, 150, 200, 300)
FEWEST_OF_PEAK: Final = 50
"""Entries for position and width of a peak."""

SECTIONS: Final = {
    "long_tracks": "tracking",
    "upstream_tracks": "tracking",
    "downstream_tracks": "tracking",
    "particles": "tracking",
    "primary_vertices": "tracking",
    "pid": "identification",
    "clusters": "calorimeter",
    "photons": "calorimeter",
    "photon_clusters": "calorimeter",
    "electrons": "calorimeter",
    "neutrals": "calorimeter",
    "events": "event",
}


@dataclass(frozen=True, kw_only=True)
class Histograms:
    """Both distributions of an observable, for a panel: normalised contents and errors by bin."""

    observable: Observable
    species: str
    edges: Array
    flash: tuple[Array, Array]
    detailed: tuple[Array, Array]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """A quantity of both samples in bins of a variable, for a panel."""

    name: str
    title: str
    species: str
    axis: str
    unit: str
    flash: Profile
    detailed: Profile
    scale: float = 1.0


Pair = tuple[Columns, Columns]
"""Columns of a group of the flash sample and of the detailed one."""
Item = Verdict | Histograms | Curves


def section_of(group: str) -> str:
    """Return the section of the report that a group belongs to."""
    return SECTIONS.get(group, "composites")


def titled(title: str, species: str) -> str:
    """Return a title with the species behind it, if there is one."""
    return f"{title} ({species})" if species else title


def of_species(columns: Columns, pid: int) -> Columns:
    """Return the rows of a species by |PDG id|; 0: all rows."""
    if not pid:
        return columns
    chosen = columns["species"] == pid
    return {k: v[chosen] for k, v in columns.items()}


def enough(a: int, b: int, least: int) -> None:
    """Refuse to compare samples with fewer than `least` entries."""
    if min(a, b) < least:
        raise MissingNameError(f"fewer than {least} entries in one of the samples")


def judge_observable(
    pair: Pair, observable: Observable, species: str, pid: int, least: int
) -> Iterator[Item]:
    """Compare the distributions of an observable: KS, Wasserstein, and with a target position and width."""
    (a, in_a), (b, in_b) = (observable.with_blocks(of_species(c, pid)) for c in pair)
    enough(len(a), len(b), least)
    common: dict[str, Any] = {
        "section": section_of(observable.group),
        "name": titled(observable.title, species),
        "n_flash": len(a),
        "n_detailed": len(b),
    }
    distances = distances_measured(a, b, blocks_a=in_a, blocks_b=in_b)
    ks = distances.kolmogorov
    nan = float("nan")
    yield Verdict(
        what="KS",
        value=ks.value,
        error=ks.error,
        floor=ks.floor,
        target=observable.targets.get("ks", nan),
        **common,
    )
    unit = half_width(b)
    if unit > 0:
        w = distances.wasserstein
        yield Verdict(
            what="Wasserstein / half-width",
            value=w.value / unit,
            error=w.error / unit,
            floor=w.floor / unit,
            target=observable.targets.get("wasserstein", nan),
            **common,
        )
    yield from _shape((a, b), (in_a, in_b), observable, common)
    edges = np.linspace(observable.low, observable.high, observable.bins + 1)
    yield Histograms(
        observable=observable,
        species=species,
        edges=edges,
        flash=_contents(a, edges),
        detailed=_contents(b, edges),
    )


def _shape(
    values: tuple[Array, Array],
    blocks: tuple[Array | None, Array | None],
    observable: Observable,
    common: dict[str, Any],
) -> Iterator[Verdict]:
    """Position and width of what is inside the range of the plot, where there are targets for them."""
    masks = [(v > observable.low) & (v < observable.high) for v in values]
    inside = [v[m] for v, m in zip(values, masks, strict=True)]
    of = [None if b is None else b[m] for b, m in zip(blocks, masks, strict=True)]
    if min(map(len, inside)) < FEWEST_OF_PEAK:
        return
    targets = observable.targets
    if "shift" in targets:
        unit = f" [{observable.unit}]" if observable.unit else ""
        shift = abs(float(np.median(inside[0]) - np.median(inside[1])))
        error = float(np.hypot(median_error(inside[0], of[0]), median_error(inside[1], of[1])))
        what = f"shift of the median{unit}"
        yield Verdict(what=what, value=shift, error=error, target=targets["shift"], **common)
    wa, wb = (half_width(v) for v in inside)
    if "width" in targets and min(wa, wb) > 0:
        relative = float(
            np.hypot(half_width_error(inside[0], of[0]) / wa, half_width_error(inside[1], of[1]) / wb)
        )
        what = "relative difference of the width"
        yield Verdict(what=what, value=abs(wa / wb - 1), error=relative, target=targets["width"], **common)


def _contents(values: Array, edges: Array) -> tuple[Array, Array]:
    counts = np.histogram(values, edges)[0].astype(float)
    total = max(len(values), 1)
    return counts / total, np.sqrt(counts) / total


_AXES: Final = {"p": ("p [GeV]", P_EDGES), "eta": ("η", ETA_EDGES), "nTracks": ("nTracks", N_TRACKS_EDGES)}


def judge_cut(pair: Pair, cut: Cut, species: str, pid: int, least: int) -> Iterator[Item]:
    """Compare the efficiency of a cut in bins of p, η and nTracks."""
    both = [of_species(c, pid) for c in pair]
    try:
        passed = [np.asarray(cut.passed(c), bool) for c in both]
    except KeyError as error:
        raise MissingNameError(f"'{cut.group}' has no column {error}") from None
    enough(len(passed[0]), len(passed[1]), least)
    for variable, (axis, edges) in _AXES.items():
        if any(np.isnan(c[variable]).all() for c in both):
            continue
        x = [c[variable] for c in both]
        profiles = [efficiencies(v, k, edges) for v, k in zip(x, passed, strict=True)]
        bins = [
            np.where((v >= edges[0]) & (v < edges[-1]), np.searchsorted(edges, v, "right") - 1, -1) for v in x
        ]
        difference = efficiency_difference(
            *(bins[0], passed[0], bins[1], passed[1], len(edges) - 1, least),
            blocks_a=blocks_of(both[0]),
            blocks_b=blocks_of(both[1]),
        )
        if np.isfinite(difference.mean):
            at = int(np.nanargmax(np.abs(difference.difference)))
            common: dict[str, Any] = {
                "section": "efficiency" if species else section_of(cut.group),
                "name": f"{titled(cut.title, species)} in bins of {variable}",
                "n_flash": len(passed[0]),
                "n_detailed": len(passed[1]),
            }
            variance = np.nanmean(difference.error**2)
            n_bins = int(np.isfinite(difference.difference).sum())
            yield Verdict(
                what="mean |Δε|",
                value=difference.mean,
                # |N(0, σ)| has the mean σ √(2/π) and the variance σ² (1 − 2/π).
                error=float(np.sqrt(variance * (1 - 2 / np.pi) / n_bins)),
                floor=float(np.sqrt(variance * 2 / np.pi)),
                target=cut.mean,
                **common,
            )
            yield Verdict(
                what="largest |Δε|",
                value=difference.largest,
                error=float(difference.error[at]) * _among(n_bins),
                target=cut.largest,
                worst=f"{edges[at]:g}–{edges[at + 1]:g}",
                **common,
            )
        yield Curves(
            name=f"{cut.name}-{variable}", title=f"ε({cut.title})", species=species, axis=axis, unit="",
            flash=profiles[0], detailed=profiles[1],
        )  # fmt: skip


def _among(n: int) -> float:
    """Return by how much the error of the largest of `n` differences must grow to allow for the choice.

    Twice the error is then what the largest of n normal numbers exceeds in 5 % of cases.
    """
    return NormalDist().inv_cdf(0.5 + 0.5 * 0.95 ** (1 / n)) / 2


def judge_width(pair: Pair, width: Width, species: str, pid: int, least: int) -> Iterator[Item]:
    """Compare the half-widths of a residual or pull in bins of p."""
    both = [of_species(c, pid) for c in pair]
    if any(width.column not in c for c in both):
        raise MissingNameError(f"'{width.group}' has no column '{width.column}'")
    enough(len(both[0]["p"]), len(both[1]["p"]), least)
    flash, detailed = (
        widths(c["p"], c[width.column], P_EDGES, least=least, blocks=blocks_of(c)) for c in both
    )
    common = sorted(set(flash.low[flash.value > 0]) & set(detailed.low[detailed.value > 0]))
    if not common:
        raise MissingNameError(f"no bin of p has {least} entries that differ in both samples")
    fa, fb = np.searchsorted(flash.low, common), np.searchsorted(detailed.low, common)
    ratio = flash.value[fa] / detailed.value[fb] - 1
    error = np.hypot(flash.above[fa] / flash.value[fa], detailed.above[fb] / detailed.value[fb])
    at = int(np.argmax(np.abs(ratio)))
    yield Verdict(
        section="tracking",
        name=f"{titled(width.title, species)} in bins of p",
        what="largest relative difference",
        value=float(abs(ratio[at])),
        error=float(error[at]) * _among(len(common)),
        target=width.target,
        n_flash=len(both[0]["p"]),
        n_detailed=len(both[1]["p"]),
        worst=f"p {common[at]:g} GeV",
    )
    yield Curves(
        name=width.name, title=width.title, species=species, axis="p [GeV]", unit=width.unit, flash=flash,
        detailed=detailed, scale=width.scale,
    )  # fmt: skip

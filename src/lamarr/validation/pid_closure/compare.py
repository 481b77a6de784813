"""Everything that is measured of one species: distances, tails, cuts in bins, correlations, a classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.pid import GLOBAL, KINEMATICS, MUON, RICH
from lamarr.validation import blocks as of_blocks
from lamarr.validation.lines import Line
from lamarr.validation.metrics import classifier_auc, in_bins, wasserstein
from lamarr.validation.pid_closure.pairs import BLOCK, Columns

__all__ = ["CUTS", "compare_species", "separation"]

CUTS: Final[dict[str, Callable[[Columns], NDArray[Any]]]] = {
    "DLLK > 0": lambda t: t["PIDK"] > 0,
    "DLLK > 5": lambda t: t["PIDK"] > 5,
    "DLLp > 5": lambda t: t["PIDp"] > 5,
    "DLLp − DLLK > 0": lambda t: t["PIDp"] - t["PIDK"] > 0,
    "DLLmu > 0": lambda t: t["PIDmu"] > 0,
    "DLLmu − DLLp > 0": lambda t: t["PIDmu"] - t["PIDp"] > 0,
    "ProbNNk > 0.2": lambda t: t["ProbNNk"] > 0.2,
    "ProbNNp > 0.5": lambda t: t["ProbNNp"] > 0.5,
    "ProbNNmu > 0.2": lambda t: t["ProbNNmu"] > 0.2,
    "isMuon": lambda t: t["isMuon"] != 0,
}
"""Cuts that people make, as masks of the columns of tracks."""

_OUTPUTS = (*RICH, *MUON, *GLOBAL)
_LIKELIHOODS = (*RICH, "PIDe", "PIDmu", "PIDK", "PIDp")
_IN_BINS = (*RICH, "PIDK", "PIDp", "ProbNNk", "ProbNNp", "ProbNNpi")
_LEAST = 1000
_HALVES = 6


def compare_species(name: str, true: Columns, drawn: Columns) -> Iterator[Line]:
    """Compare two tables of the same tracks of one species."""
    if BLOCK not in true:  # every track by itself
        number = np.arange(len(true["p"]))
        true, drawn = {**true, BLOCK: number}, {**drawn, BLOCK: number}
    yield from _distances(name, true, drawn)
    yield from _tails(name, true, drawn)
    yield from _binned(name, true, drawn)
    yield from _cuts(name, true, drawn)
    yield _charge(name, true, drawn)
    yield _correlated(name, true, drawn)
    yield _classified(name, true, drawn)


def _distances(name: str, true: Columns, drawn: Columns) -> Iterator[Line]:
    for column in _OUTPUTS:
        # what is absent without isMuon is compared where it is there in both
        given = column in (*MUON, "ProbNNmu")
        inside = [t["isMuon"] != 0 if given else np.ones(len(t["p"]), bool) for t in (drawn, true)]
        a, b = drawn[column], true[column]
        if min(i.sum() for i in inside) < 100 or np.ptp(b[inside[1]]) == 0:
            continue
        value, floor = of_blocks.kolmogorov(a, b, true[BLOCK], *inside)
        kind = " (isMuon)" if given else ""
        yield Line(
            species=name, what=f"{column}, KS", kind=f"KS{kind}", value=value, target=0.01, floor=floor
        )
        spread = float(np.std(b[inside[1]]))
        yield Line(
            species=name,
            what=f"{column}, distance / spread",
            kind=f"Wasserstein distance / spread{kind}",
            value=wasserstein(a[inside[0]], b[inside[1]]) / spread,
            target=0.02,
            floor=2 * floor,
        )


def _tails(name: str, true: Columns, drawn: Columns) -> Iterator[Line]:
    everything = np.ones(len(true["p"]), bool)
    for level, target in ((1e-2, 0.10), (1e-3, 0.25)):
        for column in _LIKELIHOODS:
            a, b = drawn[column], true[column]
            low, high = np.quantile(b, [level, 1 - level])
            sides = [
                of_blocks.difference(p, q, true[BLOCK], everything)
                for p, q in ((a > high, b > high), (a < low, b < low))
            ]
            value, error = max((abs(d), e) for d, e in sides)
            yield Line(
                species=name,
                what=f"{column}, tails of {level:g}",
                kind=f"tails of {level:g}, relative",
                value=value / level,
                target=target,
                floor=of_blocks.largest_of(np.array([e for _, e in sides])) / level if error else None,
            )


def _edges(true: Columns, n_p: int, n_eta: int, n_tracks: int) -> dict[str, NDArray[Any]]:
    """Quantiles as edges of bins; the last one includes the largest value."""
    found = {}
    for column, n in (("p", n_p), ("eta", n_eta), ("nTracks", n_tracks)):
        if n > 1:
            edges = np.quantile(true[column].astype(float), np.linspace(0, 1, n + 1))
            edges[-1] = np.nextafter(edges[-1], np.inf)
            found[column] = np.unique(edges)
    return found


def _binned(name: str, true: Columns, drawn: Columns, least: int = 2000) -> Iterator[Line]:
    cell, labels = in_bins({c: true[c].astype(float) for c in ("p", "eta", "nTracks")}, _edges(true, 5, 4, 3))
    for column in _IN_BINS:
        found = [
            of_blocks.kolmogorov(drawn[column], true[column], true[BLOCK], rows, rows)
            for rows in (cell == k for k in range(len(labels)))
            if rows.sum() >= least
        ]
        if found:
            worst, floor = max(found)
            yield Line(
                species=name,
                what=f"{column}, largest KS of {len(found)} bins",
                kind="KS in bins of p, η and nTracks",
                value=worst,
                target=0.02,
                floor=floor,
            )


def _cuts(name: str, true: Columns, drawn: Columns) -> Iterator[Line]:
    bins = min(12, len(true["p"]) // (_LEAST + 1))
    if bins < 1:
        return
    for cut, passes in CUTS.items():
        a, b = passes(drawn), passes(true)
        for variable in ("p", "eta", "nTracks"):
            cell = np.zeros(len(a), np.int64)
            if bins > 1:
                edges = _edges(true, *(bins if variable == v else 1 for v in ("p", "eta", "nTracks")))
                cell, _ = in_bins({variable: true[variable].astype(float)}, edges)
            inside = [cell == k for k in np.unique(cell)]
            # ties may make bins of integers smaller
            found = [of_blocks.difference(a, b, true[BLOCK], i) for i in inside if i.sum() >= _LEAST]
            if not found:
                continue
            d, e = np.array(found).T
            what = f"{cut} vs {variable}"
            yield Line(
                species=name,
                what=f"{what}, mean |Δε|",
                kind="cuts in bins, mean of \\|Δε\\|",
                value=float(np.abs(d).mean()),
                target=0.005,
                floor=of_blocks.mean_of(e),
            )
            yield Line(
                species=name,
                what=f"{what}, largest |Δε|",
                kind="cuts in bins, largest \\|Δε\\|",
                value=float(np.abs(d).max()),
                target=0.02,
                floor=of_blocks.largest_of(e),
            )


def _charge(name: str, true: Columns, drawn: Columns) -> Line:
    """Compare ε(+) − ε(−) of all cuts with what it is in truth, in standard errors."""
    pulls = []
    for passes in CUTS.values():
        a, b, total = passes(drawn), passes(true), np.zeros(len(true["p"]))
        value = 0.0
        for sign in (1, -1):
            inside = true["charge"] * sign > 0
            for table, weight in ((a, sign), (b, -sign)):
                fraction, contribution = of_blocks.residuals(table, inside)
                value += weight * fraction
                total += weight * contribution
        error = float(np.sqrt((np.bincount(true[BLOCK], total) ** 2).sum()))
        if error > 0:
            pulls.append(value / error)
    return Line(
        species=name,
        what="charge asymmetries of cuts, rms in standard errors",
        kind="charge asymmetries of cuts, rms in standard errors",
        value=float(np.sqrt(np.mean(np.square(pulls)))) if pulls else 0.0,
        target=1.0,
        floor=1.37,  # χ² of nine degrees of freedom, 95 %
    )


def _ranks(t: Columns) -> NDArray[np.float64]:
    """Ranks (columns, n) of what every track has; tied values share the mean of theirs."""
    ranks = []
    for c in (c for c in (*RICH, *GLOBAL) if c != "ProbNNmu"):
        _, at, count = np.unique(t[c], return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(count) - 0.5 * (count - 1))[at])
    return np.array(ranks)


def _correlations(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant column has no correlations
        return np.asarray(np.nan_to_num(np.corrcoef(ranks)))


def _correlated(name: str, true: Columns, drawn: Columns) -> Line:
    """Largest difference of rank correlations; its floor is that of halves of the truth's blocks."""
    ranks = _ranks(true)
    away = np.abs(_correlations(_ranks(drawn)) - _correlations(ranks))
    number = np.unique(true[BLOCK], return_inverse=True)[1]
    rng, halves = np.random.default_rng(0), []
    for _ in range(_HALVES):
        half = rng.permuted(np.arange(number.max() + 1) % 2)[number] == 1
        if half.sum() > 10 and (~half).sum() > 10:
            halves.append(float(np.abs(_correlations(ranks[:, half]) - _correlations(ranks[:, ~half])).max()))
    # two halves differ by √2 times as much as two samples of the whole size do
    floor = max(halves) / np.sqrt(2) if halves else None
    return Line(
        species=name,
        what="largest difference of correlations",
        kind="largest difference of rank correlations",
        value=float(away.max()),
        target=0.02,
        floor=floor,
    )


def _classified(name: str, true: Columns, drawn: Columns) -> Line:
    names = [*KINEMATICS, *RICH, "isMuon", *MUON, *GLOBAL]
    n = len(true["p"])
    # two halves at random: tracks of an event share its occupancy, which must not tell the tables apart
    order = np.random.default_rng(0).permutation(n)
    tables = [
        np.stack([t[c][rows] for c in names], axis=1).astype(float)
        for t, rows in ((drawn, order[: n // 2]), (true, order[n // 2 :]))
    ]
    auc, error = classifier_auc(*tables)
    return Line(
        species=name,
        what="classifier's AUC",
        kind="classifier on everything, AUC",
        value=auc,
        target=0.55,
        floor=0.5 + 2 * error,
    )


def separation(true: Columns, drawn: Columns, muons: NDArray[Any], protons: NDArray[Any]) -> Line:
    """How differently DLLmu − DLLp separates muons from protons: the difference of the areas under the curve.

    Parameters
    ----------
    muons, protons : arrays of int
        Rows of the tables.
    """
    from scipy.stats import rankdata

    def area(t: Columns) -> float:
        rows = np.concatenate([muons, protons])
        rank = rankdata(t["PIDmu"][rows] - t["PIDp"][rows])[: len(muons)]
        n, m = len(muons), len(protons)
        return float((rank.sum() - n * (n + 1) / 2) / (n * m))

    a, b = area(drawn), area(true)
    what = f"muons against protons by DLLmu − DLLp, area {b:.4f}, difference"
    floor = 2 * float(np.sqrt(b * (1 - b) * (1 / len(muons) + 1 / len(protons))))
    return Line(
        species="muon", what=what, kind="muon–proton separation", value=abs(a - b), target=0.005, floor=floor
    )

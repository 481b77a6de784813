"""What is measured of tracking: distances, core widths, mean variances, pulls, efficiencies, classifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.tracking import (
    BEAM_CONDITIONS,
    COVARIANCE,
    EFFICIENCY,
    PRODUCTION_CONDITIONS,
    RESOLUTION,
)
from lamarr.transpile import Model
from lamarr.validation import blocks as of_blocks
from lamarr.validation.draws import our_draws
from lamarr.validation.lines import Line
from lamarr.validation.metrics import classifier_auc, half_width
from lamarr.validation.profiles import half_width_error

__all__ = ["SPECIES", "TYPES", "compare_chances", "compare_tracks"]

Array = NDArray[Any]

SPECIES: Final = {"electron": "is_e", "muon": "is_mu", "hadron": "is_h"}
TYPES: Final = ("long", "upstream", "downstream")

_PULLS: Final = {"x": 0, "y": 1, "tx": 2, "ty": 3}
_LEAST: Final = 1000
_CHUNK: Final = 50_000


def compare_tracks(models: Mapping[str, Model], arrays: Mapping[str, Array], seed: int) -> Iterator[Line]:
    """Compare resolution and covariance of tracks with their models' draws, by species and type.

    Parameters
    ----------
    arrays : mapping
        ``beam`` (n, 12), ``resolution`` (n, 9), ``covariance`` (n, 15), ``track_block`` (n,).
    """
    beam = arrays["beam"]
    rng = np.random.default_rng(seed)
    parts = [beam[a : a + _CHUNK] for a in range(0, len(beam), _CHUNK)]
    drawn = np.concatenate([our_draws(dict(models), part, rng) for part in parts])
    true = np.hstack([arrays["resolution"], arrays["covariance"]])
    for (species, flag), kind in product(SPECIES.items(), TYPES):
        of = (beam[:, BEAM_CONDITIONS.index(flag)] > 0) & (beam[:, BEAM_CONDITIONS.index(kind)] > 0)
        if of.sum() >= _LEAST:
            name = f"{species}, {kind}"
            yield from _compared(name, beam[of], true[of], drawn[of], arrays["track_block"][of])


def _columns(beam: Array, outputs: Array) -> dict[str, Array]:
    """Give outputs by name, the momentum's residual as a fraction."""
    found = dict(zip((*RESOLUTION, *COVARIANCE), outputs.T.astype(np.float64), strict=True))
    found["dp"] = found["dp"] / 10.0 ** beam[:, BEAM_CONDITIONS.index("log10_p")].astype(np.float64)
    return found


def _compared(name: str, beam: Array, true: Array, drawn: Array, blocks: Array) -> Iterator[Line]:
    a, b = _columns(beam, drawn), _columns(beam, true)
    everything = np.ones(len(beam), bool)
    for column in a:
        value, floor = of_blocks.kolmogorov(a[column], b[column], blocks, everything, everything)
        room = "resolution" if column in RESOLUTION else "covariance"
        yield Line(
            species=name, what=f"{column}, KS", kind=f"{room}: KS", value=value, target=0.01, floor=floor
        )
        yield _width(name, f"{column}, 68 % width", f"{room}: 68 % width, relative", a[column], b[column])
    for i in range(5):
        yield _mean_variance(name, i, a[f"log_var_{i}"], b[f"log_var_{i}"], blocks)
    for axis, i in _PULLS.items():
        pulls = [t[f"d{axis}"] / np.exp(0.5 * t[f"log_var_{i}"]) for t in (a, b)]
        yield _width(name, f"pull of {axis}, 68 % width", "pulls: 68 % width, relative", *pulls)
    yield _classified(name, beam, drawn, true)


def _width(name: str, what: str, kind: str, a: Array, b: Array) -> Line:
    ratio = half_width(a) / half_width(b)
    error = np.hypot(half_width_error(a) / half_width(a), half_width_error(b) / half_width(b))
    return Line(
        species=name, what=what, kind=kind, value=abs(ratio - 1), target=0.02, floor=1.96 * float(error)
    )


def _mean_variance(name: str, i: int, a: Array, b: Array, blocks: Array) -> Line:
    """Compare means of variances: what one draw out of bounds would spoil."""
    means, error = [], 0.0
    for log_variance in (a, b):
        values = np.exp(log_variance)
        means.append(float(values.mean()))
        sums = np.bincount(np.unique(blocks, return_inverse=True)[1], values - values.mean())
        error += float((sums**2).sum()) / float(values.sum()) ** 2
    return Line(
        species=name,
        what=f"mean of cov{i}{i}",
        kind="mean of variances, relative",
        value=abs(means[0] / means[1] - 1),
        target=0.1,
        floor=1.96 * float(np.sqrt(error)),
    )


def _classified(name: str, beam: Array, drawn: Array, true: Array) -> Line:
    n = len(beam)
    order = np.random.default_rng(0).permutation(n)
    halves = (order[: n // 2], order[n // 2 :])
    auc, error = classifier_auc(
        *(np.hstack([beam[h], t[h]]) for h, t in zip(halves, (drawn, true), strict=True))
    )
    return Line(
        species=name,
        what="classifier's AUC",
        kind="classifier on everything, AUC",
        value=auc,
        target=0.55,
        floor=0.5 + 2 * error,
    )


def compare_chances(models: Mapping[str, Model], arrays: Mapping[str, Array]) -> Iterator[Line]:
    """Compare probabilities with what became of particles, in bins of p and η with 1,000 particles.

    Parameters
    ----------
    arrays : mapping
        ``production`` (n, 12), ``probability`` (n, 5) of outcomes, ``particle_block`` (n,).
    """
    x, outcome = arrays["production"], arrays["probability"]
    accepted = models["acceptance"](x)
    ours = np.hstack([accepted, accepted * models["efficiency"](x)])
    for species, flag in SPECIES.items():
        of = x[:, PRODUCTION_CONDITIONS.index(flag)] > 0
        if of.sum() < 4 * _LEAST:
            continue
        cell = _cells(x[of])
        for j, name in enumerate(("acceptance", *EFFICIENCY)):
            yield from _chance(species, name, ours[of, j], outcome[of, j], cell, arrays["particle_block"][of])


def _cells(x: Array) -> Array:
    """Give the bin of each particle: as many quantiles of p and η as leave 1,000 in most of them."""
    bins = max(1, min(12, int(np.sqrt(len(x) / (1.5 * _LEAST)))))
    log_p, eta = (x[:, PRODUCTION_CONDITIONS.index(n)] for n in ("log10_p", "eta"))
    cell = np.zeros(len(x), np.int64)
    for column in (log_p, eta):
        cell = cell * bins + np.digitize(column, np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1]))
    return cell


def _chance(
    species: str, name: str, ours: Array, outcome: Array, cell: Array, blocks: Array
) -> Iterator[Line]:
    d, e = [], []
    for k in np.unique(cell):
        inside = cell == k
        n = int(inside.sum())
        if n < _LEAST:
            continue
        away = (ours - outcome)[inside]
        sums = np.bincount(np.unique(blocks[inside], return_inverse=True)[1], away - away.mean())
        d.append(float(away.mean()))
        e.append(float(np.sqrt((sums**2).sum())) / n)
    if not d:
        return
    errors = np.maximum(np.array(e), 1e-9)
    yield Line(
        species=species,
        what=f"{name}, mean |Δε| of {len(d)} bins",
        kind="efficiencies: mean of \\|Δε\\|",
        value=float(np.abs(d).mean()),
        target=0.003,
        floor=of_blocks.mean_of(errors),
    )
    yield Line(
        species=species,
        what=f"{name}, largest |Δε|",
        kind="efficiencies: largest \\|Δε\\|",
        value=float(np.abs(d).max()),
        target=0.015,
        floor=of_blocks.largest_of(errors),
    )

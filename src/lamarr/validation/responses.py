"""Resolution and covariance against their teacher: distances per species and type of track, classifiers.

Draws are made in chunks with random numbers of their own, several chunks at a time; the table depends on
the seed alone. A million draws of a species and type determine the width of a Gaussian in a tenth of them to
half a per cent (less well that of a distribution with several peaks: see the floor); one species and type is
in memory at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.tracking import BEAM_CONDITIONS, COVARIANCE, RESOLUTION
from lamarr.transpile import Model
from lamarr.validation.draws import compared_draws
from lamarr.validation.metrics import classifier_auc, half_width, kolmogorov
from lamarr.validation.rows import Row

__all__ = ["belongs", "distances", "responses"]

Array = NDArray[Any]
Say = Callable[[str], None]

_SPECIES: Final = {"e": "is_e", "mu": "is_mu", "h": "is_h"}
_TYPES: Final = ("long", "upstream", "downstream")
_CHUNK: Final = 25_000
MIN_TRACKS: Final = 1000
"""Least number of different tracks of a species and type that is compared."""

CLASSIFIED: Final = 300_000
"""Tracks of each side that the classifiers learn from and are tested on."""


def responses(
    models: dict[str, Model], teacher: Any, beam: Array, *, least: int, seed: int, say: Say
) -> list[Row]:
    """KS and core widths with `least` draws of every species and type, and the classifiers' AUC.

    Parameters
    ----------
    beam : array (tracks, 12)
        Conditions of the tracks as they are reconstructed; drawn again and again for the distances, once
        for the classifiers.
    """
    rows: list[Row] = []
    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:

        def drawn(tracks: Array, key: Sequence[int]) -> dict[str, Array]:
            starts = range(0, len(tracks), _CHUNK)

            def chunk(first: int) -> dict[str, Array]:
                rng = np.random.default_rng([seed, *key, first])
                return compared_draws(models, teacher, tracks[first : first + _CHUNK], rng)

            parts = list(pool.map(chunk, starts))
            return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}

        for i, flag in enumerate(_SPECIES):
            for j, kind in enumerate(_TYPES):
                of = np.flatnonzero(belongs(beam, _SPECIES[flag], kind))
                if len(of) < MIN_TRACKS:
                    continue
                some = drawn(beam[np.resize(of, max(least, len(of)))], (1, i, j))
                rows += _compared(f"{flag} {kind}", some, pool)
                say(f"{flag} {kind}: {len(some['ours'])} draws for {len(of)} tracks compared")
        order = np.random.default_rng([seed, 0]).permutation(len(beam))[: 2 * CLASSIFIED]
        rows += _classified(drawn(beam[order], (0,)), say)
    return sorted(rows, key=lambda row: ("AUC" in row.quantity, not row.quantity.startswith("resolution")))


def belongs(beam: Array, flag: str, kind: str) -> NDArray[np.bool_]:
    """Tracks of a species and type."""
    of: NDArray[np.bool_] = (beam[:, BEAM_CONDITIONS.index(flag)] > 0) & (
        beam[:, BEAM_CONDITIONS.index(kind)] > 0
    )
    return of


def _compared(name: str, some: dict[str, Array], pool: ThreadPoolExecutor) -> list[Row]:
    """KS and width of all outputs of one species and type."""
    log_p = some["conditions"][:, BEAM_CONDITIONS.index("log10_p")]
    decile = np.digitize(log_p, np.quantile(log_p, np.linspace(0, 1, 11)[1:-1]))
    columns = [
        (f"resolution {name} {output}", {k: some[k][:, j] for k in ("ours", "teacher", "again")})
        for j, output in enumerate(RESOLUTION)
    ] + [
        (
            f"covariance {name} {output}",
            {
                "ours": some["covariance_ours"][:, j],
                "teacher": some["teacher"][:, 9 + j],
                "again": some["covariance_again"][:, j],
            },
        )
        for j, output in enumerate(COVARIANCE)
    ]
    return [r for pair in pool.map(lambda c: distances(c[0], c[1], decile), columns) for r in pair]


def distances(quantity: str, part: dict[str, Array], decile: Array) -> list[Row]:
    """KS, and the largest relative difference of widths over ten bins, of 'ours', 'teacher', 'again' (n,)."""
    n = len(decile)
    width = {k: np.array([half_width(v[decile == d]) for d in range(10)]) for k, v in part.items()}
    ratio = {k: float(np.abs(width[k] / width["teacher"] - 1).max()) for k in ("ours", "again")}
    distance = {k: kolmogorov(part[k], part["teacher"]) for k in ("ours", "again")}
    return [
        Row(f"{quantity}: KS", distance["ours"], distance["again"], 0.01, n),
        Row(f"{quantity}: width", ratio["ours"], ratio["again"], 0.02, n // 10),
    ]


def _classified(some: dict[str, Array], say: Say) -> list[Row]:
    """AUC of classifiers on conditions and outputs: resolution, covariance, and both with our quality."""
    conditions, teacher = some["conditions"], some["teacher"]
    tests = {
        "resolution": (conditions, *(some[k][:, :9] for k in ("ours", "teacher", "again"))),
        "covariance": (
            np.hstack([conditions, teacher[:, 6:9]]),
            some["covariance_ours"],
            teacher[:, 9:],
            some["covariance_again"],
        ),
        "chain": (conditions, some["ours"], teacher, some["again"]),
    }
    rows = []
    for name, (columns, ours, theirs, again) in tests.items():
        auc, error = _auc(columns, ours, theirs)
        floor, _ = _auc(columns, again, theirs)
        rows.append(Row(f"{name}: AUC", auc, floor, 0.55, len(columns), {"error": error}))
        say(str(rows[-1]))
    return rows


def _auc(conditions: Array, a: Array, b: Array) -> tuple[float, float]:
    """Classifier between two samples, on different tracks of each (their order is random)."""
    half = len(conditions) // 2
    return classifier_auc(np.hstack([conditions[:half], a[:half]]), np.hstack([conditions[half:], b[half:]]))

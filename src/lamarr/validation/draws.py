"""Draws of the teacher and of the shipped models for the same tracks, for their comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.tracking import BEAM_CONDITIONS
from lamarr.training.tracking.teacher import physical
from lamarr.transpile import Model

__all__ = ["compared_draws", "our_covariance", "our_draws", "physical_covariance", "physical_draws"]

Array = NDArray[Any]
NOISE = 128
ATTEMPTS = 40
"""Draws of the teacher per row until one is physical; rows without one are left out."""


def with_quality(beam: Array, quality: Array) -> Array:
    """Conditions of the covariance: those of resolution with the quality of the fit (rows, 3)."""
    return np.hstack([beam[:, :6], quality, beam[:, 6:]])


def _momentum(beam: Array) -> NDArray[np.float64]:
    p: NDArray[np.float64] = 10.0 ** beam[:, BEAM_CONDITIONS.index("log10_p")].astype(float)
    return p


def _until_physical(
    rows: int, width: int, draw: Callable[[Array], tuple[Array, NDArray[np.bool_]]]
) -> tuple[Array, NDArray[np.bool_]]:
    """Repeat `draw(row numbers)`, which says what is physical, until all are: (rows, width), success."""
    out, lacking = np.empty((rows, width), np.float32), np.arange(rows)
    for _ in range(ATTEMPTS):
        if not len(lacking):
            break
        drawn, good = draw(lacking)
        out[lacking[good]] = drawn[good]
        lacking = lacking[~good]
    done = np.ones(rows, bool)
    done[lacking] = False
    return out, done


def physical_draws(teacher: Any, beam: Array, rng: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """One physical draw of the teacher per row (rows, 24), resolution and covariance; where there is one."""

    def draw(rows: Array) -> tuple[Array, NDArray[np.bool_]]:
        some = beam[rows]
        residuals = teacher.resolution(some, rng.standard_normal((len(some), NOISE), np.float32))
        conditions = with_quality(some, residuals[:, 6:9])
        covariance = teacher.covariance(conditions, rng.standard_normal((len(some), NOISE), np.float32))
        return np.hstack([residuals, covariance]), physical(teacher, _momentum(some), residuals, covariance)

    return _until_physical(len(beam), 24, draw)


def physical_covariance(
    teacher: Any, beam: Array, residuals: Array, rng: np.random.Generator
) -> tuple[Array, NDArray[np.bool_]]:
    """One physical covariance (rows, 15) of the teacher for given residuals (rows, 9); where there is one."""

    def draw(rows: Array) -> tuple[Array, NDArray[np.bool_]]:
        some, r = beam[rows], residuals[rows]
        noise = rng.standard_normal((len(some), NOISE), np.float32)
        covariance = teacher.covariance(with_quality(some, r[:, 6:9]), noise)
        return covariance, physical(teacher, _momentum(some), r, covariance)

    return _until_physical(len(beam), 15, draw)


def our_covariance(models: dict[str, Model], beam: Array, quality: Array, rng: np.random.Generator) -> Array:
    """Draw the covariance (rows, 15) from our model for given qualities of the fit."""
    noise = rng.standard_normal((len(beam), models["covariance"].n_noise), np.float32)
    return models["covariance"](with_quality(beam, quality), noise)


def our_draws(models: dict[str, Model], beam: Array, rng: np.random.Generator) -> Array:
    """Draw resolution and covariance (rows, 24) from our models."""
    noise = rng.standard_normal((len(beam), models["resolution"].n_noise), np.float32)
    residuals = models["resolution"](beam, noise)
    return np.hstack([residuals, our_covariance(models, beam, residuals[:, 6:9], rng)])


def compared_draws(
    models: dict[str, Model], teacher: Any, beam: Array, rng: np.random.Generator
) -> dict[str, Array]:
    """Everything that is compared, for rows (t, …) in which the teacher has physical draws.

    ``conditions`` (t, 12); ``teacher``, ``again``, ``ours`` (t, 24): resolution and covariance;
    ``covariance_again`` and ``covariance_ours`` (t, 15): given the quality of ``teacher``, so that
    resolution is not judged twice.
    """
    (one, ok1), (two, ok2) = (physical_draws(teacher, beam, rng) for _ in range(2))
    covariance, ok3 = physical_covariance(teacher, beam, one[:, :9], rng)
    ok = ok1 & ok2 & ok3
    some = beam[ok]
    return {
        "conditions": some,
        "teacher": one[ok],
        "again": two[ok],
        "ours": our_draws(models, some, rng),
        "covariance_again": covariance[ok],
        "covariance_ours": our_covariance(models, some, one[ok, 6:9], rng),
    }

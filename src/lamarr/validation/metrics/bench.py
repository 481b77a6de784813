"""How long all metrics take on large samples: ``python -m lamarr.validation.metrics.bench``.

Two samples of correlated, partly skewed variables that differ a little are drawn; every variable is compared
with bootstrap errors and noise floor, and all of them together by every multivariate distance.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.validation.metrics import (
    chi2,
    covariance_distance,
    coverage,
    cross_validated_auc,
    distances_measured,
    frechet,
    half_width,
    maximum_mean_discrepancy,
    measured,
    sliced_wasserstein,
    standardised,
)

__all__ = ["main"]

Array = NDArray[Any]
CLASSIFIED = 30_000


def _sample(rows: int, columns: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=rows)
    sample = np.empty((rows, columns), order="F")  # a column is compared at a time
    for j in range(columns):
        sample[:, j] = 0.3 * common + (1 + 1e-3 * seed) * rng.normal(size=rows)
        if j % 3 == 0:
            np.exp(sample[:, j], out=sample[:, j])
    return sample


def _univariate(a: Array, b: Array) -> None:
    distances_measured(a, b)
    chi2(a, b, np.linspace(-5, 5, 101))
    half_width(a)
    half_width(b)


def _multivariate(a: Array, b: Array) -> dict[str, Callable[[], object]]:
    def few(sample: Array) -> Array:
        return sample[:CLASSIFIED]

    return {
        "Fréchet, covariance": lambda: (frechet(a, b), covariance_distance(a, b)),
        "sliced Wasserstein": lambda: measured(sliced_wasserstein, a, b, replicas=3, limit=50_000),
        "MMD": lambda: measured(maximum_mean_discrepancy, a, b, replicas=2, limit=2000),
        "coverage": lambda: coverage(a, b),
        "classifier": lambda: cross_validated_auc(few(a), few(b)),
    }


@click.command()
@click.option("--rows", type=click.IntRange(min=1000), default=1_000_000, show_default=True)
@click.option("--columns", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
def main(rows: int, columns: int, threads: int) -> None:
    """Time all metrics of two samples, and print seconds and peak memory."""
    a, b = (_sample(rows, columns, seed) for seed in (0, 1))
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda j: _univariate(a[:, j], b[:, j]), range(columns)))
    click.echo(f"KS, Wasserstein with errors and floor, χ², widths: {time.perf_counter() - start:.1f} s")
    a, b = standardised(a, b)
    for name, compute in _multivariate(a, b).items():
        before = time.perf_counter()
        compute()
        click.echo(f"{name}: {time.perf_counter() - before:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    click.echo(f"{rows} rows × {columns} columns: {time.perf_counter() - start:.1f} s, {peak:.2f} GiB")


if __name__ == "__main__":
    run(main)

"""The smearing of primary vertices from simulated events: a triple Gaussian per axis, into ``set.json``.

    python -m lamarr.training.tracking.primary_vertices bbbar.parquet ccbar.parquet -o myset

The set's own smearing then takes the place of its detector's.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detector import TripleGaussian
from lamarr.errors import InputFileError
from lamarr.events import EventBatch, iterate
from lamarr.parametrizations.sets import load_set, update_declaration

__all__ = ["fit_triple_gaussian", "main", "residuals"]

Array = NDArray[Any]

SMALLEST: Final = 50
"""Vertices that a fit needs."""


def residuals(batch: EventBatch) -> dict[str, Array]:
    """Return reconstructed minus generated x, y, z (n,) in mm of vertices that belong to a collision."""
    v, c = batch["primary_vertices"], batch["collisions"]
    v = v.take(v["collision_id"] >= 0)
    at = batch.rows_of("collisions", v["event_id"], v["collision_id"])
    return {a: v[a] - c[a][at] for a in "xyz"}


def fit_triple_gaussian(d: Array, steps: int = 500) -> TripleGaussian:
    """Fit three Gaussians of one mean to `d` (n,), by expectation and maximisation.

    Raises
    ------
    InputFileError
        If there are fewer than 50 values.
    """
    if len(d) < SMALLEST:
        raise InputFileError(f"at least {SMALLEST} primary vertices are needed, but there are {len(d)}")
    mu, share = float(np.median(d)), np.full(3, 1 / 3)
    sigma = np.quantile(np.abs(d - mu), 0.68) * np.array([0.6, 1.0, 2.0])
    for _ in range(steps):
        density = share / sigma * np.exp(-0.5 * ((d[:, None] - mu) / sigma) ** 2)
        of = density / density.sum(axis=1, keepdims=True)
        share = of.mean(axis=0)
        weight = of / sigma**2
        mu = float((weight * d[:, None]).sum() / weight.sum())
        sigma = np.sqrt((of * (d[:, None] - mu) ** 2).sum(axis=0) / of.sum(axis=0))
    digits = {f"f{k + 1}": round(float(share[k]), 4) for k in range(2)}
    digits |= {f"sigma{k + 1}": round(float(sigma[k]), 5) for k in range(3)}
    return TripleGaussian(mu=round(mu, 6), **digits)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the set.")
def main(files: tuple[Path, ...], output: Path) -> None:
    """Fit the smearing of primary vertices and write it into a set."""
    load_set(f"{output}/")  # answers in a sentence where there is none
    tables = ("events", "collisions", "vertices", "primary_vertices")
    parts = [residuals(b) for path in files for b in iterate(path, 2000, tables)]
    shape = {a: asdict(fit_triple_gaussian(np.concatenate([p[a] for p in parts]))) for a in "xyz"}
    update_declaration(output, {"primary_vertex": shape})
    for axis, values in shape.items():
        click.echo(f"{axis}: {values}")


if __name__ == "__main__":
    run(main)

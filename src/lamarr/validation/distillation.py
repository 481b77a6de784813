"""Distillation of the tracking teacher: a perceptron fed with the teacher's own random numbers.

    python -m lamarr.validation.distillation covariance --sample DIR --minutes 2

The teacher is a function of conditions and 128 random numbers. A student sees the conditions and the leading
directions of these numbers and gives mean and spread of the scores of the outputs; the directions are the
eigenvectors of E[Jᵀ J], J the derivatives of the scores by the random numbers, from differences of draws.
Prints a line for the table of :mod:`lamarr.validation.zoo`, and how far the mean is from the teacher's score.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamarr.networks.mlp import MLP
from lamarr.parametrizations.tracking.features import DIAGONAL_SHARE
from lamarr.training.tracking.candidates import Optimiser
from lamarr.training.tracking.recipes import (
    RECIPES,
    beam_tables,
    covariance_targets,
    load_sample,
    resolution_targets,
)
from lamarr.training.tracking.targets import fit_scores
from lamarr.training.tracking.teacher import correlation_matrix, load_teacher, physical
from lamarr.validation.draws import NOISE, with_quality
from lamarr.validation.zoo import BATCH, HOLD_OUT, measured

__all__ = ["Pairs", "directions", "draw_pairs", "main"]

Array = NDArray[Any]

_PROBES, _STEP, _STEEPEST, _CHUNK = 3000, 0.05, 20.0, 100_000
_LOG_SPREAD = (-5.0, 2.0)


@dataclass(frozen=True)
class Pairs:
    """Physical draws: conditions (n, …), the random numbers (n, 128 or fewer), targets (n, outputs)."""

    conditions: Array
    noise: Array
    targets: Array


def _targets(model: str, beam: Array, drawn: Array) -> Array:
    if model == "resolution":
        return resolution_targets(beam, drawn)
    drawn = np.array(drawn)
    # a matrix that is not positive definite has no partial correlations
    drawn[np.linalg.eigvalsh(correlation_matrix(drawn))[:, 0] < 2 * DIAGONAL_SHARE, 5:] = 0
    return covariance_targets(drawn)


def draw_pairs(model: str, teacher: Any, beam: Array, rng: np.random.Generator, reduced: Array) -> Pairs:
    """Draw once for each track of `beam` (n, 12), and keep what is physical.

    Parameters
    ----------
    reduced : array (128, k)
        The random numbers are kept as their products with these directions.
    """
    one, two = (rng.standard_normal((len(beam), NOISE), np.float32) for _ in range(2))
    residuals = teacher.resolution(beam, one)
    conditions = with_quality(beam, residuals[:, 6:9])
    covariance = teacher.covariance(conditions, two)
    kept = physical(teacher, 10.0 ** beam[:, 5].astype(float), residuals, covariance)
    if model == "resolution":
        return Pairs(beam[kept], one[kept] @ reduced, _targets(model, beam[kept], residuals[kept]))
    return Pairs(conditions[kept], two[kept] @ reduced, _targets(model, beam[kept], covariance[kept]))


def directions(model: str, teacher: Any, beam: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Directions (128, 128) of the random numbers, the most important first, and √ of their eigenvalues."""
    some = draw_pairs(model, teacher, beam[:_PROBES], rng, np.eye(NOISE, dtype=np.float32))
    draw = teacher.resolution if model == "resolution" else teacher.covariance
    scores, x = fit_scores(some.targets), some.conditions

    def shifted(step: Array) -> Array:
        t = _targets(model, x, draw(x, some.noise + step))
        return np.stack([s.forward(t[:, j]) for j, s in enumerate(scores)], axis=1)

    steps = 0.5 * _STEP * np.eye(NOISE, dtype=np.float32)
    slopes = np.stack([(shifted(s) - shifted(-s)) / _STEP for s in steps], axis=2)
    slopes = np.clip(slopes, -_STEEPEST, _STEEPEST)  # a draw that left the physical range says nothing
    value, vector = np.linalg.eigh(np.einsum("njk,njl->kl", slopes, slopes) / len(slopes))
    return vector[:, ::-1].astype(np.float32), np.sqrt(np.maximum(value[::-1], 0))


def _train(network: MLP, x: Tensor, y: Tensor, seconds: float, seed: int) -> int:
    """Maximise the likelihood of Gaussians with the mean and spread that the network gives."""
    optimiser, generator = Optimiser(network, 2e-3, 0.02), torch.Generator().manual_seed(seed)
    steps, start = 0, time.process_time()
    while (progress := (time.process_time() - start) / seconds) < 1:
        rows = torch.randint(HOLD_OUT, len(x), (BATCH,), generator=generator)
        mean, spread = network(x[rows]).chunk(2, dim=1)
        spread = spread.clamp(*_LOG_SPREAD)
        loss = (spread + 0.5 * ((y[rows] - mean) * torch.exp(-spread)) ** 2).mean()
        optimiser.update(loss, 0.5 * (1 + math.cos(math.pi * progress)) + 1e-3)
        steps += 1
    return steps


def _prepared(model: str, sample: Path, rows: int, k: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Features, leading random numbers and scores of physical draws."""
    teacher, rng = load_teacher(), np.random.default_rng(seed)
    beam = np.array(load_sample(sample, "beam")[0][:rows])
    leading, size = directions(model, teacher, beam, rng)
    click.echo(f"√ eigenvalues: {np.round(size[:k], 3).tolist()}, all others {np.hypot.reduce(size[k:]):.3f}")
    parts = [
        draw_pairs(model, teacher, beam[a : a + _CHUNK], rng, leading[:, :k]) for a in range(0, rows, _CHUNK)
    ]
    x, z, t = (np.concatenate([getattr(p, f) for p in parts]) for f in ("conditions", "noise", "targets"))
    recipe, scores = RECIPES[model], fit_scores(t)
    features = recipe.features(x, beam_tables(recipe, x))
    y = np.stack([s.forward(t[:, j]) for j, s in enumerate(scores)], axis=1).astype(np.float32)
    return torch.from_numpy(features), torch.from_numpy(z), torch.from_numpy(y)


@click.command()
@click.argument("model", type=click.Choice(["resolution", "covariance"]))
@click.option("--sample", type=click.Path(path_type=Path), required=True, help="Folder of a sample.")
@click.option("--minutes", default=2.0, show_default=True, help="CPU time of the training.")
@click.option("--rows", default=1_500_000, show_default=True, help="Tracks of the sample that are used.")
@click.option("--directions", "k", default=16, show_default=True, help="Of the random numbers.")
@click.option("--width", default=96, show_default=True)
@click.option("--depth", default=5, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(
    model: str, sample: Path, minutes: float, rows: int, k: int, width: int, depth: int, seed: int
) -> None:
    """Train a student of MODEL and print how well it does, without and with its spread."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    features, z, y = _prepared(model, sample, rows, k, seed)
    x = torch.cat([features, z], dim=1)
    network = MLP(x.shape[1], [width] * depth, 2 * y.shape[1], residual=True)
    steps = _train(network, x, y, 60 * minutes, seed)
    with torch.no_grad():
        mean, spread = network(x[:HOLD_OUT]).chunk(2, dim=1)
    error = y[:HOLD_OUT] - mean
    click.echo(f"error of a score: rms {error.square().mean().sqrt():.3f}, median {error.abs().median():.3f}")
    noisy = mean + torch.exp(spread.clamp(*_LOG_SPREAD)) * torch.randn_like(mean)
    weights = sum(p.numel() for p in network.parameters())
    for name, ours in (("mean", mean), ("mean and spread", noisy)):
        m = measured(ours.numpy(), y[:HOLD_OUT].numpy(), features[:HOLD_OUT].numpy())
        click.echo(
            f"| {model} | student, {name} | {weights} | {steps} | {m['mean KS']:.4f} | "
            f"{m['largest KS']:.4f} | {m['mean width error']:.3f} | {m['AUC']:.3f} ± {m['AUC error']:.3f} |"
        )


if __name__ == "__main__":
    main()

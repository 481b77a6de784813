"""Compare classes of generators for resolution and covariance: same data, same CPU time, similar size.

    python -m lamarr.validation.zoo --sample DIR --minutes 5

Prints a Markdown table. Distances are measured on held-out tracks of the sample, between draws of the
candidate and the teacher's, in the normal scores in which all of them are trained.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from lamarr.commands import run
from lamarr.training.scores import NormalScore
from lamarr.training.tracking.candidates import CANDIDATES, Candidate
from lamarr.training.tracking.recipes import RECIPES, beam_tables
from lamarr.training.tracking.targets import fit_scores
from lamarr.validation.metrics import classifier_auc, half_width, kolmogorov

__all__ = ["compare", "main"]

HOLD_OUT = 200_000
BATCH = 1024


def scored(model: str, sample: Path, rows: int) -> tuple[Tensor, Tensor]:
    """Features of the conditions and normal scores of the targets, (rows, …) each."""
    recipe = RECIPES[model]
    conditions, targets = (a[:rows] for a in recipe.arrays(sample))
    features = recipe.features(conditions, beam_tables(recipe, conditions))
    scores: list[NormalScore] = fit_scores(targets)
    t = np.stack([s.forward(targets[:, j]) for j, s in enumerate(scores)], axis=1)
    return torch.from_numpy(features), torch.from_numpy(t.astype(np.float32))


def train(candidate: Candidate, c: Tensor, t: Tensor, seconds: float, seed: int) -> int:
    """Train for `seconds` of CPU time; return the number of steps."""
    generator, steps = torch.Generator().manual_seed(seed), 0
    start = time.process_time()
    while (progress := (time.process_time() - start) / seconds) < 1:
        rows = torch.randint(HOLD_OUT, len(c), (BATCH,), generator=generator)
        candidate.step(c[rows], t[rows], progress)
        steps += 1
    return steps


def compare(candidate: Candidate, c: Tensor, t: Tensor, seed: int) -> dict[str, float]:
    """Mean and largest KS, mean error of the width in deciles of log p, AUC, all on held-out rows."""
    generator = torch.Generator().manual_seed(seed)
    parts = [candidate.draw(c[a : a + 20_000], generator) for a in range(0, HOLD_OUT, 20_000)]
    ours, truth, x = torch.cat(parts).numpy(), t[:HOLD_OUT].numpy(), c[:HOLD_OUT].numpy()
    distance = [kolmogorov(ours[:, j], truth[:, j]) for j in range(ours.shape[1])]
    decile = np.digitize(x[:, 5], np.quantile(x[:, 5], np.linspace(0, 1, 11)[1:-1]))
    width = [
        abs(half_width(ours[decile == d, j]) / half_width(truth[decile == d, j]) - 1)
        for d in range(10)
        for j in range(ours.shape[1])
    ]
    half = HOLD_OUT // 2
    auc, error = classifier_auc(np.hstack([x[:half], ours[:half]]), np.hstack([x[half:], truth[half:]]))
    return {
        "mean KS": float(np.mean(distance)),
        "largest KS": max(distance),
        "mean width error": float(np.mean(width)),
        "AUC": auc,
        "AUC error": error,
    }


@click.command()
@click.option(
    "--sample", type=click.Path(path_type=Path), required=True, help="Folder of the training sample."
)
@click.option("--minutes", default=5.0, show_default=True, help="CPU time of each training.")
@click.option("--rows", default=2_000_000, show_default=True, help="Rows of the sample that are used.")
@click.option("--seed", default=1, show_default=True)
def main(sample: Path, minutes: float, rows: int, seed: int) -> None:
    """Train every candidate for both models and print the table."""
    torch.set_num_threads(1)
    click.echo("| model | class | weights | steps | mean KS | largest KS | mean width error | AUC |")
    click.echo("|---|---|---|---|---|---|---|---|")
    for model in ("resolution", "covariance"):
        c, t = scored(model, sample, rows)
        for name, make in CANDIDATES.items():
            torch.manual_seed(seed)
            candidate = make(c.shape[1], t.shape[1])
            steps = train(candidate, c, t, 60 * minutes, seed)
            m = compare(candidate, c, t, seed)
            click.echo(
                f"| {model} | {name} | {candidate.parameters} | {steps} | {m['mean KS']:.4f} | "
                f"{m['largest KS']:.4f} | {m['mean width error']:.3f} | "
                f"{m['AUC']:.3f} ± {m['AUC error']:.3f} |"
            )


if __name__ == "__main__":
    run(main)

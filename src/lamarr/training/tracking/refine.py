"""Refine a trained response by resampling: candidates of the model, chosen by a learned density ratio.

    python -m lamarr.training.tracking.refine covariance --pairs runs/samples/pairs -o SETDIR

The ratio learns to tell physical draws of the teacher from draws of the model in SETDIR for the same
conditions. The model is then replaced by one that draws two candidates and chooses
(:mod:`lamarr.networks.resampling`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import torch
from numpy.typing import NDArray

from lamarr._version import __version__
from lamarr.errors import ConfigurationError
from lamarr.networks.resampling import Ratio, resampled
from lamarr.parametrizations.tracking.features import DIAGONAL_SHARE
from lamarr.training.fit import Schedule, fit
from lamarr.training.scores import NormalScore
from lamarr.training.tracking.recipes import covariance_targets, load_sample, resolution_targets
from lamarr.training.tracking.train import sample_digest
from lamarr.transpile import Graph, Model, load_model
from lamarr.transpile.graph import Node

__all__ = ["CANDIDATES", "Taps", "main", "refined", "tapped"]

Array = NDArray[Any]

CANDIDATES: Final = 2
"""Draws to choose from. Each costs one evaluation of all heads; the trunk is evaluated once."""

SCHEDULES: Final = {
    "resolution": Schedule(steps=25_000, batch=1024, adam_rate=1e-3, muon_rate=0.01, hold_out=100_000),
    "covariance": Schedule(steps=25_000, batch=1024, adam_rate=1e-3, muon_rate=0.01, hold_out=100_000),
}
WIDTH: Final = 64


@dataclass(frozen=True)
class Taps:
    """Names of the values inside of a response's graph that the ratio sees.

    `context` does not depend on noise; `scores` are the normal scores of the targets, `seen` all that the
    ratio sees of a candidate.
    """

    context: str
    scores: str
    seen: tuple[str, ...]

    @classmethod
    def of(cls, graph: Graph) -> Taps:
        """Find them: the end of the trunk, the input of the last table, correlations."""
        random = {"noise"}
        for n in graph.nodes:
            if random & set(n.inputs):
                random.add(n.output)
        layers = [n for n in graph.nodes if n.op == "dense" and n.output not in random]
        context = max(layers, key=lambda n: n.width).inputs[0]  # the layer that feeds all heads
        scores = [n for n in graph.nodes if n.op == "interpolate" and n.output in random][-1].inputs[0]
        correlations = tuple(n.output for n in graph.nodes if n.op == "vine")
        return cls(context, scores, (scores, *correlations))


def tapped(graph: Graph, *names: str) -> Graph:
    """Graph that gives values inside of another one, side by side."""
    widths = {**graph.inputs, **{n.output: n.width for n in graph.nodes}}
    last = Node(op="concat", inputs=names, output="taps", width=sum(widths[n] for n in names))
    return replace(graph, nodes=(*graph.nodes, last), output="taps")


def _conditions(name: str, beam: Array, residuals: Array) -> Array:
    return beam if name == "resolution" else np.hstack([beam[:, :6], residuals[:, 6:], beam[:, 6:]])


def _seen_of_teacher(model: Model, taps: Taps, beam: Array, residuals: Array, covariance: Array) -> Array:
    """Show the ratio draws of the teacher (rows, …): scores, and the correlations of a covariance."""
    table = next(n for n in model.graph.nodes if n.op == "interpolate" and n.inputs[0] == taps.scores)
    x, y = (model.graph.constants[table.constants[k]] for k in ("x", "y"))
    if model.name == "resolution":
        targets = resolution_targets(beam, residuals)
    else:
        targets = covariance_targets(covariance)
    scores = [NormalScore(y[j], x[j]).forward(targets[:, j]) for j in range(targets.shape[1])]
    seen = np.stack(scores, axis=1).astype(np.float32)
    if model.name == "resolution":
        return seen
    return np.hstack([seen, (covariance[:, 5:] / (1 - DIAGONAL_SHARE)).astype(np.float32)])


def _tables(model: Model, taps: Taps, folder: Path, rows: int, seed: int) -> tuple[Array, Array, Array]:
    """Contexts (rows, …), and what is seen of the teacher's draws and of the model's."""
    arrays = [a[:rows] for a in load_sample(folder, "beam", "resolution", "covariance")]
    graph = tapped(model.graph, taps.context, *taps.seen)
    names = tuple(f"tap_{i}" for i in range(graph.width))
    inner = replace(model, graph=graph, outputs=names).compiled()
    context = graph.nodes[-1].width - sum(n.width for n in graph.nodes if n.output in taps.seen)
    rng = np.random.default_rng(seed)
    parts = []
    for first in range(0, len(arrays[0]), 100_000):
        beam, residuals, covariance = (np.array(a[first : first + 100_000]) for a in arrays)
        noise = rng.standard_normal((len(beam), model.n_noise), np.float32)
        ours = inner(np.ascontiguousarray(_conditions(model.name, beam, residuals)), noise)
        seen = _seen_of_teacher(model, taps, beam, residuals, covariance)
        parts.append((ours[:, :context], seen, ours[:, context:]))
    first_, second, third = (np.concatenate([p[i] for p in parts]) for i in range(3))
    return first_, second, third


def refined(model: Model, folder: Path, schedule: Schedule, *, rows: int, checkpoint: Path | None) -> Model:
    """Train the ratio for a model and return the resampled model.

    Raises
    ------
    ConfigurationError
        If the model is resampled already.
    """
    if "resampling" in model.card:
        raise ConfigurationError(f"the model '{model.name}' is resampled already: train it again first")
    torch.manual_seed(schedule.seed)
    taps = Taps.of(model.graph)
    context, theirs, ours = (torch.from_numpy(a) for a in _tables(model, taps, folder, rows, schedule.seed))
    ratio = Ratio(context.shape[1], theirs.shape[1], WIDTH)
    softplus = torch.nn.functional.softplus
    history = fit(
        ratio,
        lambda c, a, b: 0.5 * (softplus(-ratio(c, a)) + softplus(ratio(c, b))),
        (context, theirs, ours),
        schedule,
        checkpoint=checkpoint,
    )
    graph = resampled(model.graph, ratio, CANDIDATES, taps.context, taps.seen)
    card = {k: v for k, v in model.card.items() if k not in ("graph", "weights")}
    card["resampling"] = {
        "candidates": CANDIDATES,
        "width": WIDTH,
        "schedule": {k: getattr(schedule, k) for k in schedule.__dataclass_fields__},
        "sample": {"rows": len(context), "sha256": sample_digest(folder)},
        "held_out_cross_entropy": {"step": history[-1][0], "loss": round(history[-1][1], 5)},
        "command": f"python -m lamarr.training.tracking.refine {model.name} --pairs PAIRS -o SET",
    }
    card |= {"multiplications": graph.multiplications, "lamarr": __version__}
    card["data"] = {**card.get("data", {}), "date": date.today().isoformat()}
    return replace(model, graph=graph, n_noise=graph.inputs["noise"], card=card)


@click.command()
@click.argument("name", type=click.Choice(list(SCHEDULES)))
@click.option("--pairs", type=click.Path(path_type=Path), required=True, help="Folder of the pairs.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the set.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs/tracking"), help="Checkpoints.")
@click.option("--rows", default=4_000_000, show_default=True, help="Rows of the sample that are used.")
@click.option("--steps", type=int, help="Instead of the schedule's number of steps.")
def main(name: str, pairs: Path, output: Path, runs: Path, rows: int, steps: int | None) -> None:
    """Refine model NAME of the set in OUTPUT."""
    torch.set_num_threads(1)  # sums in one order: the same weights on every run
    schedule = SCHEDULES[name]
    schedule = replace(schedule, steps=steps) if steps else schedule
    runs.mkdir(parents=True, exist_ok=True)
    model = load_model(output, name)
    model = refined(model, pairs, schedule, rows=rows, checkpoint=runs / f"{name}-ratio.checkpoint")
    click.echo(f"wrote {model.save(output)}")


if __name__ == "__main__":
    main()

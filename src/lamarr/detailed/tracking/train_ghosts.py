"""Train the ghost probability on transported events.

    lamarr sample minbias -n 800 --seed 1 --transported minbias -o minbias.parquet
    python -m lamarr.detailed.tracking.train_ghosts minbias

reconstructs their tracks, and writes ``ghosts.json`` next to this file, with the numbers of its test on every
fifth event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent
from lamarr.detailed.tracking.ghosts import FEATURES, evaluate
from lamarr.detailed.tracking.reconstruction import find_tracks, ghost_features
from lamarr.detailed.transport.store import stored_events
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry

__all__ = ["area_under_curve", "fit_network", "tracks_of", "train"]

Floats = NDArray[np.float64]
Network = dict[str, Any]

HIDDEN: Final = 12
STEPS: Final = 3000
RATE: Final = 0.01
DECAY: Final = 1e-3


def fit_network(x: Floats, ghost: NDArray[np.bool_], seed: int, steps: int = STEPS) -> Network:
    """Fit the network of :func:`lamarr.detailed.tracking.ghosts.evaluate` by Adam on the whole sample.

    Minimises the binary cross entropy with a quadratic penalty on the weights; `x` is (n, features).
    """
    rng = np.random.Generator(np.random.Philox(seed))
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-3)
    z, y = (x - mean) / scale, ghost.astype(np.float64)
    w = [
        rng.normal(0, 1 / np.sqrt(z.shape[1]), (z.shape[1], HIDDEN)),
        np.zeros(HIDDEN),
        rng.normal(0, 1 / np.sqrt(HIDDEN), HIDDEN),
        np.array(np.log((y.mean() + 1e-3) / (1 - y.mean() + 1e-3))),
    ]
    first, second = [np.zeros_like(a) for a in w], [np.zeros_like(a) for a in w]
    for step in range(1, steps + 1):
        hidden = np.tanh(z @ w[0] + w[1])
        error = (1 / (1 + np.exp(-(hidden @ w[2] + w[3]))) - y) / len(y)
        back = np.outer(error, w[2]) * (1 - hidden**2)
        gradients = [
            z.T @ back + DECAY * w[0],
            back.sum(axis=0),
            hidden.T @ error + DECAY * w[2],
            error.sum(),
        ]
        for a, g, m, v in zip(w, gradients, first, second, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g**2 - v)
            a -= RATE * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    names = ("w1", "b1", "w2", "b2")
    rounded = {name: np.round(a, 5).tolist() for name, a in zip(names, w, strict=True)}
    return {"mean": np.round(mean, 5).tolist(), "scale": np.round(scale, 5).tolist(), **rounded}


def area_under_curve(score: Floats, positive: NDArray[np.bool_]) -> float:
    """Probability that a positive row scores above a negative one."""
    order = np.argsort(score, kind="stable")
    ranks = np.empty(len(score))
    ranks[order] = np.arange(1, len(score) + 1)
    n1, n0 = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / max(n1 * n0, 1))


def tracks_of(
    events: Iterable[SimEvent], context: Context
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Features, ghosts, and rows of the test, of all tracks in events."""
    x, ghost, test = [], [], []
    for event in events:
        found = find_tracks(event, context)
        for group in found.groups:
            x.append(ghost_features(group, found))
            ghost.append(found.owners(group) < 0)
            test.append(np.full(len(x[-1]), event.event_id % 5 == 0))
    return np.concatenate(x), np.concatenate(ghost), np.concatenate(test)


def train(events: Iterable[SimEvent], context: Context, command: str) -> dict[str, Any]:
    """Return the network with its card: the command that makes it, and the numbers of its test."""
    x, ghost, test = tracks_of(events, context)
    network = fit_network(x[~test], ghost[~test], context.seed)
    score = evaluate(network, x[test])
    return {
        "command": command,
        "features": list(FEATURES),
        "tracks": int((~test).sum()),
        "ghosts": int(ghost[~test].sum()),
        "test": {
            "tracks": int(test.sum()),
            "ghosts": int(ghost[test].sum()),
            "auc": round(area_under_curve(score, ghost[test]), 4),
            "mean_probability": round(float(score.mean()), 4),
        },
        "network": network,
    }


@click.command()
@click.argument(
    "stores", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--events", type=click.IntRange(min=1), help="Most events of each. [default: all]")
@click.option("--seed", default=1, show_default=True)
@click.option("--detector", default="lhcb2016-magup", show_default=True)
def main(stores: tuple[Path, ...], events: int | None, seed: int, detector: str) -> None:
    """Train the ghost probability on the transported events in STORES."""
    context = Context(geometry=load_geometry(), detector=load_detector(detector), seed=seed)
    command = " ".join(
        [
            "python -m lamarr.detailed.tracking.train_ghosts",
            *(store.name for store in stores),
            *([f"--events {events}"] if events else []),
            f"--seed {seed} --detector {detector}",
        ]
    )
    card = train(stored_events(*stores, most=events), context, command)
    Path(__file__).with_name("ghosts.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(card["test"]))


if __name__ == "__main__":
    run(main)

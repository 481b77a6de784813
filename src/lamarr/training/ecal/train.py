"""Train a learned engine of the ECAL.

    python -m lamarr.training.ecal.train translation --sample runs/ecal/sample.npz -o SET

A run can be killed and started again: it goes on from its last checkpoint with the same bits. Two models come
out: NAME_counts (how many clusters) and NAME (where they are).
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import click
import torch

from lamarr._version import __version__
from lamarr.commands import run
from lamarr.errors import ConfigurationError
from lamarr.networks.geometric import GeometricAttention
from lamarr.networks.graph_to_graph import GraphFlow
from lamarr.networks.lowering_sets import lower_clusters, lower_counts
from lamarr.networks.translation import Translation
from lamarr.parametrizations.ecal.queries import (
    CLUSTERS,
    MOST_OWNED,
    QUERY_FEATURES,
    SOURCES,
    TARGETS,
    cluster_columns,
    counts_columns,
)
from lamarr.parametrizations.ecal.tokens import TOKEN_FEATURES
from lamarr.training.ecal.batches import Batches
from lamarr.training.ecal.events import UnitSample
from lamarr.training.ecal.fit import Fit, Pace, best_weights
from lamarr.training.ecal.game import Game
from lamarr.transpile import Model

__all__ = ["NETWORKS", "PACES", "main", "models_of", "network_of", "train"]

Network = Translation | GraphFlow

NETWORKS: Final[dict[str, type[Translation] | type[GraphFlow]]] = {
    "translation": Translation,
    "graph": GraphFlow,
}
PACES: Final = {"translation": Pace(steps=6000, batch=16), "graph": Pace(steps=8000, batch=16)}
REFERENCES: Final = {
    "translation": [
        "A. Vaswani et al., Attention is all you need (2017), arXiv:1706.03762",
        "C. Bishop, Mixture Density Networks (1994)",
    ],
    "graph": [
        "Y. Lipman et al., Flow Matching for Generative Modeling (2022), arXiv:2210.02747",
        "P. Veličković et al., Graph Attention Networks (2017), arXiv:1710.10903",
    ],
}
GAME: Final = Pace(steps=1000, batch=16, adam_rate=5e-4, muon_rate=0.002, memory=0.99, seed=2)
DRAWS: Final = 4
"""Draws of every cluster that a translation gives: one that is too near to another has three more."""
STRENGTH: Final = 1.0
"""Of the judge's gradient: 1 is that of its cross entropy, one term per unit beside one per cluster."""


def network_of(name: str, seed: int = 1) -> Network:
    """Return the network of an engine with its first weights."""
    torch.manual_seed(seed)
    return NETWORKS[name](len(TOKEN_FEATURES), len(QUERY_FEATURES), len(TARGETS), most=MOST_OWNED)


def train(
    name: str,
    sample: UnitSample,
    runs: Path,
    *,
    pace: Pace,
    game: Pace | None = None,
    until: int | None = None,
    start: Path | None = None,
    strength: float = STRENGTH,
) -> tuple[Network, list[dict[str, float]]]:
    """Train an engine; return it with its held-out losses. With `game` a translation is tuned by a judge.

    `until` stops at a step of the pace, with the best weights so far. With `start`, the checkpoint of another
    training, its best weights take the place of a training of their own; `strength` is that of the judge.
    """
    known = (len(TOKEN_FEATURES), len(QUERY_FEATURES))
    got = (sample.tokens.shape[1], sample.queries.shape[1])
    if got != known:
        raise ConfigurationError(
            f"tokens and queries of the sample must have {known} features, but got {got}: make it again"
        )
    torch.set_num_threads(1)  # sums in one order: the same weights on every run
    network, digest = network_of(name, pace.seed), sample.digest()[:12]
    runs.mkdir(parents=True, exist_ok=True)
    learn, choose = (Batches(sample, part, pace.batch, pace.seed) for part in (0, 1))
    if start is None:
        path = runs / f"{name}.checkpoint"
        fit = Fit(network, learn, choose, pace, checkpoint=path, identity=f"{name} {digest}")
        history = fit.run(until)
    else:
        network.load_state_dict(best_weights(start))
        history = []
    if game is not None and isinstance(network, Translation):
        both = Game(network, len(QUERY_FEATURES), len(TOKEN_FEATURES), strength=strength)
        path = runs / f"{name}.game.checkpoint"
        identity = f"{name} game {strength:g} {digest}"
        match = Fit(both, learn, choose, game, checkpoint=path, identity=identity, choose_last=True)
        history += match.run()
    return network, history


def _model(name: str, graph: Any, columns: tuple[tuple[str, ...], tuple[str, ...]], card: Any) -> Model:
    noise = graph.inputs["noise"]
    return Model(
        name=name, inputs=columns[0], outputs=columns[1], n_noise=noise, ranges={}, graph=graph, card=card
    )


def models_of(name: str, network: Network, card: dict[str, Any]) -> tuple[Model, Model]:
    """Return the models ``ecal_NAME_counts`` and ``ecal_NAME`` of a network."""
    draws = DRAWS if isinstance(network, Translation) else 1
    return (
        _model(
            f"ecal_{name}_counts",
            lower_counts(network.encoder, network.counts, SOURCES),
            counts_columns(),
            {"title": f"Numbers of clusters of the sources in the ECAL ({name})", **card},
        ),
        _model(
            f"ecal_{name}",
            lower_clusters(network, SOURCES, CLUSTERS, draws),
            cluster_columns(draws),
            {"title": f"Clusters of the ECAL from its sources ({name})", **card},
        ),
    )


def _card(
    name: str, sample: UnitSample, network: Network, paces: dict[str, Any], said: str
) -> dict[str, Any]:
    reach = [m.log_reach.exp().tolist() for m in network.modules() if isinstance(m, GeometricAttention)]
    return {
        "recipe": {"network": name, **paces},
        "sample": {
            "units": len(sample),
            "sources": len(sample.tokens),
            "clusters": len(sample.targets),
            "left_out": int(sample.left_out[0]),
            "sha256": sample.digest(),
        },
        "references": REFERENCES[name],
        "reach_of_heads_in_metres": [[round(r, 3) for r in heads] for heads in reach],
        "command": f"python -m lamarr.training.ecal.train {name} --sample SAMPLE -o SET",
        "data": {"origin": said, "date": date.today().isoformat()},
        "licence": "BSD-3-Clause",
        "lamarr": __version__,
    }


@click.command()
@click.argument("name", type=click.Choice(list(NETWORKS)))
@click.option("--sample", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the set.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs/ecal"), help="Checkpoints.")
@click.option("--steps", type=int, help="Instead of the recipe's number of steps.")
@click.option("--until", type=int, help="Stop at this step and use the best weights so far.")
@click.option("--game", type=int, default=0, help="Steps of adversarial fine-tuning (translation).")
@click.option("--strength", default=STRENGTH, show_default=True, help="Of the judge in the game.")
@click.option(
    "--start", type=click.Path(exists=True, path_type=Path), help="Checkpoint whose best weights play."
)
@click.option("--origin", default="events of the detailed simulation", help="What the card says of the data.")
def main(
    name: str,
    sample: Path,
    output: Path,
    runs: Path,
    steps: int | None,
    until: int | None,
    game: int,
    strength: float,
    start: Path | None,
    origin: str,
) -> None:
    """Train the engine NAME and save its two models."""
    data = UnitSample.load(sample)
    pace = replace(PACES[name], steps=steps) if steps else PACES[name]
    match = replace(GAME, steps=game) if game else None
    if start is not None and match is None:
        raise ConfigurationError("weights of a checkpoint are for a game: give --game STEPS beside --start")
    network, history = train(
        name, data, runs, pace=pace, game=match, until=until, start=start, strength=strength
    )
    played = {**asdict(match), "strength": strength} if match else None
    card = _card(name, data, network, {"pace": asdict(pace), "game": played}, origin)
    best = history[-1] if match else min(history, key=lambda h: h["total"])
    card["held_out"] = {"loss_per_cluster": best}
    card["recipe"]["stopped_at"] = None if until is None else history[-1]["step"]
    for model in models_of(name, network, card):
        click.echo(f"wrote {model.save(output)}")
    (runs / f"{name}.history.json").write_text(json.dumps(history, indent=1))


if __name__ == "__main__":
    run(main)

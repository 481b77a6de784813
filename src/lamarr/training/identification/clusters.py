"""Train PhotonID, IsNotE and IsNotH from collected samples of the detailed simulation.

    python -m lamarr.training.identification.clusters SAMPLE.npz... -o src/lamarr/calorimetry/models

A cluster is what most of its energy comes from. Classes have equal weight, and in each the energies do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.cluster_identification import INPUTS, OUTPUTS, cluster_inputs
from lamarr.commands import run
from lamarr.detector.geometry import load_geometry
from lamarr.training.fit import Schedule
from lamarr.training.identification.network import Sample, train_classifier
from lamarr.training.identification.sample import Columns, load_sample, sample_commands

__all__ = ["cluster_sample"]

PHOTON: Final = 0
ELECTRON: Final = 1
HADRON: Final = 2


def cluster_sample(clusters: Columns) -> Sample:
    """Return inputs and labels of collected clusters that mostly are of one kind."""
    kind = clusters["kind"]
    x = cluster_inputs(clusters, load_geometry().calorimeter.module).astype(np.float64)[kind >= 0]
    kind = kind[kind >= 0]
    photon, electron, hadron = (kind == k for k in (PHOTON, ELECTRON, HADRON))
    labels = (photon, np.where(hadron, np.nan, photon), np.where(electron, np.nan, photon))
    y = np.stack([np.asarray(v, np.float64) for v in labels], 1)
    return Sample(inputs=INPUTS, outputs=OUTPUTS, x=x, y=y, weight=_weights(kind, x[:, 0]))


def _weights(kind: NDArray[np.int64], log_energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights by which photons have a half, electrons and hadrons a quarter each, flat in ln E."""
    interval = np.clip(((log_energy - 6.0) * 2).astype(np.int64), 0, 12)
    weight = np.zeros(len(kind))
    for k, share in ((PHOTON, 0.5), (ELECTRON, 0.25), (HADRON, 0.25)):
        mine = kind == k
        count = np.bincount(interval[mine], minlength=13)
        flat = 1 / np.maximum(count[interval[mine]], 0.1 * max(count.max(initial=0), 1))
        weight[mine] = share * flat / flat.sum()
    return weight * len(kind)


def _train(sample: Sample, steps: int, seed: int, card: dict[str, Any]) -> Any:
    schedule = Schedule(steps=steps, batch=1024, hold_out=len(sample.x) // 5, seed=seed)
    return train_classifier(
        "cluster_identification", sample, last="sigmoid", hidden=(32, 32), schedule=schedule, card=card
    )


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the model.")
@click.option("--steps", default=4000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(files: tuple[Path, ...], output: Path, steps: int, seed: int) -> None:
    """Train on collected samples FILES."""
    parts = [load_sample(f)[1] for f in files]
    sample = cluster_sample({k: np.concatenate([p[k] for p in parts]) for k in parts[0]})
    card = {
        "title": "Probabilities that a cluster is a photon: against all, electrons, hadrons",
        "command": f"python -m lamarr.training.identification.clusters SAMPLE -o MODELS --steps {steps} "
        f"--seed {seed}",
        "sample_commands": sample_commands(*files),
        "origin": "Clusters of the detailed simulation of this package.",
    }
    model = _train(sample, steps, seed, card)
    click.echo(f"wrote {model.save(output)}: {model.card['held_out_auc']}")


if __name__ == "__main__":
    run(main)

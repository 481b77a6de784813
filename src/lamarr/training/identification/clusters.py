"""Train PhotonID, IsNotE and IsNotH from samples of the detailed simulation.

    python -m lamarr.training.identification.clusters FILE... -o src/lamarr/detailed/calorimeter/models

A cluster is what most of its energy comes from. Classes have equal weight, and in each the energies do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.calorimeter.cluster_identification import INPUTS, OUTPUTS, cluster_inputs
from lamarr.detector.geometry import load_geometry
from lamarr.events import EventBatch, read
from lamarr.training.fit import Schedule
from lamarr.training.identification.network import Sample, train_classifier

__all__ = ["cluster_classes", "cluster_sample"]

PHOTON: Final = 0
ELECTRON: Final = 1
HADRON: Final = 2


def cluster_classes(batch: EventBatch) -> NDArray[np.int64]:
    """Return what makes most of each cluster: PHOTON, ELECTRON, HADRON (muons too), or −1 without a link."""
    links, clusters = batch["cluster_links"], batch["clusters"]
    rows = batch.rows_of("clusters", links["event_id"], links["cluster_id"])
    particle = batch.rows_of("calo_particles", links["event_id"], links["calo_particle_id"])
    pid = np.abs(batch["calo_particles"]["pid"][particle])
    kind = np.where(pid == 22, PHOTON, np.where(pid == 11, ELECTRON, HADRON))
    shares = np.zeros((clusters.rows, 3))
    np.add.at(shares, (rows, kind), links["fraction_of_cluster"])
    best = np.argmax(shares, axis=1)
    return np.where(shares[np.arange(len(best)), best] > 0.5, best, -1)


def cluster_sample(batches: list[EventBatch]) -> Sample:
    """Return inputs and labels of all clusters that mostly are of one kind."""
    module = load_geometry().calorimeter.module
    inputs = [cluster_inputs(b["clusters"], module) for b in batches]
    kind = np.concatenate([cluster_classes(b) for b in batches])
    x = np.concatenate(inputs).astype(np.float64)[kind >= 0]
    kind = kind[kind >= 0]
    photon, electron, hadron = (kind == k for k in (PHOTON, ELECTRON, HADRON))
    y = np.stack(
        [
            photon.astype(float),
            np.where(hadron, np.nan, photon),
            np.where(electron, np.nan, photon),
        ],
        1,
    )
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
    """Train on the samples FILES."""
    sample = cluster_sample([read(f) for f in files])
    card = {
        "title": "Probabilities that a cluster is a photon: against all, electrons, hadrons",
        "command": f"python -m lamarr.training.identification.clusters SAMPLE -o MODELS --steps {steps} "
        f"--seed {seed}",
        "origin": "Clusters of the detailed simulation of this package.",
    }
    model = _train(sample, steps, seed, card)
    click.echo(f"wrote {model.save(output)}: {model.card['held_out_auc']}")


if __name__ == "__main__":
    main()

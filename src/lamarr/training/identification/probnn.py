"""Train ProbNN from collected samples of the detailed simulation.

    python -m lamarr.training.identification.probnn SAMPLE.npz... -o src/lamarr/detailed/identification/models

The six kinds of tracks have equal weight, in every interval of momentum as far as the sample goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detailed.calorimeter.reconstruction import track_columns
from lamarr.detailed.identification.combination import detector_columns
from lamarr.detailed.identification.probnn import INPUTS, OUTPUTS, network_inputs
from lamarr.training.calibration import reliability
from lamarr.training.fit import Schedule
from lamarr.training.identification.network import Sample, train_classifier
from lamarr.training.identification.sample import GHOST, Columns, load_sample, sample_commands, view_of

__all__ = ["track_sample"]

SPECIES: Final = (11, 13, 211, 321, 2212, GHOST)
"""PDG ids (absolute) in the order of the outputs."""


def track_sample(tracks: Columns) -> Sample:
    """Return inputs, labels and weights of collected tracks; hyperons and nuclei are left out."""
    pid = np.abs(tracks["pid"])
    muon = (tracks["mu_ll"], tracks["bkg_ll"])
    calo = track_columns(view_of(tracks))
    columns = detector_columns(tracks["rich"], tracks["is_muon"], tracks["is_muon_loose"], muon, calo)
    kinematics = {k[4:]: v for k, v in tracks.items() if k.startswith("kin_")}
    x = network_inputs(columns, kinematics).astype(np.float64)
    y = np.stack([pid == s for s in SPECIES], 1).astype(float)
    known = y.any(axis=1)
    return Sample(
        inputs=INPUTS, outputs=OUTPUTS, x=x[known], y=y[known], weight=_weights(y[known], x[known, 0])
    )


def _weights(y: NDArray[Any], log_p: NDArray[Any]) -> NDArray[np.float64]:
    """Weights by which species are equal, and alike in momentum where there are enough of them."""
    interval = np.clip(((log_p - 7.0) * 2).astype(np.int64), 0, 10)
    kind = np.argmax(y, axis=1)
    everything = np.bincount(interval, minlength=11) / len(kind)
    weight = np.zeros(len(kind))
    for k in range(y.shape[1]):
        mine = kind == k
        share = np.bincount(interval[mine], minlength=11) / max(mine.sum(), 1)
        ratio = np.clip(everything / np.maximum(share, 1e-6), 0.2, 5.0)[interval[mine]]
        weight[mine] = ratio / max(ratio.sum(), 1e-9)
    return weight * len(kind) / y.shape[1]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the model.")
@click.option("--steps", default=400, show_default=True, help="More learn small samples by heart.")
@click.option("--seed", default=1, show_default=True)
def main(files: tuple[Path, ...], output: Path, steps: int, seed: int) -> None:
    """Train on collected samples FILES."""
    parts = [load_sample(f)[0] for f in files]
    sample = track_sample({k: np.concatenate([p[k] for p in parts]) for k in parts[0]})
    schedule = Schedule(steps=steps, batch=512, warmup=50, hold_out=len(sample.x) // 5, seed=seed)
    card = {
        "title": "Probabilities of e, mu, pi, K, p and ghost for a track, under equal priors",
        "command": f"python -m lamarr.training.identification.probnn SAMPLE -o MODELS --steps {steps} "
        f"--seed {seed}",
        "sample_commands": sample_commands(*files),
        "origin": "Tracks of the detailed simulation of this package.",
        "tracks": {name: int(n) for name, n in zip(OUTPUTS, sample.y.sum(axis=0), strict=True)},
    }
    model = train_classifier(
        "probnn", sample, last="softmax", hidden=(32, 32), schedule=schedule, card=card, check=_reliability
    )
    click.echo(f"wrote {model.save(output)}: {model.card['held_out_auc']}")


def _reliability(p: NDArray[Any], y: NDArray[Any], weight: NDArray[Any]) -> dict[str, Any]:
    """Observed against predicted probability on held-out tracks, by output."""
    return {name: reliability(p[:, i], y[:, i], weight, bins=8) for i, name in enumerate(OUTPUTS)}


if __name__ == "__main__":
    run(main)

"""Draws of the teacher together with the few directions of its noise that matter.

    python -m lamarr.training.tracking.pairs --sample runs/samples/train -o runs/samples/pairs

The teacher turns 128 normal numbers into a draw, but a draw depends on very few directions in them, and
hardly on all others (P. Constantine, Active Subspaces (2015)). The directions are the leading eigenvectors
of E[J Jᵀ], J the derivatives of the outputs' normal scores by the noise, found by finite differences of
draws: nothing is read inside of the teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.tracking import BEAM_CONDITIONS
from lamarr.training.scores import NormalScore
from lamarr.training.tracking.recipes import load_sample
from lamarr.training.tracking.teacher import load_teacher, physical

__all__ = ["LATENTS", "active_directions", "main", "paired_draws"]

Array = NDArray[Any]

NOISE: Final = 128
LATENTS: Final = {"resolution": 4, "covariance": 2}
"""Directions of noise that are kept: the spectrum of E[J Jᵀ] falls by 7 and 12 in √ after them."""

_SPECIES: Final = ("is_e", "is_mu", "is_h")
_TYPES: Final = ("long", "upstream", "downstream")


def active_directions(
    response: Callable[[Array, Array], Array], conditions: Array, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Orthonormal directions (noise, `count`) of noise to which a response is most sensitive.

    Parameters
    ----------
    response : callable
        (n, inputs), (n, noise) -> (n, outputs).
    conditions : array (rows, inputs)
        Some hundred typical rows.

    Returns
    -------
    directions, sensitivity
        Sensitivities (noise,) are the roots of all eigenvalues in falling order.
    """
    u = rng.standard_normal((len(conditions), NOISE)).astype(np.float32)
    start, step = response(conditions, u), np.float32(0.02)
    scores = [NormalScore.fit(start[:, j], knots=25, reach=3.0) for j in range(start.shape[1])]

    def scored(y: Array) -> Array:
        return np.stack([s.forward(y[:, j]) for j, s in enumerate(scores)], axis=1)

    derivatives = []
    for i in range(NOISE):
        above, below = u.copy(), u.copy()
        above[:, i] += step
        below[:, i] -= step
        slope = (scored(response(conditions, above)) - scored(response(conditions, below))) / (2 * step)
        derivatives.append(slope)
    jacobian = np.stack(derivatives)
    values, vectors = np.linalg.eigh(np.einsum("iro,jro->ij", jacobian, jacobian) / len(conditions))
    directions: NDArray[np.float32] = vectors[:, ::-1][:, :count].astype(np.float32)
    return directions, np.sqrt(np.maximum(values[::-1], 0))


def with_quality(beam: Array, residuals: Array) -> Array:
    """Conditions of the covariance: those of resolution and the quality of the fit."""
    return np.hstack([beam[:, :6], residuals[:, 6:9], beam[:, 6:]])


def balanced(beam: Array, power: float = 0.6) -> NDArray[np.float64]:
    """Probability of each row: rare species and types of track as if there were more of them."""
    kind = np.zeros(len(beam), np.int64)
    for names in (_SPECIES, _TYPES):
        columns = [BEAM_CONDITIONS.index(n) for n in names]
        kind = 3 * kind + np.argmax(beam[:, columns], axis=1)
    weight = np.bincount(kind, minlength=9)[kind].astype(np.float64) ** -power
    weight /= weight.sum()
    return weight


def paired_draws(
    teacher: Any, beam: Array, directions: dict[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """Physical draws for conditions (rows, 12), and the coordinates of their noise.

    Returns ``beam``, ``resolution`` (t, 9), ``covariance`` (t, 15), ``resolution_noise`` and
    ``covariance_noise`` (t, directions).
    """
    noise = {k: rng.standard_normal((len(beam), NOISE), np.float32) for k in directions}
    residuals = teacher.resolution(beam, noise["resolution"])
    covariance = teacher.covariance(with_quality(beam, residuals), noise["covariance"])
    p = 10.0 ** beam[:, BEAM_CONDITIONS.index("log10_p")].astype(float)
    good = physical(teacher, p, residuals, covariance)
    parts = {"beam": beam[good], "resolution": residuals[good], "covariance": covariance[good]}
    return parts | {f"{k}_noise": noise[k][good] @ d for k, d in directions.items()}


def _draws(
    teacher: Any, beam: Array, rows: int, rng: np.random.Generator, chunk: int = 40_000
) -> Iterator[dict[str, Array]]:
    some = beam[rng.integers(0, len(beam), 1500)]
    quality = teacher.resolution(some, rng.standard_normal((len(some), NOISE), np.float32))
    directions = {}
    for name, conditions in (("resolution", some), ("covariance", with_quality(some, quality))):
        response = getattr(teacher, name)
        directions[name], sensitivity = active_directions(response, conditions, LATENTS[name], rng)
        click.echo(f"{name}: sensitivity to noise {np.round(sensitivity[:8], 2)}")
    cumulative = np.cumsum(balanced(beam))
    for _ in range(-(-rows // chunk)):
        chosen = np.searchsorted(cumulative, rng.random(chunk)).clip(max=len(beam) - 1)
        yield paired_draws(teacher, beam[chosen], directions, rng)


@click.command()
@click.option("--sample", type=click.Path(path_type=Path), required=True, help="Folder of the sample.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the arrays.")
@click.option("--rows", default=10_000_000, show_default=True, help="Draws of the teacher.")
@click.option("--seed", default=2, show_default=True)
@click.option("--teacher", type=click.Path(path_type=Path), help="Folder of tracking_response.py.")
def main(sample: Path, output: Path, rows: int, seed: int, teacher: Path | None) -> None:
    """Draw pairs of noise and response for the conditions of SAMPLE; one .npy file per array."""
    from rich.progress import track

    response, rng = load_teacher(teacher), np.random.default_rng(seed)
    output.mkdir(parents=True, exist_ok=True)
    kept: dict[str, list[Array]] = {}
    (beam,) = (np.array(a) for a in load_sample(sample, "beam"))
    for part in track(_draws(response, beam, rows, rng), "teacher", total=-(-rows // 40_000)):
        for name, array in part.items():
            kept.setdefault(name, []).append(array)
    for name in list(kept):
        np.save(output / f"{name}.npy", np.concatenate(kept.pop(name)))


if __name__ == "__main__":
    main()

"""Draw training and closure samples of the tracking models from the teacher.

    python -m lamarr.training.tracking.sample train -o DIR --seed 1
    python -m lamarr.training.tracking.sample closure -o DIR --particles 1000000 --seed 1001

Charged particles of Pythia8 minimum bias and bb events are varied (momentum, azimuth, flight distance,
species) so that the sample covers more than one spectrum, and a gun flat in log p and eta is added. The
closure sample is not varied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.errors import ConfigurationError
from lamarr.events import EventBatch
from lamarr.parametrizations.tracking import beam_conditions, production_conditions
from lamarr.training.tracking.teacher import load_teacher, physical

__all__ = ["Particles", "closest_to_beam", "draw", "gun", "pythia_particles", "varied"]

BEAM = (0.84, -0.18)
"""Beam spot in x and y (mm) of LHCb 2016 MagUp."""

CHUNK = 200_000
"""Particles that the teacher is asked for at a time."""

_SPECIES = (11, 13, 211, 321, 2212)
_CHARGE = {11: -1, 13: -1, 211: 1, 321: 1, 2212: 1}
_TYPE_CODES = np.array([3, 4, 5])


@dataclass(frozen=True)
class Particles:
    """Charged particles at production: PDG ids, vertex (mm) and momentum (MeV), all arrays (rows,)."""

    pid: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    px: NDArray[np.float64]
    py: NDArray[np.float64]
    pz: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.pid)

    def take(self, rows: Any) -> Particles:
        """Return the selected rows."""
        return Particles(*(getattr(self, f)[rows] for f in self.__dataclass_fields__))

    @staticmethod
    def concatenate(parts: list[Particles]) -> Particles:
        """Join several sets."""
        return Particles(
            *(np.concatenate([getattr(p, f) for p in parts]) for f in Particles.__dataclass_fields__)
        )

    @property
    def charge(self) -> NDArray[np.int64]:
        """Electric charge."""
        table = np.zeros(max(_SPECIES) + 1, np.int64)
        for species, charge in _CHARGE.items():
            table[species] = charge
        return np.sign(self.pid) * table[np.abs(self.pid)]

    @property
    def p(self) -> NDArray[np.float64]:
        """Momentum in MeV."""
        return np.sqrt(self.px**2 + self.py**2 + self.pz**2)


def pythia_particles(shortcut: str, events: int, seed: int) -> Particles:
    """Charged e, mu, pi, K, p of `events` Pythia8 events that fly forward (pz > 100 MeV)."""
    from lamarr.generation import Pythia

    parts = []
    for batch in Pythia(shortcut=shortcut, n=events, seed=seed).batches(size=500):
        if not isinstance(batch, EventBatch):
            raise ConfigurationError(f"Pythia must give events, but got {batch}")
        t, v = batch.particles, batch.vertices
        stable = (t.end_vertex < 0) & (t.pz > 100) & np.isin(np.abs(t.pid), _SPECIES) & (t.status == 1)
        t = t.take(stable)
        rows = batch.rows_of("vertices", t.event_id, t.production_vertex)
        parts.append(Particles(t.pid.astype(np.int64), v.x[rows], v.y[rows], v.z[rows], t.px, t.py, t.pz))
    return Particles.concatenate(parts)


def varied(particles: Particles, rng: np.random.Generator) -> Particles:
    """Vary momentum (±0.15 in log10), azimuth, flight distance (x 0.4 … 2.5) and species at random."""
    n = len(particles)
    scale = 10.0 ** rng.uniform(-0.15, 0.15, n)
    angle, stretch = rng.uniform(-np.pi, np.pi, n), 10.0 ** rng.uniform(-0.4, 0.4, n)
    cos, sin = np.cos(angle), np.sin(angle)
    dx, dy = (particles.x - BEAM[0]) * stretch, (particles.y - BEAM[1]) * stretch
    origin = np.clip(particles.z, -150, 150)
    z = origin + (particles.z - origin) * stretch
    steep = 10.0 ** rng.normal(0, 0.05, n)
    px, py = (cos * particles.px - sin * particles.py), (sin * particles.px + cos * particles.py)
    kind = rng.choice([11, 13, 211, 321, 2212], n, p=[0.2, 0.15, 0.45, 0.1, 0.1])
    return Particles(
        kind * rng.choice([-1, 1], n),
        BEAM[0] + cos * dx - sin * dy,
        BEAM[1] + sin * dx + cos * dy,
        z,
        px * scale * steep,
        py * scale * steep,
        particles.pz * scale,
    )


def gun(n: int, rng: np.random.Generator) -> Particles:
    """Flat in log10 p (2.5 … 5.7) and eta (1 … 6.5); half prompt, half with exponential flight distances."""
    p, eta, phi = 10 ** rng.uniform(2.5, 5.7, n), rng.uniform(1.0, 6.5, n), rng.uniform(-np.pi, np.pi, n)
    pt = p / np.cosh(eta)
    flight = rng.exponential(10.0 ** rng.uniform(-1, 3.3, n)) * rng.choice([0, 1], n)
    mother = rng.normal(0, 0.03, (2, n)) + np.stack([pt / p * np.cos(phi), pt / p * np.sin(phi)])
    kind = rng.choice([11, 13, 211, 321, 2212], n, p=[0.25, 0.2, 0.35, 0.1, 0.1])
    return Particles(
        kind * rng.choice([-1, 1], n),
        BEAM[0] + rng.normal(0, 0.04, n) + flight * mother[0],
        BEAM[1] + rng.normal(0, 0.04, n) + flight * mother[1],
        1.0 + rng.normal(0, 46.0, n) + flight,
        pt * np.cos(phi),
        pt * np.sin(phi),
        p * np.tanh(eta),
    )


def closest_to_beam(particles: Particles) -> NDArray[np.float64]:
    """Return the true states (rows, 6), x, y, z, tx, ty, p, where the line is closest to the z axis."""
    tx, ty = particles.px / particles.pz, particles.py / particles.pz
    dz = -(particles.x * tx + particles.y * ty) / (tx**2 + ty**2)
    return np.stack(
        [particles.x + dz * tx, particles.y + dz * ty, particles.z + dz, tx, ty, particles.p], axis=1
    )


def draw(
    teacher: Any,
    particles: Particles,
    rng: np.random.Generator,
    boost: tuple[float, float, float] = (1, 1, 1),
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Ask the teacher: arrays by name.

    ``production`` (n, 12) conditions, ``probability`` (n, 5) acceptance and four categories; then for each
    reconstructed track ``beam`` (t, 12) conditions, ``resolution`` (t, 9), ``covariance`` (t, 15),
    ``physical`` (t,). `boost` multiplies the probability of long, upstream, downstream tracks.
    """
    conditions = production_conditions(
        pid=particles.pid,
        charge=particles.charge,
        **{k: getattr(particles, k) for k in ("x", "y", "z", "px", "py", "pz")},
    )
    acceptance, efficiency = teacher.acceptance(conditions), teacher.efficiency(conditions)
    yield "production", conditions
    yield "probability", np.column_stack([acceptance, efficiency]).astype(np.float32)
    chance = np.minimum(acceptance[:, None] * efficiency[:, 1:] * np.array(boost), 1)
    row, category = np.nonzero(rng.random(chance.shape) < chance)
    true = closest_to_beam(particles)[row]
    beam = beam_conditions(
        pid=particles.pid[row],
        track_type=_TYPE_CODES[category],
        **{k: true[:, i] for i, k in enumerate(("x", "y", "z", "tx", "ty", "p"))},
    )
    residuals = teacher.resolution(beam, rng.standard_normal((len(beam), 128), np.float32))
    with_quality = np.hstack([beam[:, :6], residuals[:, 6:], beam[:, 6:]])
    covariance = teacher.covariance(with_quality, rng.standard_normal((len(beam), 128), np.float32))
    yield "row", row.astype(np.int64)
    yield "beam", beam
    yield "resolution", residuals
    yield "covariance", covariance
    yield "physical", physical(teacher, true[:, 5], residuals, covariance)


@click.command()
@click.argument("kind", type=click.Choice(["train", "closure"]))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the arrays.")
@click.option("--particles", "n", default=8_000_000, show_default=True, help="Number of particles.")
@click.option("--seed", default=1, show_default=True)
@click.option("--teacher", type=click.Path(path_type=Path), help="Folder of tracking_response.py.")
def main(kind: str, output: Path, n: int, seed: int, teacher: Path | None) -> None:
    """Draw a sample and store it as one .npy file per array in OUTPUT."""
    from rich.progress import track

    response, rng = load_teacher(teacher), np.random.default_rng(seed)
    output.mkdir(parents=True, exist_ok=True)
    pool = Particles.concatenate(
        [
            pythia_particles("minbias", min(n, 600_000) // 90, seed),
            pythia_particles("bbbar", min(n, 600_000) // 150, seed + 1),
        ]
    )
    parts = _training(pool, n, rng) if kind == "train" else _closure(pool, n, rng)
    boost = (1.0, 2.0, 8.0) if kind == "train" else (1.0, 1.0, 1.0)
    kept: dict[str, list[NDArray[Any]]] = {}
    for part in track(parts, "teacher", total=-(-n // CHUNK)):
        for name, array in draw(response, part, rng, boost):
            kept.setdefault(name, []).append(array)
    for name, arrays in kept.items():
        np.save(output / f"{name}.npy", np.concatenate(arrays))


def _training(pool: Particles, n: int, rng: np.random.Generator) -> Iterator[Particles]:
    """Three quarters varied particles of Pythia8, one quarter a flat gun."""
    for _ in range(-(-n // CHUNK)):
        some = pool.take(rng.integers(0, len(pool), 3 * CHUNK // 4))
        yield Particles.concatenate([varied(some, rng), gun(CHUNK // 4, rng)])


def _closure(pool: Particles, n: int, rng: np.random.Generator) -> Iterator[Particles]:
    """Particles of Pythia8 with 2 < p < 200 GeV and 1.8 < eta < 5.2, as they are; a quarter as e, one as mu.

    Electrons and muons are rare among them: half of the sample keeps its spectra and vertices, but is
    relabelled, so that there are enough of every species.
    """
    eta = np.arcsinh(pool.pz / np.hypot(pool.px, pool.py))
    pool = pool.take((pool.p > 2e3) & (pool.p < 2e5) & (eta > 1.8) & (eta < 5.2))
    for _ in range(-(-n // CHUNK)):
        some = pool.take(rng.integers(0, len(pool), CHUNK))
        label = rng.choice([0, 11, 13], CHUNK, p=[0.5, 0.25, 0.25])
        yield replace(some, pid=np.where(label > 0, np.sign(some.pid) * label, some.pid))


if __name__ == "__main__":
    run(main)

"""Make the shower library, or find the one that was made before in the cache.

    python -m lamarr.detailed.calorimeter.library -o showers.npz --size standard --seed 1

Geant4 runs in a process of its own. Each species and interval of energy is a chunk that is kept until
all are made: a broken run goes on where it stopped, with the same result.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from lamarr.commands import run
from lamarr.detailed.calorimeter.showers import SPECIES, ShowerLibrary, merged_spots
from lamarr.detailed.transport.data import cache_directory, prepare_data
from lamarr.detector.geometry import load_geometry
from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.publishing import beside

__all__ = ["SIZES", "Size", "cached_library", "make_library"]

EDGES: Final = tuple(float(e) for e in np.geomspace(20.0, 200e3, 14))
"""Borders of the intervals of kinetic energy, MeV; inside, energies are flat in their logarithm."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many showers: so many GeV per interval, but not fewer nor more than so many showers."""

    electromagnetic: float
    hadronic: float
    least: int
    most: int

    def showers(self, pid: int, energy: float) -> int:
        """Return the number for a species at an energy in MeV."""
        budget = self.electromagnetic if pid in (11, 22) else self.hadronic
        return int(np.clip(1e3 * budget / energy, self.least, self.most))


SIZES: Final = {
    "small": Size(electromagnetic=30.0, hadronic=8.0, least=2, most=24),
    "standard": Size(electromagnetic=2000.0, hadronic=500.0, least=24, most=240),
}


@dataclass(frozen=True)
class _Chunk:
    species: str
    interval: int
    size: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.species}-{self.interval}"

    def energies(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], int]:
        """Kinetic energies, and the seed for Geant4."""
        low, high = EDGES[self.interval : self.interval + 2]
        number = [*SPECIES].index(self.species) * 64 + self.interval
        rng = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, number]))
        n = SIZES[self.size].showers(SPECIES[self.species], (low * high) ** 0.5)
        steps = (np.arange(n) + rng.uniform(size=n)) / n
        return low * (high / low) ** steps, int(rng.integers(2**40))


def _chunks(size: str, seed: int) -> list[_Chunk]:
    return [_Chunk(s, i, size, seed) for s in SPECIES for i in range(len(EDGES) - 1)]


def make_library(
    path: Path, *, size: str = "small", seed: int = 1, report: Callable[[str], None] = lambda _: None
) -> ShowerLibrary:
    """Make a library and write it to `path`; chunks that an earlier run left in ``path.parts`` are used.

    Raises
    ------
    UnknownNameError
        If there is no such size.
    ConfigurationError
        If Geant4 failed.
    """
    if size not in SIZES:
        raise_unknown("size of shower library", size, SIZES)
    folder = path.with_name(f"{path.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else _MODULE]
    command += ["--worker", str(folder), "--size", size, "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as worker:
        lines: list[str] = []
        for line in worker.stdout or ():
            if line.startswith("chunk "):
                report(line.strip())
            lines.append(line)
    if worker.returncode:
        raise ConfigurationError(
            f"Geant4 failed to make the shower library {path} (exit status {worker.returncode}): "
            f"{' '.join(lines[-5:]).strip()}"
        )
    chunks = []
    for chunk in _chunks(size, seed):
        with np.load(folder / _file(chunk)) as file:
            chunks.append({k: file[k] for k in file.files})
    metadata = json.dumps({"size": size, "seed": seed, **asdict(SIZES[size])})
    library = ShowerLibrary.join(chunks, metadata)
    library.save(path)
    for chunk in _chunks(size, seed):
        (folder / _file(chunk)).unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
    return library


_MODULE: Final = "lamarr.detailed.calorimeter.library"


def _file(chunk: _Chunk) -> str:
    return f"{chunk.size}-{chunk.seed}-{chunk.name}.npz"


def _work(folder: Path, size: str, seed: int) -> None:
    """Make every chunk that is not there yet; runs in the Geant4 process."""
    missing = [c for c in _chunks(size, seed) if not (folder / _file(c)).exists()]
    if not missing:
        return
    prepare_data()
    from lamarr.detailed.calorimeter.geant4_calorimeter import Showers

    showers = Showers(load_geometry().calorimeter)
    for chunk in missing:
        columns = _run_chunk(showers, chunk)
        with beside(folder / _file(chunk)) as part, part.open("wb") as file:
            np.savez(file, **columns)
        print(f"chunk {chunk.name}: {len(columns['kinetic'])} showers", flush=True)


def _run_chunk(showers: Any, chunk: _Chunk) -> dict[str, Any]:
    kinetic, seed = chunk.energies()
    shots = showers.shoot(chunk.species, kinetic, seed)
    spots = [merged_spots(rows, offset, showers.fine) for rows, offset in shots]
    columns = {k: np.concatenate([s[k] for s in spots]) for k in ("section", "x", "y", "energy")}
    size = np.array([len(s["energy"]) for s in spots])
    return {"pid": np.full(len(kinetic), SPECIES[chunk.species]), "kinetic": kinetic, "size": size, **columns}


@cache
def cached_library(size: str | None = None) -> ShowerLibrary:
    """Return the library of a size, made on first use and kept in the cache directory.

    ``$LAMARR_SHOWER_LIBRARY`` names a file that is used in its place; ``$LAMARR_SHOWERS`` is the size where
    none is asked for, else ``standard``.
    """
    named = os.environ.get("LAMARR_SHOWER_LIBRARY")
    if named and size is None:
        return ShowerLibrary.load(named)
    chosen = size or os.environ.get("LAMARR_SHOWERS", "standard")
    if chosen not in SIZES:
        raise_unknown("size of shower library", chosen, SIZES)
    path = cache_directory() / f"showers-{chosen}-1.npz"
    if path.exists():
        return ShowerLibrary.load(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several worker processes one makes it, the others wait
        if path.exists():
            return ShowerLibrary.load(path)
        click.echo(f"making the shower library {path}, once; this takes {_TAKES[chosen]}", err=True)
        return make_library(path, size=chosen)


_TAKES: Final = {"small": "half a minute", "standard": "about ten minutes"}


@click.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=None, help="File; default: the cache."
)
@click.option("--size", default="standard", show_default=True, help=f"One of {', '.join(SIZES)}.")
@click.option("--seed", default=1, show_default=True)
@click.option("--worker", type=click.Path(path_type=Path), hidden=True)
def main(output: Path | None, size: str, seed: int, worker: Path | None) -> None:
    """Make the shower library of the calorimeters with Geant4."""
    if worker is not None:
        _work(worker, size, seed)
        return
    path = output or cache_directory() / f"showers-{size}-{seed}.npz"
    library = make_library(path, size=size, seed=seed, report=click.echo)
    click.echo(f"{path}: {len(library)} showers, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)

"""Compare showers of the library with Geant4's own at the same energy and angle.

    python -m lamarr.detailed.calorimeter.compare --particle gamma --energy 10 --slope 0.15 --events 200

Both are put on cells of 40 mm at random places. Geant4 runs in this process, with seeds of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detailed.calorimeter.geant4_calorimeter import (
    CELLS,
    SECTION_PART,
    SECTIONS,
    Showers,
    section_depths,
)
from lamarr.detailed.calorimeter.library import cached_library
from lamarr.detailed.calorimeter.overlay import choose
from lamarr.detailed.calorimeter.showers import SPECIES, UNIT, ShowerLibrary
from lamarr.detailed.records import CALO_FACE
from lamarr.detailed.transport.data import prepare_data
from lamarr.detector.geometry import load_geometry
from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["compare"]

Floats = NDArray[np.float64]

CELL: Final = 40.0


def _summary(spots: list[tuple[Floats, Floats, Floats, NDArray[Any]]], energy: float) -> dict[str, float]:
    """Energies and shapes of showers given as spots (x, y, energy, part) around where they enter."""
    rng = np.random.Generator(np.random.Philox(key=11))
    rows = []
    for x, y, e, part in spots:
        ecal = part == 2
        a, b = (np.floor((v[ecal] + rng.uniform(0, CELL)) / CELL).astype(np.int64) for v in (x, y))
        cells = np.zeros((64, 64))
        np.add.at(cells, (np.clip(a + 32, 0, 63), np.clip(b + 32, 0, 63)), e[ecal])
        i, j = np.unravel_index(np.argmax(cells), cells.shape)
        total = max(float(cells.sum()), 1e-9)
        around = float(cells[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].sum())
        mean = float((x[ecal] * e[ecal]).sum()) / total
        rows.append(
            [total, e[part == 1].sum(), e[part == 3].sum(), cells.max() / total, around / total, mean]
        )
    table = np.array(rows)
    ecal = table[:, 0] / energy
    names = ("preshower", "hcal", "E_seed", "E_3x3", "x")
    return {
        "ecal": float(ecal.mean()),
        "ecal_spread": float(ecal.std() / ecal.mean()),
        **{k: float(v) for k, v in zip(names, table[:, 1:].mean(axis=0), strict=True)},
        "x_spread": float(table[:, 5].std()),
    }


def _geant4(
    particle: str, energy: float, slope: float, n: int, calorimeter: Calorimeter, seed: int
) -> dict[str, float]:
    showers = Showers(calorimeter)
    spots = []
    for rows, offset in showers.shoot(particle, np.full(n, energy), seed, slope):
        number = rows[:, 0].astype(np.int64)
        x, y = (
            (i - CELLS / 2 + 0.5) * showers.fine - o
            for i, o in zip((number // SECTIONS // CELLS, number // SECTIONS % CELLS), offset, strict=True)
        )
        spots.append((x, y, rows[:, 1], np.asarray(SECTION_PART)[number % SECTIONS]))
    return _summary(spots, energy)


def _library(
    particle: str, energy: float, slope: float, n: int, calorimeter: Calorimeter, library: ShowerLibrary
) -> dict[str, float]:
    faces = np.zeros(n, CALO_FACE)
    faces["pid"], faces["energy"] = SPECIES[particle], energy
    rng = np.random.Generator(np.random.Philox(key=3))
    chosen, scale = choose(faces, library, rng.uniform(size=n))
    depth = section_depths(calorimeter) - calorimeter.front
    spots = []
    for row, factor in zip(chosen, scale, strict=True):
        k = slice(library.first[row], library.first[row + 1])
        section = library.section[k]
        x = UNIT * library.x[k] * rng.choice([-1, 1]) + slope * depth[section]
        y = UNIT * library.y[k] * rng.choice([-1, 1])
        spots.append((x, y, factor * library.energy[k].astype(float), np.asarray(SECTION_PART)[section]))
    return _summary(spots, energy)


def compare(
    particle: str, energy: float, slope: float, n: int, library: ShowerLibrary, seed: int = 99
) -> dict[str, dict[str, float]]:
    """Return mean and spread of energies (over that of the particle, MeV) and shapes, Geant4 and library.

    ``E_seed`` and ``E_3x3`` are shares of the ECAL's energy in the highest cell and around it, ``x`` is where
    the barycentre is from where the particle enters (mm).
    """
    calorimeter = load_geometry().calorimeter
    return {
        "geant4": _geant4(particle, energy, slope, n, calorimeter, seed),
        "library": _library(particle, energy, slope, 10 * n, calorimeter, library),
    }


@click.command()
@click.option("--particle", default="gamma", show_default=True, type=click.Choice(list(SPECIES)))
@click.option("--energy", default=10.0, show_default=True, help="Kinetic energy, GeV.")
@click.option("--slope", default=0.0, show_default=True, help="dx/dz.")
@click.option("--events", default=200, show_default=True)
@click.option(
    "--library", type=click.Path(exists=True, path_type=Path), help="File; default: the cached one."
)
def main(particle: str, energy: float, slope: float, events: int, library: Path | None) -> None:
    """Print what Geant4 and the shower library say."""
    chosen = ShowerLibrary.load(library) if library else cached_library()
    prepare_data()
    click.echo(json.dumps(compare(particle, 1e3 * energy, slope, events, chosen), indent=1))


if __name__ == "__main__":
    run(main)

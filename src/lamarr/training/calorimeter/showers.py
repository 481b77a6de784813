"""Sum up the showers of Geant4's library in the numbers that the parametric engine takes.

    python -m lamarr.training.calorimeter.showers LIBRARY.npz -o src/lamarr/parametrizations/ecal/showers.npz

Of each shower: energies by section, its axis (the medians of x and y of the energy in the ECAL), and the
weights of the kernels around the axis that maximise the likelihood of the energy's places.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detailed.calorimeter.geant4_calorimeter import SECTION_PART
from lamarr.detailed.calorimeter.showers import UNIT, ShowerLibrary
from lamarr.parametrizations.ecal.showers import SECTION_NAMES, SPECIES_OF_KIND, WIDTHS

__all__ = ["kernel_weights", "main", "summary"]

Floats = NDArray[np.float64]
_STEPS = 25
_FARTHEST = 50.0  # mm: an axis farther away is that of another particle's shower


def kernel_weights(x: Floats, y: Floats, energy: Floats) -> Floats:
    """Return the weights (3,) of the kernels for spots (n,) around the axis (mm, MeV), by EM steps."""
    density = np.stack([_density(x, s) * _density(y, s) for s in WIDTHS], 1)
    weights = np.full(len(WIDTHS), 1.0 / len(WIDTHS))
    for _ in range(_STEPS):
        mixed = density * weights
        share = mixed / np.maximum(mixed.sum(axis=1, keepdims=True), 1e-300)
        weights = (share * energy[:, None]).sum(axis=0) / energy.sum()
    return weights / weights.sum()


def _density(x: Floats, scale: float) -> Floats:
    result: Floats = 1.0 / (scale * (2 * np.cosh(np.clip(x / (2 * scale), -300, 300))) ** 2)
    return result


def _median(place: Floats, energy: Floats) -> float:
    order = np.argsort(place, kind="stable")
    total = np.cumsum(energy[order])
    return float(place[order][np.searchsorted(total, total[-1] / 2)])


def summary(library: ShowerLibrary) -> dict[str, NDArray[Any]]:
    """Return the arrays of the table, as they are stored."""
    ecal = np.asarray(SECTION_PART) == SECTION_NAMES.index("ecal0")
    rows: dict[str, list[Any]] = {k: [] for k in ("kind", "kinetic", "energies", "weights", "offset")}
    for kind, pid in sorted(SPECIES_OF_KIND.items()):
        for k in np.flatnonzero(library.pid == pid):
            spots = slice(library.first[k], library.first[k + 1])
            section, energy = library.section[spots], library.energy[spots].astype(np.float64)
            inside = ecal[section]
            x, y = (UNIT * v[spots][inside].astype(np.float64) for v in (library.x, library.y))
            lit = energy[inside]
            offset, weights = np.zeros(2), np.array([1.0, 0.0, 0.0])
            if lit.sum() > 0:
                offset = np.clip([_median(x, lit), _median(y, lit)], -_FARTHEST, _FARTHEST)
                weights = kernel_weights(x - offset[0], y - offset[1], lit)
            rows["kind"].append(int(kind))
            rows["kinetic"].append(library.kinetic[k])
            rows["energies"].append(np.bincount(section, energy, minlength=len(SECTION_NAMES)))
            rows["weights"].append(weights)
            rows["offset"].append(offset)
    whole = {k: np.array(v) for k, v in rows.items()}
    order = np.lexsort((whole["kinetic"], whole["kind"]))
    return {
        "kind": whole["kind"][order].astype(np.int8),
        "log_kinetic": np.log(whole["kinetic"][order]).astype(np.float32),
        "log_energies": np.log1p(whole["energies"][order]).astype(np.float32),
        "weights": np.rint(255 * whole["weights"][order]).astype(np.uint8),
        "offset": np.rint(10 * whole["offset"][order]).astype(np.int16),
    }


@click.command()
@click.argument("library", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(library: Path, output: Path) -> None:
    """Write the table of the showers in LIBRARY."""
    arrays: dict[str, Any] = summary(ShowerLibrary.load(library))
    np.savez_compressed(output, **arrays)


if __name__ == "__main__":
    run(main)

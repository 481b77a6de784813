"""Showers of the library in place of Geant4's: the energy that particles leave in the cells.

Every particle at the calorimeters' front takes a shower of its species that has nearly its energy (within
`WINDOW` in ln E, or one of the `LEAST` nearest), scaled to its energy, turned or mirrored by one of the
eight symmetries of the square, and sheared along its direction. Muons are not scaled: they leave what a
minimum-ionising particle leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.cells import CaloCells, calo_cells
from lamarr.detailed.calorimeter.geant4_calorimeter import SECTION_PART, section_depths
from lamarr.detailed.calorimeter.showers import UNIT, ShowerLibrary, species_of
from lamarr.detailed.records import CALO_CELL
from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["LEAST", "WINDOW", "Overlay", "choose", "overlay"]

WINDOW: Final = 0.2
"""Showers within this distance in ln E may be taken: fluctuations then are those of 0.9 to 1.1 times √E."""

LEAST: Final = 8
"""Number of showers, nearest in energy, that may always be taken."""

_SPEED_OF_LIGHT: Final = 299.792458  # mm/ns

_SYMMETRIES: Final = np.array(
    [(a, 0, 0, b) for a in (1, -1) for b in (1, -1)] + [(0, a, b, 0) for a in (1, -1) for b in (1, -1)],
    np.float64,
)


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """Energy in cells (CALO_CELL), and what each particle lost outside of all cells, MeV (n,).

    Both are energies in the scintillator. For a particle they add up to its scaled shower.
    """

    cells: NDArray[Any]
    lost: NDArray[np.float64]


def overlay(
    faces: NDArray[Any], library: ShowerLibrary, calorimeter: Calorimeter, rng: np.random.Generator
) -> Overlay:
    """Return the energies that particles (CALO_FACE) leave; random numbers: two per particle.

    Particles later than `calorimeter.gate` after light from the origin leave nothing.
    """
    from lamarr.detailed.calorimeter.kernels import overlay_spots

    draws = rng.uniform(size=(len(faces), 2))
    rows, scale = choose(faces, library, draws[:, 0])
    in_time = _delay(faces) < calorimeter.gate
    rows, scale = np.where(in_time, rows, -1), np.where(in_time, scale, 0.0)
    first, last = (np.where(rows >= 0, library.first[rows + k], 0) for k in (0, 1))
    cells = calo_cells(calorimeter)
    base = _bases(cells)
    number, face, energy, lost = overlay_spots(
        first,
        last,
        scale,
        _entries(faces, section_depths(calorimeter)),
        UNIT * _SYMMETRIES[(draws[:, 1] * len(_SYMMETRIES)).astype(np.int64)],
        library.section,
        library.x,
        library.y,
        library.energy,
        np.array(SECTION_PART),
        tuple(cells[k].table for k in range(4)),
        np.array([cells[k].fine for k in range(4)]),
        base[:-1],
        int(base[-1]),
    )
    return Overlay(cells=_records(number, face, energy, base), lost=lost)


def _bases(cells: CaloCells) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum([len(cells[k]) for k in range(4)])])


def _records(number: Any, face: Any, energy: Any, base: NDArray[np.int64]) -> NDArray[Any]:
    result = np.empty(len(number), CALO_CELL)
    part = np.searchsorted(base, number, side="right") - 1
    result["part"], result["cell"], result["face"] = part, number - base[part], face
    result["energy"] = energy
    return result


def choose(
    faces: NDArray[Any], library: ShowerLibrary, draw: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row of a shower for each particle (−1: none), and the factor on its energies."""
    species = species_of(faces["pid"])
    kinetic = np.asarray(faces["energy"], np.float64)
    begin, end = (np.searchsorted(library.pid, species, side) for side in ("left", "right"))
    rows = np.full(len(faces), -1, np.int64)
    for pid in np.unique(species[end > begin]):
        these = np.flatnonzero(species == pid)
        a, b = int(begin[these[0]]), int(end[these[0]])
        offered, wanted = library.kinetic[a:b], kinetic[these]
        least = min(LEAST, b - a)
        low = np.clip(np.searchsorted(offered, wanted) - least // 2, 0, b - a - least)
        high = np.maximum(low + least, np.searchsorted(offered, wanted * np.exp(WINDOW)))
        low = np.minimum(low, np.searchsorted(offered, wanted * np.exp(-WINDOW)))
        rows[these] = a + low + (draw[these] * (high - low)).astype(np.int64)
    scale = (
        np.where(rows >= 0, kinetic / library.kinetic[rows], 0.0) if len(library) else np.zeros(len(faces))
    )
    return rows, np.where(species == 13, 1.0, scale)


def _delay(faces: NDArray[Any]) -> NDArray[np.float64]:
    distance = np.sqrt(faces["x"] ** 2 + faces["y"] ** 2 + faces["z"] ** 2)
    delay: NDArray[np.float64] = faces["t"] - distance / _SPEED_OF_LIGHT
    return delay


def _entries(faces: NDArray[Any], depths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the straight way of each particle crosses the plane of each section, (n, sections, 2)."""
    slopes = np.stack([faces["px"], faces["py"]], 1) / np.maximum(faces["pz"], 1e-9)[:, None]
    way = depths[None, :] - faces["z"][:, None]
    place = np.stack([faces["x"], faces["y"]], 1)
    return np.ascontiguousarray(place[:, None, :] + way[:, :, None] * np.clip(slopes, -1, 1)[:, None, :])

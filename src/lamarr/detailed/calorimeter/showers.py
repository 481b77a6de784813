"""A shower library in memory and on disk: per shower its species, energy, and spots of deposited energy.

A spot is an energy (MeV) in a section of the depth at a place relative to where the particle, flying along
z, enters. Near the axis spots are squares of the Geant4 calorimeter, farther out they are blocks of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.calorimeter.geant4_calorimeter import CELLS, SECTION_PART
from lamarr.errors import InputFileError
from lamarr.publishing import beside

__all__ = ["SPECIES", "ShowerLibrary", "merged_spots", "species_of"]

SPECIES: Final = {
    "gamma": 22,
    "e-": 11,
    "mu-": 13,
    "pi+": 211,
    "pi-": -211,
    "kaon+": 321,
    "kaon-": -321,
    "proton": 2212,
    "anti_proton": -2212,
    "neutron": 2112,
    "kaon0L": 130,
}
"""Species of the library: names of Geant4 and PDG ids."""

UNIT: Final = 0.05
"""Places are stored as multiples of this, mm."""

_FORMAT: Final = 1

# PDG ids that use the showers of another species: lightest of the same charge and baryon number.
_LIKE: Final = {
    -11: 11,
    -13: 13,
    -2112: -2212,
    310: 130,
    311: 130,
    -311: 130,
    3122: 2112,
    -3122: -2212,
    3222: 2212,
    3112: 2112,
    -3222: -2212,
    -3112: -2212,
    3322: 2112,
    3312: 2112,
    3334: 2112,
}


def species_of(pid: NDArray[Any]) -> NDArray[np.int64]:
    """Return PDG ids of the library's species that stand for PDG ids; 0 for what leaves nothing (neutrinos).

    What is unknown and heavier than a nucleon (nuclei, hyperons) is taken as a proton of its kinetic energy.
    """
    known = {**{p: p for p in SPECIES.values()}, **_LIKE, 12: 0, -12: 0, 14: 0, -14: 0, 16: 0, -16: 0}
    unique, inverse = np.unique(np.asarray(pid, np.int64), return_inverse=True)
    return np.array([known.get(int(p), 2212) for p in unique], np.int64)[inverse]


def merged_spots(rows: NDArray[np.float64], offset: NDArray[np.float64], fine: float) -> dict[str, Any]:
    """Return section, x, y (UNIT) and energy of the spots of a shower; far squares of a section are merged.

    Blocks have 1, 4 or 8 squares per side within 60, within 200 and beyond 200 mm; the HCAL's have 8.
    The energy is conserved, and of blocks also its barycentre.
    """
    sections = len(SECTION_PART)
    number = rows[:, 0].astype(np.int64)
    section, column, row = number % sections, number // sections // CELLS, number // sections % CELLS
    x, y = ((i - CELLS / 2 + 0.5) * fine - o for i, o in zip((column, row), offset, strict=True))
    distance = np.maximum(np.abs(x), np.abs(y))
    block = np.where(distance < 60.0, 1, np.where(distance < 200.0, 4, 8))
    block[np.asarray(SECTION_PART)[section] == 3] = 8
    key = ((section * 16 + block) * CELLS + column // block) * CELLS + row // block
    _, inverse = np.unique(key, return_inverse=True)
    energy = np.bincount(inverse, rows[:, 1])
    mean = [np.bincount(inverse, rows[:, 1] * v) / np.maximum(energy, 1e-30) for v in (x, y)]
    first = np.zeros(len(energy), np.int64)
    first[inverse] = section
    place = [np.rint(m / UNIT).astype(np.int16) for m in mean]
    return {"section": first.astype(np.int8), "x": place[0], "y": place[1], "energy": energy.astype("f4")}


@dataclass(frozen=True, kw_only=True)
class ShowerLibrary:
    """Showers, sorted by species and energy.

    Attributes
    ----------
    pid : array (n,)
        Species.
    kinetic : array (n,)
        Kinetic energy (of photons the energy), MeV.
    first : array (n + 1,)
        Where the spots of each shower begin.
    section, x, y, energy : array (spots,)
        Of spots; x and y in `UNIT`, energy in MeV.
    metadata : str
        JSON text: seed, size, versions.
    """

    pid: NDArray[np.int64]
    kinetic: NDArray[np.float64]
    first: NDArray[np.int64]
    section: NDArray[np.int8]
    x: NDArray[np.int16]
    y: NDArray[np.int16]
    energy: NDArray[np.float32]
    metadata: str

    def __len__(self) -> int:
        """Return the number of showers."""
        return len(self.pid)

    def save(self, path: Path) -> None:
        """Write an .npz file; the name appears only when it is complete."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside(path) as part, part.open("wb") as file:
            np.savez_compressed(file, format=_FORMAT, **{k: getattr(self, k) for k in self.__annotations__})

    @classmethod
    def load(cls, path: Path | str) -> ShowerLibrary:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        InputFileError
            If it is no shower library, or one of another format.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                version = int(file["format"])
                if version != _FORMAT:
                    raise InputFileError(
                        f"{path} is a shower library of format {version}, but this Lamarr reads {_FORMAT}: "
                        "make it again with 'python -m lamarr.detailed.calorimeter.library'"
                    )
                columns = {k: file[k] for k in cls.__annotations__ if k != "metadata"}
                return cls(**columns, metadata=str(file["metadata"]))
        except (OSError, KeyError, ValueError, EOFError) as error:
            if isinstance(error, InputFileError):
                raise
            raise InputFileError(f"{path} is not a shower library: {error}") from error

    @classmethod
    def join(cls, chunks: list[dict[str, Any]], metadata: str) -> ShowerLibrary:
        """Make a library of chunks (columns as of :meth:`save`, `size` in place of `first`)."""
        pid = np.concatenate([c["pid"] for c in chunks]).astype(np.int64)
        kinetic = np.concatenate([c["kinetic"] for c in chunks])
        size = np.concatenate([c["size"] for c in chunks]).astype(np.int64)
        spots = {k: np.concatenate([c[k] for c in chunks]) for k in ("section", "x", "y", "energy")}
        order = np.lexsort((kinetic, pid))
        begin = (np.cumsum(size) - size)[order]
        first = np.concatenate([[0], np.cumsum(size[order])])
        rows = np.repeat(begin - first[:-1], size[order]) + np.arange(first[-1])
        return cls(
            pid=pid[order],
            kinetic=kinetic[order],
            first=first,
            **{k: v[rows] for k, v in spots.items()},
            metadata=metadata,
        )

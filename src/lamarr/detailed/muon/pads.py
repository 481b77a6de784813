"""From charged particles in the gas of the muon chambers to the pads that they fire."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Muon, MuonStation
from lamarr.units import c_light

__all__ = ["PAD", "fire", "pads_at", "regions"]

PAD: Final = np.dtype(
    [
        ("station", "i1"),
        ("region", "i1"),
        ("column", "i4"),
        ("row", "i4"),
        *((name, "f8") for name in ("x", "y", "half_x", "half_y")),
    ]
)
"""A fired pad: station 0 (M1) to 4 (M5), region 0 (R1) to 3 (R4), its number, centre and half size in mm."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def regions(x: Floats, y: Floats, station: MuonStation) -> Integers:
    """Regions (n,) 0 (R1) to 3 (R4) of positions in mm; −1 in the hole and outside of the station."""
    ax, ay = np.abs(x), np.abs(y)
    region = np.full(np.shape(x), -1, np.int64)
    for number, (half_x, half_y) in reversed(list(enumerate(station.half))):
        region[(ax < half_x) & (ay < half_y)] = number
    region[(ax < station.hole[0]) & (ay < station.hole[1])] = -1
    return region


def pads_at(x: Floats, y: Floats, number: int, station: MuonStation) -> NDArray[Any]:
    """Return the pads of station `number` at positions in mm; positions outside of it give none."""
    region = regions(x, y, station)
    inside = region >= 0
    x, y, region = x[inside], y[inside], region[inside]
    size_x, size_y = np.array(station.pads)[region].T
    pad = np.zeros(len(x), PAD)
    pad["station"], pad["region"] = number, region
    pad["column"], pad["row"] = np.floor(x / size_x), np.floor(y / size_y)
    pad["x"], pad["y"] = (pad["column"] + 0.5) * size_x, (pad["row"] + 0.5) * size_y
    pad["half_x"], pad["half_y"] = size_x / 2, size_y / 2
    return pad


def fire(hits: NDArray[Any], muon: Muon, generator: np.random.Generator) -> NDArray[Any]:
    """Return the pads fired, each once, ordered by their numbers.

    A hit in time fires its pad with the station's efficiency, and in a fraction `cluster_size` − 1 of
    cases the next pad in x on the nearer side as well. Hits of the `background` are added.

    Parameters
    ----------
    hits : MUON_HIT (n,)
    muon : Muon
    generator : numpy.random.Generator
    """
    distance = np.sqrt(hits["x"] ** 2 + hits["y"] ** 2 + hits["z"] ** 2)
    chance = generator.uniform(size=(len(hits), 2))
    seen = (hits["t"] - distance / c_light < muon.time_gate) & (chance[:, 0] < muon.efficiency)
    shared = chance[:, 1] < muon.cluster_size - 1
    parts = [np.zeros(0, PAD)]
    for number, station in enumerate(muon.stations):
        own = seen & (hits["station"] == number)
        parts.append(pads_at(hits["x"][own], hits["y"][own], number, station))
        parts.append(pads_at(*_neighbours(hits[own & shared], station), number, station))
        parts.append(pads_at(*_background(muon.background[number], station, generator), number, station))
    return np.unique(np.concatenate(parts))


def _background(mean: float, station: MuonStation, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Positions of background: as many in the box of each region, so that it is densest at the beam."""
    n = generator.poisson(mean)
    half = np.array(station.half)[generator.integers(len(station.half), size=n)].reshape(-1, 2)
    x, y = (half * generator.uniform(-1, 1, (n, 2))).T
    return x, y


def _neighbours(hits: NDArray[Any], station: MuonStation) -> tuple[Floats, Floats]:
    """Positions one pad further in x, on the side of the pad's edge that is nearer to each hit."""
    x, y = hits["x"], hits["y"]
    size = np.array(station.pads)[np.maximum(regions(x, y, station), 0), 0]
    return x + np.where(np.mod(x, size) < size / 2, -size, size), y

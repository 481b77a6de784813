"""Declarations of the detectors that identify particles: RICH, calorimeters, muon stations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lamarr.detector.geometry.parts import Declared, Fraction, Layer, NotNegative, Pair, Positive

__all__ = ["Calorimeter", "Ecal", "Hcal", "Mirror", "Muon", "MuonStation", "Rich", "Slab", "Windows"]


@dataclass(frozen=True, kw_only=True)
class Windows(Declared):
    """What closes the gas in front and behind."""

    entry: Layer
    exit: Layer


@dataclass(frozen=True, kw_only=True)
class Mirror(Declared):
    """The spherical mirror as a slab; `radius` of curvature."""

    z: float
    thickness: Positive
    material: str
    radius: Positive


@dataclass(frozen=True, kw_only=True)
class Rich(Declared):
    """A gas radiator with its mirror; angles in rad, `photo_electrons` of a saturated track.

    `resolution` is that of a photon with all its sources but the track; `chromatic` (of a saturated track)
    and `emission_point` are two of them, the pixel is the third, and what is left has no direction.
    A fraction `tail` of the photons has `tail_width` times that rest. `split` is the axis whose sign
    at the mirror sends a photon to one of the two panels. `track_error` is what the reconstruction takes for
    the error of a track's direction: constant (rad) and scattering (rad GeV) / p.
    """

    gas: str
    z_begin: float
    z_end: float
    half_x: Positive
    half_y: Positive
    windows: Windows
    mirror: Mirror
    horizontal: Positive
    vertical: Positive
    theta_min: Positive
    index: Positive
    photo_electrons: Positive
    resolution: Positive
    chromatic: Positive
    emission_point: Positive
    tail: Fraction
    tail_width: Positive
    pixel: Positive
    noise_hits: float
    saturated_angle: Positive
    split: Literal["x", "y"]
    track_error: Pair


@dataclass(frozen=True, kw_only=True)
class Slab(Declared):
    """A plane with its front at `z`; where it is read out: threshold in MeV, photo-electrons per MeV."""

    z: float
    thickness: Positive
    material: str
    threshold: float = 0.0
    photo_electrons: float = 0.0


@dataclass(frozen=True, kw_only=True)
class CaloRegion(Declared):
    """Half sizes of a region in modules, and cells per module and side."""

    half_x: Positive
    half_y: Positive
    cells: int


@dataclass(frozen=True, kw_only=True)
class Ecal(Declared):
    """Lead and scintillator; front, shower maximum and the plane of cluster positions along z."""

    z: float
    shower_max: float
    plane: float
    layers: int
    lead: Positive
    scintillator: Positive
    stochastic: Positive
    constant: Positive
    photo_electrons_per_gev: Positive
    noise: Positive
    adc: Positive
    miscalibration: float
    threshold: float
    seed: float
    saturation: Positive
    moliere: Positive


@dataclass(frozen=True, kw_only=True)
class Hcal(Declared):
    """Iron and scintillator with two sizes of cells."""

    z: float
    layers: int
    iron: Positive
    scintillator: Positive
    cells: Pair
    inner: Pair
    half_x: Positive
    half_y: Positive
    hole: Pair
    photo_electrons_per_gev: Positive
    miscalibration: float
    noise: Positive
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Calorimeter(Declared):
    """SPD, lead, preshower, ECAL and HCAL."""

    front: float
    module: Positive
    regions: tuple[CaloRegion, CaloRegion, CaloRegion]
    hole: Pair
    gate: Positive
    spd: Slab
    lead: Slab
    prs: Slab
    ecal: Ecal
    hcal: Hcal


@dataclass(frozen=True, kw_only=True)
class MuonStation(Declared):
    """A station: pads and outer half sizes of its four regions, half sizes of its hole."""

    name: str
    z: float
    pads: tuple[Pair, Pair, Pair, Pair]
    half: tuple[Pair, Pair, Pair, Pair]
    hole: Pair


@dataclass(frozen=True, kw_only=True)
class IronFilter(Declared):
    """An iron wall with its front at `z`."""

    z: float
    thickness: Positive


Region3 = tuple[float, float, float]
RegionRow = tuple[Region3, Region3, Region3, Region3]


@dataclass(frozen=True, kw_only=True)
class Muon(Declared):
    """Five stations, iron filters, and the fields of interest a + b exp(−c p) by station and region.

    A hit counts if it is less than `time_gate` (ns) later than light from the origin. `background` is the
    mean number of hits per station, M1 to M5, of other crossings, of slow neutrons and of the electronics.
    """

    stations: tuple[MuonStation, ...]
    gap: Positive
    efficiency: Fraction
    cluster_size: Positive
    background: tuple[NotNegative, ...]
    time_gate: Positive
    filters: tuple[IronFilter, ...]
    foi_factor: Positive
    foi_x: tuple[RegionRow, ...]
    foi_y: tuple[RegionRow, ...]

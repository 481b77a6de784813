"""Declarations of the tracking detectors: VELO, TT, inner and outer tracker, and the magnet's aperture."""

from __future__ import annotations

from dataclasses import dataclass

from lamarr.detector.geometry.parts import Declared, Fraction, Layer, NotNegative, Pair, Positive

__all__ = [
    "Foil",
    "InnerTracker",
    "Magnet",
    "OuterTracker",
    "StripPlanes",
    "StripResolution",
    "Tank",
    "Velo",
    "VeloSupport",
]


@dataclass(frozen=True, kw_only=True)
class StripResolution(Declared):
    """σ = max(floor, factor × pitch)."""

    factor: Positive
    floor: Positive


@dataclass(frozen=True, kw_only=True)
class Foil(Declared):
    """RF foil of aluminium; a track crosses `thickness` × `corrugation`, once per module."""

    thickness: Positive
    r_min: Positive
    corrugation: Positive


@dataclass(frozen=True, kw_only=True)
class Tank(Declared):
    """The vacuum tank of the VELO and its exit window of aluminium."""

    r: Positive
    z_begin: float
    z_end: float
    window: Positive


@dataclass(frozen=True, kw_only=True)
class VeloSupport(Declared):
    """Hybrid and cables of a module outside of its sensors, up to `r_max`, as a ring."""

    r_max: Positive
    thickness: Positive
    material: str


@dataclass(frozen=True, kw_only=True)
class Velo(Declared):
    """Two halves of modules, each with an R and a φ sensor back to back."""

    modules: tuple[float, ...]
    offset: float
    sensor_gap: Positive
    thickness: Positive
    r_min: Positive
    r_max: Positive
    overlap: float
    r_pitch: Pair
    phi_inner_pitch: Pair
    phi_outer_pitch: Pair
    r_boundary: Positive
    stereo: Pair
    resolution: StripResolution
    efficiency: Fraction
    support: VeloSupport
    foil: Foil
    tank: Tank


@dataclass(frozen=True, kw_only=True)
class StripPlanes(Declared):
    """Planes of strips that measure u = x cos a + y sin a."""

    layers: tuple[float, ...]
    angles: tuple[float, ...]
    half_x: Positive
    half_y: Positive
    hole: Pair
    thickness: Positive
    material: str
    extra: Layer
    pitch: Positive
    strip_length: Positive
    resolution: Positive
    efficiency: Fraction
    noise: NotNegative


@dataclass(frozen=True, kw_only=True)
class InnerTracker(Declared):
    """Three stations of four layers in the form of a cross around the beam pipe."""

    stations: tuple[float, ...]
    spacing: Positive
    angles: tuple[float, ...]
    arms: tuple[Pair, ...]
    hole: Pair
    thickness: Positive
    material: str
    extra: Layer
    pitch: Positive
    strip_length: Positive
    resolution: Positive
    efficiency: Fraction
    noise: NotNegative


@dataclass(frozen=True, kw_only=True)
class OuterTracker(Declared):
    """Double layers of straws outside the cross of the inner tracker."""

    layers: tuple[float, ...]
    angles: tuple[float, ...]
    half_x: Positive
    half_y: Positive
    thickness: Positive
    material: str
    pitch: Positive
    straw_radius: Positive
    monolayers: Positive
    resolution: Positive
    efficiency: Fraction
    occupancy: Fraction


@dataclass(frozen=True, kw_only=True)
class Magnet(Declared):
    """Where the dipole begins and ends, and the half sizes of its aperture there."""

    z_begin: float
    z_end: float
    aperture_begin: Pair
    aperture_end: Pair

"""Frozen declarations of what a geometry is made of. Lengths in mm, energies in MeV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from lamarr.declaration import STRICT

__all__ = ["ConePipe", "Declared", "Fraction", "Gas", "Layer", "NotNegative", "Pair", "Positive", "World"]

Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Le(1)]
Pair = tuple[float, float]


class Declared:
    """A declaration that knows no key beyond its own."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True, kw_only=True)
class World(Declared):
    """The box of air that holds everything: half sizes in x and y, begin and end along z."""

    x: Positive
    y: Positive
    z_begin: float
    z_end: float


@dataclass(frozen=True, kw_only=True)
class Gas(Declared):
    """A gas by density (g/cm³) and atoms per molecule."""

    density: Positive
    atoms: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ConePipe(Declared):
    """A piece of beam pipe: inner radius from `r_begin` to `r_end`, wall of `thickness`."""

    z_begin: float
    z_end: float
    r_begin: Positive
    r_end: Positive
    thickness: Positive
    material: str


@dataclass(frozen=True, kw_only=True)
class Layer(Declared):
    """A slab of material."""

    thickness: Positive
    material: str

"""The detector as built: what is where, of what material, and how well it measures.

Read one with :func:`load_geometry`. Transport, digitisation and reconstruction of the detailed
simulation all read the same numbers. The magnetic field and the beam are those of
:func:`lamarr.detector.load_detector`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from lamarr.declaration import parse, read_yaml, validate
from lamarr.detector.geometry.identification import Calorimeter, Muon, Rich
from lamarr.detector.geometry.parts import ConePipe, Declared, Gas, World
from lamarr.detector.geometry.trackers import InnerTracker, Magnet, OuterTracker, StripPlanes, Velo
from lamarr.errors import raise_unknown

__all__ = ["Geometry", "geometry_names", "load_geometry"]


@dataclass(frozen=True, kw_only=True)
class Geometry(Declared):
    """All sub-detectors along the beam."""

    name: str
    world: World
    gases: dict[str, Gas]
    beam_pipe: tuple[ConePipe, ...]
    velo: Velo
    rich1: Rich
    rich2: Rich
    tt: StripPlanes
    it: InnerTracker
    ot: OuterTracker
    magnet: Magnet
    calorimeter: Calorimeter
    muon: Muon


def geometry_names() -> tuple[str, ...]:
    """Names of the shipped geometries."""
    folder = resources.files(__package__)
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


@cache
def load_geometry(name: str | Path = "lhcb2016") -> Geometry:
    """Return the geometry `name`, or the one that a YAML file (a path ending in .yaml or .yml) declares.

    Raises
    ------
    UnknownNameError
        If no shipped geometry has this name; near misses are named.
    ConfigurationError
        If the file cannot be read, or a key in it is unknown, missing or of the wrong kind.
    """
    if str(name).endswith((".yaml", ".yml")):
        return parse(Geometry, Path(name))
    if name not in geometry_names():
        raise_unknown("geometry", str(name), geometry_names())
    file = resources.files(__package__).joinpath(f"{name}.yaml")
    return validate(Geometry, read_yaml(file.read_text(encoding="utf-8"), f"{name}.yaml"), f"{name}.yaml")

"""Materials and volumes: what the parts of the detector are made with, and what keeps them alive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.rectangles import Rectangle, rectangles
from lamarr.detector.geometry import Geometry
from lamarr.errors import ConfigurationError

__all__ = ["Builder"]

Pair = tuple[float, float]


class Builder:
    """Places volumes; z is that of LHCb (mm) everywhere.

    Parameters
    ----------
    geometry : Geometry
        Whose gases give materials.

    Attributes
    ----------
    roles : dict of str to list
        Logical volumes by what they are for: the names of sensitive detectors and of user limits.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.keep: list[Any] = []  # Python owns what it makes: unless kept, the volumes would vanish
        self.roles: dict[str, list[Any]] = defaultdict(list)
        self._materials: dict[str, Any] = {}
        self.placed: list[Any] = []
        self.z: list[float] = []  # of the centres of the placed
        self.world: Any = None
        self._mother: tuple[Any, float] | None = None

    def material(self, name: str) -> Any:
        """Return a gas of the geometry, or NIST's material G4_<name>.

        Raises
        ------
        ConfigurationError
            If there is neither.
        """
        if name not in self._materials:
            nist = g4.G4NistManager.Instance()
            if name in self.geometry.gases:
                gas = self.geometry.gases[name]
                made = g4.G4Material(name, gas.density * g4.g / g4.cm3, len(gas.atoms))
                for atom, number in gas.atoms.items():
                    made.AddElement(nist.FindOrBuildElement(atom), number)
            else:
                made = nist.FindOrBuildMaterial(f"G4_{name}")
            if made is None:
                raise ConfigurationError(
                    f"geometry '{self.geometry.name}' names the material '{name}', which is neither "
                    f"one of its gases nor NIST's G4_{name}"
                )
            self._materials[name] = made
        return self._materials[name]

    def sandwich(self, name: str, layers: Iterable[tuple[str, float]]) -> Any:
        """Return the average material of layers of (material, thickness)."""
        if name not in self._materials:
            parts = [(self.material(m), t) for m, t in layers]
            total = sum(t for _, t in parts)
            masses = [m.GetDensity() * t for m, t in parts]
            mixture = g4.G4Material(name, sum(masses) / total, len(parts))
            for (material, _), mass in zip(parts, masses, strict=True):
                mixture.AddMaterial(material, mass / sum(masses))
            self._materials[name] = mixture
        return self._materials[name]

    @contextmanager
    def inside(self, mother: tuple[Any, float]) -> Iterator[None]:
        """Place what follows in `mother` instead of in the world."""
        self._mother = mother
        yield
        self._mother = None

    def place(
        self,
        solid: Any,
        material: str | Any,
        at: tuple[float, float, float],
        *,
        role: str | None = None,
        copy: int = 0,
        mother: tuple[Any, float] | None = None,
    ) -> tuple[Any, float]:
        """Place a solid with its centre `at`; return the volume and its z, as `mother` wants it."""
        volume, z = mother or self._mother or (self.world, 0.0)
        made = self.material(material) if isinstance(material, str) else material
        logical = g4.G4LogicalVolume(solid, made, solid.GetName())
        centre = g4.G4ThreeVector(at[0], at[1], at[2] - z)
        placed = g4.G4PVPlacement(None, centre, logical, solid.GetName(), volume, False, copy)
        self.keep += [solid, logical, placed]
        self.placed.append(placed)
        self.z.append(at[2])
        if role:
            self.roles[role].append(logical)
        return logical, at[2]

    def put(self, logical: Any, at: tuple[float, float, float], *, copy: int = 0) -> None:
        """Place a volume that is made already; it may be placed many times."""
        volume, z = self._mother or (self.world, 0.0)
        centre = g4.G4ThreeVector(at[0], at[1], at[2] - z)
        placed = g4.G4PVPlacement(None, centre, logical, logical.GetName(), volume, False, copy)
        self.keep.append(placed)
        self.placed.append(placed)
        self.z.append(at[2])

    def plane(
        self,
        name: str,
        material: str | Any,
        z: float,
        thickness: float,
        boxes: Iterable[Pair],
        holes: Iterable[Pair] = (),
        *,
        role: str | None = None,
        copy: int = 0,
    ) -> None:
        """Place a plane whose front is at `z`: the union of centred boxes without that of centred holes."""
        for rectangle in rectangles(list(boxes), list(holes)):
            self._rectangle(name, material, z, thickness, rectangle, role, copy)

    def _rectangle(
        self,
        name: str,
        material: str | Any,
        z: float,
        thickness: float,
        rectangle: Rectangle,
        role: str | None,
        copy: int,
    ) -> None:
        x1, x2, y1, y2 = rectangle
        solid = g4.G4Box(name, (x2 - x1) / 2, (y2 - y1) / 2, thickness / 2)
        at = ((x1 + x2) / 2, (y1 + y2) / 2, z + thickness / 2)
        self.place(solid, material, at, role=role, copy=copy)

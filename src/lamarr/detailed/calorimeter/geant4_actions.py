"""Detector construction, gun and run of the calorimeters in Geant4. Imported in a process of its own only.

Python must hold every object that it hands to Geant4 for as long as Geant4 runs.
"""

# ruff: noqa: N802  (Geant4 names what it calls)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.calorimeter.geant4_calorimeter import CELLS, ECAL_EDGES, HCAL_SECTIONS, SECTIONS
from lamarr.detailed.transport.geant.binding import g4
from lamarr.detector.geometry.identification import Calorimeter

__all__ = ["Application"]


class _Plates(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
    """Plates of absorber and of scintillator, the latter in squares by replication."""

    def __init__(self, calorimeter: Calorimeter, fine: float) -> None:
        super().__init__()
        self.calorimeter, self.fine = calorimeter, fine
        self.keep: list[Any] = []
        self.squares: list[Any] = []

    def Construct(self) -> Any:
        """Build everything; return the world."""
        c = self.calorimeter
        self.front = c.front
        self.half = CELLS * self.fine / 2
        self.material = g4.G4NistManager.Instance().FindOrBuildMaterial
        solid = g4.G4Box("world", 2 * self.half, 2 * self.half, 3000.0)
        self.world = g4.G4LogicalVolume(solid, self.material("G4_AIR"), "world")
        top = g4.G4PVPlacement(None, g4.G4ThreeVector(), self.world, "world", None, False, 0)
        self.keep += [solid, self.world, top]
        for section, slab in ((0, c.spd), (1, c.prs)):
            self._place(self._scintillator(f"slab{section}", slab.thickness), slab.z, slab.thickness, section)
        self._place(self._plate("lead", c.lead.thickness, c.lead.material), c.lead.z, c.lead.thickness, 0)
        self._sampling("ecal", c.ecal.z, "Pb", c.ecal.lead, c.ecal.scintillator, self._ecal_sections())
        h = c.hcal
        sections = [6 + HCAL_SECTIONS * i // h.layers for i in range(h.layers)]
        self._sampling("hcal", h.z, "Fe", h.iron, h.scintillator, sections)
        return top

    def _ecal_sections(self) -> list[int]:
        layers = np.arange(self.calorimeter.ecal.layers)
        return [int(k) for k in 1 + np.searchsorted(ECAL_EDGES[:-1], layers, side="right")]

    def _sampling(
        self, name: str, z: float, metal: str, absorber: float, active: float, sections: list[int]
    ) -> None:
        plate = self._plate(f"{name} absorber", absorber, metal)
        scintillator = self._scintillator(name, active)
        for i, section in enumerate(sections):
            front = z + i * (absorber + active)
            self._place(plate, front, absorber, section)
            self._place(scintillator, front + absorber, active, section)

    def _plate(self, name: str, thickness: float, material: str) -> Any:
        solid = g4.G4Box(name, self.half, self.half, thickness / 2)
        volume = g4.G4LogicalVolume(solid, self.material("G4_" + material), name)
        self.keep += [solid, volume]
        return volume

    def _scintillator(self, name: str, thickness: float) -> Any:
        plate = self._plate(name, thickness, "POLYSTYRENE")
        column = g4.G4Box(f"{name} column", self.fine / 2, self.half, thickness / 2)
        columns = g4.G4LogicalVolume(column, self.material("G4_POLYSTYRENE"), f"{name} column")
        square = g4.G4Box(f"{name} square", self.fine / 2, self.fine / 2, thickness / 2)
        squares = g4.G4LogicalVolume(square, self.material("G4_POLYSTYRENE"), f"{name} square")
        along_x = g4.G4PVReplica(f"{name} columns", columns, plate, g4.kXAxis, CELLS, self.fine)
        along_y = g4.G4PVReplica(f"{name} squares", squares, columns, g4.kYAxis, CELLS, self.fine)
        self.keep += [column, columns, square, along_x, along_y]
        self.squares.append(squares)
        return plate

    def _place(self, volume: Any, z: float, thickness: float, copy: int) -> None:
        centre = g4.G4ThreeVector(0, 0, z - self.front + thickness / 2)
        self.keep.append(g4.G4PVPlacement(None, centre, volume, volume.GetName(), self.world, False, copy))

    def ConstructSDandField(self) -> None:
        """Attach the scorer: number = (column, row, section), the section being the plate's copy number."""
        self.detector = g4.G4MultiFunctionalDetector("calorimeter")
        self.deposit = g4.G4PSEnergyDeposit3D("energy", CELLS, CELLS, SECTIONS, 1, 0, 2)
        g4.G4SDManager.GetSDMpointer().AddNewDetector(self.detector)
        self.detector.RegisterPrimitive(self.deposit)
        for squares in self.squares:
            self.SetSensitiveDetector(squares, self.detector)


class _Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
    """One particle along z; `application.shot` says which, how fast and where."""

    def __init__(self, application: Application) -> None:
        super().__init__()
        self.application, self.gun = application, g4.G4ParticleGun(1)

    def GeneratePrimaries(self, event: Any) -> None:
        """Shoot it."""
        particle, kinetic, (x, y), slope = self.application.shot
        definition = g4.G4ParticleTable.GetParticleTable().FindParticle(particle)
        self.gun.SetParticleDefinition(definition)
        self.gun.SetParticleEnergy(kinetic)
        self.gun.SetParticlePosition(g4.G4ThreeVector(x, y, 0.0))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(slope, 0, 1).unit())
        self.gun.GeneratePrimaryVertex(event)


class _Collect(g4.G4UserEventAction):  # type: ignore[misc]
    """Copies the scorer's sums of an event to `application.deposits`."""

    def __init__(self, application: Application) -> None:
        super().__init__()
        self.application, self.collection = application, -1

    def EndOfEventAction(self, event: Any) -> None:
        """Copy."""
        if self.collection < 0:
            self.collection = g4.G4SDManager.GetSDMpointer().GetCollectionID("calorimeter/energy")
        sums = event.GetHCofThisEvent().GetHC(self.collection)
        self.application.deposits = [(i, float(getattr(e, "value", e))) for i, e in sums]


class _Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
    def __init__(self, application: Application) -> None:
        super().__init__()
        self.application = application

    def Build(self) -> None:
        """Make the actions: Geant4 forbids it before the physics list is set."""
        self.actions = (_Gun(self.application), _Collect(self.application))
        for action in self.actions:
            self.SetUserAction(action)


class Application:
    """Geant4's run manager with everything that it must not lose."""

    def __init__(self, calorimeter: Calorimeter, fine: float, physics: tuple[str, ...], cut: float) -> None:
        self.shot: tuple[str, float, tuple[float, float], float] = ("geantino", 1.0, (0.0, 0.0), 0.0)
        self.deposits: list[tuple[int, float]] = []
        self.manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
        self.physics = g4.G4VModularPhysicsList()
        self.constructors = [getattr(g4, name)() for name in physics]
        for constructor in self.constructors:
            self.physics.RegisterPhysics(constructor)
        self.detector, self.actions = _Plates(calorimeter, fine), _Actions(self)
        for part in (self.detector, self.physics, self.actions):
            self.manager.SetUserInitialization(part)
        self._command(f"/run/setCut {cut} mm", "/process/em/verbose 0", "/process/had/verbose 0")
        self.manager.Initialize()

    def _command(self, *commands: str) -> None:
        for command in commands:
            g4.G4UImanager.GetUIpointer().ApplyCommand(command)

    def shoot(
        self, particle: str, kinetic: float, offset: NDArray[np.float64], seed: int, slope: float
    ) -> NDArray[np.float64]:
        """Run one event; return rows (number of the square, energy in MeV)."""
        self._command(f"/random/setSeeds {seed % 900_000_000 + 1} {seed // 7 % 900_000_000 + 1}")
        self.shot = (particle, kinetic, (float(offset[0]), float(offset[1])), slope)
        self.manager.BeamOn(1)
        return np.array(self.deposits, np.float64).reshape(-1, 2)

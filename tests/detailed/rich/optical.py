"""Full Geant4 optical photons in C4F10 of RICH1 on its spherical mirror; prints the photons' places as JSON.

    python -m tests.detailed.rich.optical PARTICLE MOMENTUM_GEV EVENTS

A process of its own, because Geant4 allows one run manager per process. The index is linear in the photon
energy and its spread is that of the geometry; all photons that reach the focal plane count.
"""

import json
import math
import sys

import numpy as np

from lamarr.detailed.rich.radiator import Radiator
from lamarr.detailed.transport.geant.binding import g4
from lamarr.detector.geometry import load_geometry

RICH = load_geometry().rich1
ENERGIES = (2.0, 6.5)  # eV
MASS = {"mu+": 0.1056584, "pi+": 0.1395704, "kaon+": 0.493677}


def index_range():
    """Indices at the two energies: their mean and standard deviation (uniform) are the radiator's."""
    half = math.sqrt(3) * Radiator(RICH).index_spread
    return RICH.index - half, RICH.index + half


class Plane(g4.G4VSensitiveDetector):
    def __init__(self):
        super().__init__("plane")
        self.rows = []

    def ProcessHits(self, step, history):  # noqa: N802
        track = step.GetTrack()
        if track.GetDefinition().GetParticleName() != "opticalphoton":
            return False
        x = step.GetPreStepPoint().GetPosition()
        self.rows.append((x.x, x.y))
        track.SetTrackStatus(g4.G4TrackStatus.fStopAndKill)
        return True


class Gas(g4.G4VUserDetectorConstruction):
    """The mirror's vertex at z = 0, the gas in front of it, the counting plane in its focus."""

    def __init__(self, plane):
        super().__init__()
        self.plane, self.keep = plane, []

    def table(self, **columns):
        properties = g4.G4MaterialPropertiesTable()
        energies = g4.G4doubleVector([energy * g4.eV for energy in ENERGIES])
        for name, values in columns.items():
            properties.AddProperty(name, energies, g4.G4doubleVector(list(values)))
        self.keep.append(properties)
        return properties

    def place(self, solid, material, z, mother):
        volume = g4.G4LogicalVolume(solid, material, solid.GetName())
        at = g4.G4ThreeVector(0, 0, z)
        placed = g4.G4PVPlacement(None, at, volume, solid.GetName(), mother, False, 0)
        self.keep += [solid, volume, placed]
        return volume, placed

    def Construct(self):  # noqa: N802
        nist = g4.G4NistManager.Instance()
        gas = g4.G4Material("gas", load_geometry().gases[RICH.gas].density * g4.g / g4.cm3, 2)
        gas.AddElement(nist.FindOrBuildElement("C"), 4)
        gas.AddElement(nist.FindOrBuildElement("F"), 10)
        gas.SetMaterialPropertiesTable(self.table(RINDEX=index_range()))
        radius = RICH.mirror.radius
        world, top = self.place(g4.G4Box("world", 1000, 1000, 2000), gas, 0, None)
        shell = g4.G4Sphere("mirror", radius, radius + 6, 0, 2 * math.pi, 0, math.radians(14))
        mirror, _ = self.place(shell, nist.FindOrBuildMaterial("G4_C"), -radius, world)
        surface = g4.G4OpticalSurface(
            "mirror",
            g4.G4OpticalSurfaceModel.unified,
            g4.G4OpticalSurfaceFinish.polished,
            g4.G4SurfaceType.dielectric_metal,
        )
        surface.SetMaterialPropertiesTable(self.table(REFLECTIVITY=(1.0, 1.0)))
        self.volume, _ = self.place(g4.G4Box("plane", 400, 400, 1), gas, -radius / 2, world)
        self.keep += [gas, surface, g4.G4LogicalSkinSurface("mirror", mirror, surface)]
        return top

    def ConstructSDandField(self):  # noqa: N802
        g4.G4SDManager.GetSDMpointer().AddNewDetector(self.plane)
        self.volume.SetSensitiveDetector(self.plane)


class Gun(g4.G4VUserPrimaryGeneratorAction):
    def __init__(self, particle, kinetic):
        super().__init__()
        self.particle, self.kinetic, self.gun = particle, kinetic, None

    def GeneratePrimaries(self, event):  # noqa: N802
        if self.gun is None:
            self.gun = g4.G4ParticleGun(1)
            self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(self.particle))
            self.gun.SetParticleEnergy(self.kinetic)
            self.gun.SetParticlePosition(g4.G4ThreeVector(0, 0, -Radiator(RICH).length))
            self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
        self.gun.GeneratePrimaryVertex(event)


class Actions(g4.G4VUserActionInitialization):
    def __init__(self, *gun):
        super().__init__()
        self.arguments = gun

    def Build(self):  # noqa: N802
        self.gun = Gun(*self.arguments)
        self.SetUserAction(self.gun)


def main(particle, momentum, events):
    plane = Plane()
    manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
    physics = g4.G4VModularPhysicsList()
    parts = [g4.G4EmStandardPhysics_option1(), g4.G4DecayPhysics(), g4.G4OpticalPhysics()]
    for part in parts:
        physics.RegisterPhysics(part)
    kinetic = (math.hypot(momentum, MASS[particle]) - MASS[particle]) * g4.GeV
    setup = [Gas(plane), physics, Actions(particle, kinetic)]
    for part in setup:
        manager.SetUserInitialization(part)
    commands = g4.G4UImanager.GetUIpointer()
    for line in ("/process/em/verbose 0", "/process/optical/verbose 0", "/random/setSeeds 11 12"):
        commands.ApplyCommand(line)
    manager.Initialize()
    manager.BeamOn(events)
    x, y = np.array(plane.rows).reshape(-1, 2).T
    print("RESULT " + json.dumps({"n": len(x) / events, "radius": np.hypot(x, y).tolist()}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))

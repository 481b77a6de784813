"""Geant4's kernel: physics, start, random numbers, one event at a time. A process has one, for good."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lamarr.detailed.transport.geant.binding import g4

__all__ = ["PHYSICS", "Kernel", "muted"]

PHYSICS = (
    *("EmStandardPhysics_option1", "DecayPhysics"),
    *("HadronElasticPhysics", "HadronPhysicsFTFP_BERT", "StoppingPhysics", "IonPhysics"),
    "StepLimiterPhysics",  # without it user limits are ignored
)
"""FTFP_BERT with electromagnetic option 1, less what Geant4 adds for photonuclear reactions."""

COMMANDS = (
    "/run/setCut 5 mm",
    "/run/setCutForAGivenParticle gamma 20 mm",
    "/process/em/verbose 0",
    "/process/had/verbose 0",
    "/process/em/lowestElectronEnergy 1 MeV",
    "/run/verbose 0",
    "/event/verbose 0",
    "/tracking/verbose 0",
)


@contextmanager
def muted() -> Iterator[None]:
    """Send what C++ prints to standard output to nowhere."""
    import sys

    sys.stdout.flush()
    saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


class _Actions(g4.G4VUserActionInitialization):
    """Geant4 forbids making user actions before the physics is set: `make` is called when it is time."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def Build(self) -> None:  # noqa: N802
        self.actions = self.make()
        for action in self.actions:
            self.SetUserAction(action)


class Kernel:
    """Starts Geant4 with a detector and user actions. Holds what Geant4 would lose.

    Parameters
    ----------
    detector : G4VUserDetectorConstruction
    make_actions : callable
        Gives the user actions.
    commands : sequence of str
        Further commands before the start.
    """

    def __init__(self, detector: Any, make_actions: Any, commands: Sequence[str] = ()) -> None:
        self.manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.Serial)
        self.physics = g4.G4VModularPhysicsList()
        self.constructors = [getattr(g4, f"G4{name}")() for name in PHYSICS]
        self.constructors[-1].SetApplyToAll(True)
        for constructor in self.constructors:
            self.physics.RegisterPhysics(constructor)
        self.detector, self.actions = detector, _Actions(make_actions)
        for part in (self.detector, self.physics, self.actions):
            self.manager.SetUserInitialization(part)
        self.command(*COMMANDS, *commands)
        self.manager.Initialize()
        self.manager.BeamOn(0)  # builds the physics tables

    def command(self, *commands: str) -> None:
        """Give commands to Geant4."""
        for command in commands:
            g4.G4UImanager.GetUIpointer().ApplyCommand(command)

    def event(self, seed: int) -> None:
        """Carry the particles of one event; `seed` has up to 62 bits."""
        words = [1 + (seed & 0x7FFFFFFF), 1 + (seed >> 31 & 0x7FFFFFFF)]
        g4.G4Random.setTheSeeds([*words, 0])  # a zero ends the list
        self.manager.BeamOn(1)

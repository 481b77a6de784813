"""Which generated particles are carried, and how Geant4 gets them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.limits import Limits
from lamarr.errors import InputFileError
from lamarr.events import EventBatch
from lamarr.flash.stages.classify import is_physical
from lamarr.generation.charges import known_charges

__all__ = ["Shooter", "carried"]

_NEUTRINOS = (12, 14, 16)


def carried(
    batch: EventBatch, limits: Limits, z_range: tuple[float, float], r_max: float
) -> NDArray[np.int64]:
    """Rows of the particles of one event that the transport begins with.

    Those are physical and have no end in the generator, whatever made them: daughters of particles that the
    generator decayed begin at the decay, wherever it is. Of them, all that fly into the spectrometer; charged
    ones that fly backwards through the VELO; no neutrinos.

    Parameters
    ----------
    batch : EventBatch
        One event.
    limits : Limits
    z_range : tuple of two floats
        Begin of the VELO and of the calorimeters (mm); what begins outside of them is not carried.
    r_max : float
        Largest distance (mm) from the z axis at z = 1 m to begin at, growing with z.
    """
    t = batch["particles"]
    at = batch.rows_of("vertices", t["event_id"], t["production_vertex"])
    x, y, z = (np.where(at < 0, np.nan, batch["vertices"][c][at]) for c in "xyz")
    pt, pz = np.hypot(t["px"], t["py"]), t["pz"]
    p = np.hypot(pt, pz)
    kinetic = t["pe"] - np.sqrt(np.maximum(t["pe"] ** 2 - p**2, 0))
    exists = is_physical(t) & (t["end_vertex"] < 0) & ~np.isin(np.abs(t["pid"]), _NEUTRINOS)
    inside = (z > z_range[0]) & (z < z_range[1]) & (np.hypot(x, y) < r_max * np.maximum(z / 1000, 1))
    forward = (pt < limits.slope * pz) & (kinetic > limits.generated)
    charged = known_charges(t["pid"])[0] != 0
    backward = charged & (pt < -limits.backward_slope * pz) & (p > limits.backward_p) & (z < 700)
    return np.flatnonzero(exists & inside & (forward | backward))


class Shooter(g4.G4VUserPrimaryGeneratorAction):
    """Shoots the rows of an event through one gun: vertices made in Python would be freed twice.

    Geant4 numbers their tracks 1, 2, … in this order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gun = g4.G4ParticleGun(1)
        self.shots: list[tuple[Any, ...]] = []
        self._known: dict[int, Any] = {}

    def load(self, batch: EventBatch, rows: NDArray[np.int64]) -> None:
        """Take the particles in `rows` of one event.

        Raises
        ------
        InputFileError
            If Geant4 does not know one of them.
        """
        t = batch["particles"].take(rows)
        at = batch.rows_of("vertices", t["event_id"], t["production_vertex"])
        where = [batch["vertices"][c][at].tolist() for c in "txyz"]
        how = [t[c].tolist() for c in ("px", "py", "pz")]
        self.shots = [
            (self._definition(pid, number, event), *rest)
            for event, number, pid, *rest in zip(
                *(t[c].tolist() for c in ("event_id", "particle_id", "pid")), *where, *how, strict=True
            )
        ]

    def shoot(
        self, pid: int, t: float, x: float, y: float, z: float, px: float, py: float, pz: float
    ) -> None:
        """Take one particle that Geant4 made itself; ns, mm, MeV."""
        self.shots = [(self._definition(pid, -1, -1), t, x, y, z, px, py, pz)]

    def _definition(self, pid: int, number: int, event: int) -> Any:
        if pid not in self._known:
            self._known[pid] = g4.G4ParticleTable.GetParticleTable().FindParticle(pid)
        if self._known[pid] is None:
            raise InputFileError(
                f"event {event}: particle {number} has the PDG id {pid}, which Geant4 does not know; "
                "decay it in the generator"
            )
        return self._known[pid]

    def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
        """Shoot what was loaded."""
        gun = self.gun
        for particle, t, x, y, z, px, py, pz in self.shots:
            p, mass = math.sqrt(px * px + py * py + pz * pz), particle.GetPDGMass()
            gun.SetParticleDefinition(particle)
            gun.SetParticleEnergy(math.hypot(p, mass) - mass)
            gun.SetParticleMomentumDirection(g4.G4ThreeVector(px / p, py / p, pz / p))
            gun.SetParticlePosition(g4.G4ThreeVector(x, y, z))
            gun.SetParticleTime(t)
            gun.GeneratePrimaryVertex(event)

"""From generated events to what they leave in the detector."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, ClassVar, Final

import numpy as np

from lamarr.detailed.context import Context
from lamarr.detailed.randomness import event_seed
from lamarr.detailed.records import (
    CALO_CELL,
    CALO_FACE,
    MUON_HIT,
    RICH_SEGMENT,
    TRACKER_HIT,
    Records,
    SimEvent,
)
from lamarr.detailed.transport.limits import Limits
from lamarr.detector import Detector
from lamarr.detector.geometry import Geometry
from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.events import EventBatch

__all__ = ["STOPS", "Transport"]

STOPS: Final = {
    "ecal": "everything ends at the front of the calorimeters",
    "muon": "electrons and photons end there; hadrons and muons go on to the last muon station",
    "full": "nothing ends there: Geant4 carries the showers, plate by plate",
}
"""Where the transport ends."""


class Transport:
    """Carries the particles of events through the detector.

    Parameters
    ----------
    context : Context
    stop : str
        A key of :data:`STOPS`.
    limits : Limits, optional
        What is not carried to its end.
    field : bool
        Whether the magnet is on.

    Raises
    ------
    UnknownNameError
        If there is no such mode.
    ConfigurationError
        If this process already runs Geant4 with another detector: it can do so only once.
    """

    _kernels: ClassVar[dict[Any, _Machine]] = {}

    def __init__(
        self, context: Context, *, stop: str = "muon", limits: Limits | None = None, field: bool = True
    ) -> None:
        if stop not in STOPS:
            raise_unknown("end of the transport", stop, STOPS)
        self.context, self.stop, self.limits = context, stop, limits or Limits()
        key = (context.geometry.name, context.detector.name, field, stop == "full")
        if key not in self._kernels:
            if self._kernels:
                raise ConfigurationError(
                    "Geant4 runs with one detector and one kind of end in a process, and this one has "
                    f"{next(iter(self._kernels))}: use another process for {key}"
                )
            machine = _Machine(context.geometry, context.detector if field else None, showers=stop == "full")
            # Geant4 and Python would both delete its parts when the process ends, and crash
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(machine))
            self._kernels[key] = machine
        self._machine = self._kernels[key]

    def __call__(self, batch: EventBatch, stage: str = "transport") -> Iterator[SimEvent]:
        """Give what each event of `batch` leaves, in order; `stage` is the name of the random numbers.

        Raises
        ------
        InputFileError
            If Geant4 does not know a particle.
        """
        for event in batch["events"]["event_id"].tolist():
            yield self._machine.carry(batch.select_events(event, event + 1), self, f"detailed.{stage}")


class _Machine:
    """The kernel with its sensors and actions, for one detector."""

    def __init__(self, geometry: Geometry, detector: Detector | None, *, showers: bool = False) -> None:
        from lamarr.detailed.transport.geant.calorimeters import Plates
        from lamarr.detailed.transport.geant.detector import LHCb
        from lamarr.detailed.transport.geant.field import Field
        from lamarr.detailed.transport.geant.kernel import Kernel, muted
        from lamarr.detailed.transport.geant.primaries import Shooter
        from lamarr.detailed.transport.geant.sensors import Front, Gate, Hits, MuonGas, RichGas
        from lamarr.detailed.transport.geant.showers import COMMANDS, Reader, Showers
        from lamarr.detailed.transport.geant.truth import Births, Deaths, Truth
        from lamarr.detailed.transport.layers import middles

        self.geometry, self.truth = geometry, Truth()
        front = geometry.calorimeter.front
        self.hits = Hits(self.truth, middles(geometry))
        self.gases = [
            RichGas(self.truth, i, rich.index) for i, rich in ((1, geometry.rich1), (2, geometry.rich2))
        ]
        self.muon, self.front, self.gate = MuonGas(self.truth), Front(self.truth), Gate(self.truth)
        sensors = {"hit": self.hits, "gas1": self.gases[0], "gas2": self.gases[1]} | {
            "muon": self.muon,
            "front": self.front,
            "gate": self.gate,
        }
        self.field = Field(detector) if detector is not None else None
        plates = Plates(geometry.calorimeter) if showers else None
        self.detector = LHCb(geometry, sensors, self.field, plates)
        readers: list[Reader] = []

        def actions() -> list[Any]:
            self.shooter = Shooter()
            self.births = Births(self.truth, Limits(), front=front, magnet=geometry.magnet.z_begin)
            self.deaths = Deaths(self.truth, front)
            readers.extend([Reader(plates)] if plates is not None else [])
            return [self.shooter, self.births, self.deaths, *readers]

        with muted():
            self.kernel = Kernel(self.detector, actions, COMMANDS if showers else ())
        self.showers = (
            Showers(self.kernel, self.shooter, self.births, self.deaths, self.front, self.muon, *readers)
            if showers
            else None
        )

    def carry(self, batch: EventBatch, mode: Transport, stage: str) -> SimEvent:
        """Carry one event."""
        from lamarr.detailed.transport.geant.primaries import carried

        self._configure(mode)
        event = int(batch["events"]["event_id"][0])
        z_range = (self.geometry.velo.tank.z_begin + 1, self.geometry.calorimeter.front)
        rows = carried(batch, mode.limits, z_range, 300.0)
        self.shooter.load(batch, rows)
        self.truth.begin()
        for sensor in (self.hits, self.muon, self.front):
            sensor.rows.clear()
        for gas in self.gases:
            gas.begin()
        if self.field is not None:
            self.field.forget()
        self.kernel.event(event_seed(mode.context.seed, event, stage))
        whose = (batch["particles"][c][rows].tolist() for c in ("particle_id", "collision_id"))
        tracks = self.truth.records(*whose)
        faces, muon_hits = np.array(self.front.rows, CALO_FACE), list(self.muon.rows)
        cells = np.empty(0, CALO_CELL)
        if self.showers is not None:
            cells, more = self.showers.carry(
                faces,
                self.geometry.calorimeter.gate,
                lambda row: event_seed(mode.context.seed, event, f"{stage}.shower.{row}"),
            )
            muon_hits += more
        return SimEvent(
            event_id=event,
            tracks=tracks,
            hits=_sorted(np.array(self.hits.rows, TRACKER_HIT), "layer"),
            rich_segments=np.array([tuple(r) for gas in self.gases for r in gas.rows], RICH_SEGMENT),
            muon_hits=np.array(muon_hits, MUON_HIT),
            calo_faces=faces,
            calo_cells=cells,
        )

    def _configure(self, mode: Transport) -> None:
        self.front.stop = "ecal" if self.showers is not None else mode.stop
        self.gate.momentum = mode.limits.magnet_p
        self.births.limits = mode.limits
        self.detector.set_limits(mode.limits)


def _sorted(rows: Records, *by: str) -> Records:
    return rows[np.argsort(rows[by[0]], kind="stable")]

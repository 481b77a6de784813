"""One HepMC event: from the objects of pyhepmc to arrays, through its numpy views."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import InputFileError
from lamarr.generation.charges import known_charges
from lamarr.generation.hepmc_blocks import Block
from lamarr.generation.hepmc_parse import INSERTED, check_numbers, parse
from lamarr.generation.record import CollisionRecord, descends_from, first_incoming
from lamarr.units import c_light

__all__ = ["read_collision"]

Array = NDArray[Any]
_SIGNAL = 889
_PHYSICAL = (1, 777, 888, 889, 999)
_BEAM = (4, 3)


def read_collision(block: Block, *, keep_unknown: bool) -> CollisionRecord:
    """Return the collision that a block of text describes.

    Raises
    ------
    InputFileError
        If it is damaged, holds numbers that are not finite, or particles that do not exist.
    """
    if block.error is not None:
        raise InputFileError(block.error)
    where = f"HepMC event {block.number}"
    check_numbers(block, where)
    event, data = parse(block, where)
    inserted = np.flatnonzero(data.particles["status"] == INSERTED)
    record = _Graph(data, event, inserted, where).record()
    if not keep_unknown:
        _check_species(record, where)
    return record


def _check_species(record: CollisionRecord, where: str) -> None:
    final = (record.end < 0) & np.isin(record.status, _PHYSICAL)
    _, known = known_charges(record.pid[final])
    if not known.all():
        bad = np.flatnonzero(final)[~known][0]
        raise InputFileError(
            f"{where}, particle {record.hepmc_id[bad]}: no stable particle has the PDG id {record.pid[bad]}"
        )


class _Graph:
    """Particles, vertices and their links as arrays, numbered from 0."""

    def __init__(self, data: Any, event: Any, inserted: Array, where: str) -> None:
        self.event, self.where = event, where
        self.particles, self.vertices = data.particles, data.vertices
        self.energy = 1e3 if event.momentum_unit.name == "GEV" else 1.0
        self.length = 10.0 if event.length_unit.name == "CM" else 1.0
        self._link(np.asarray(data.links1), np.asarray(data.links2), inserted)

    def _link(self, one: Array, two: Array, inserted: Array) -> None:
        """HepMC3 writes a link as (particle, −vertex) if it enters and (−vertex, particle) if it leaves."""
        enters = one > 0
        n, v = len(self.particles), len(self.vertices)
        self.kept = np.ones(n, np.bool_)
        self.kept[inserted] = False
        number = np.where(self.kept, np.cumsum(self.kept) - 1, -1)
        self.production = np.full(n, -1, np.int64)
        self.end = np.full(n, -1, np.int64)
        self.production[two[~enters] - 1] = -one[~enters] - 1
        self.end[one[enters] - 1] = -two[enters] - 1
        self.incoming = first_incoming(-two[enters] - 1, number[one[enters] - 1], v)
        self.production, self.end = self.production[self.kept], self.end[self.kept]
        self.particles = self.particles[self.kept]
        self.hepmc_id = np.arange(1, len(self.particles) + 1)

    def record(self) -> CollisionRecord:
        """Check the numbers and give the collision."""
        p = self.particles
        p4 = np.stack([p["e"], p["px"], p["py"], p["pz"]]) * self.energy
        mass = np.where(p["is_mass_set"], p["mass"] * self.energy, _invariant_mass(p4))
        position = self._positions()
        self._check_finite(p4, mass, position)
        mother = np.where(self.production < 0, -1, self.incoming[self.production])
        signal = p["status"] == _SIGNAL
        primary = self._primary(signal)
        weights = self.event.weights
        return CollisionRecord(
            pid=p["pid"],
            status=p["status"],
            p4=p4,
            mass=mass,
            hepmc_id=self.hepmc_id,
            production=self.production,
            end=self.end,
            mother=mother,
            is_signal=signal,
            from_signal=descends_from(mother, signal),
            position=position,
            vertex_hepmc_id=-1 - np.arange(len(self.vertices)),
            vertex_status=self.vertices["status"],
            primary=primary,
            at=position[:, primary],
            process_id=self._process_id(),
            weight=float(weights[0]) if len(weights) else 1.0,
        )

    def _process_id(self) -> int:
        attributes = self.event.attributes
        if "signal_process_id" not in attributes:
            return 0
        code = attributes["signal_process_id"]
        return int(code.astype(int) if hasattr(code, "astype") else code)

    def _positions(self) -> Array:
        """Positions t (ns), x, y, z (mm); those without a position inherit it, as HepMC3 defines."""
        v = self.vertices
        own = np.stack([v["t"], v["x"], v["y"], v["z"]]) * self.length
        own[0] /= c_light
        source = np.arange(len(v))
        unset = ~own.any(axis=0)
        before = np.where(self.incoming < 0, -1, self.production[self.incoming])
        source[unset & (before >= 0)] = before[unset & (before >= 0)]
        for _ in range(len(v).bit_length()):
            source = source[source]
        return own[:, source]

    def _primary(self, signal: Array) -> int:
        """Vertex where the first beam particle ends; else that of the signal, else that of the first."""
        if not len(self.vertices):
            raise InputFileError(f"{self.where} has {len(self.particles)} particles but no vertex")
        orphans = (self.production < 0) & (self.end >= 0)
        for status in _BEAM:
            beams = np.flatnonzero(orphans & (self.particles["status"] == status))
            if beams.size:
                return int(self.end[beams[0]])
        produced = self.production >= 0
        for candidates in (produced & signal, produced, self.end >= 0):
            if candidates.any():
                first = int(np.argmax(candidates))
                return int(self.production[first] if self.production[first] >= 0 else self.end[first])
        raise InputFileError(f"{self.where}: none of its particles belongs to a vertex")

    def _check_finite(self, p4: Array, mass: Array, position: Array) -> None:
        bad = ~(np.isfinite(p4).all(axis=0) & np.isfinite(mass))
        if bad.any():
            k = int(np.argmax(bad))
            raise InputFileError(
                f"{self.where}, particle {self.hepmc_id[k]} (PDG id {self.particles['pid'][k]}): "
                "energy, momentum and mass must be finite, "
                f"but got (E, px, py, pz, m) = {(*p4[:, k].tolist(), float(mass[k]))} MeV"
            )
        if not np.isfinite(position).all():
            k = int(np.argmax(~np.isfinite(position).all(axis=0)))
            raise InputFileError(
                f"{self.where}, vertex {-1 - k}: its position must be finite, "
                f"but got {position[:, k].tolist()}"
            )


def _invariant_mass(p4: Array) -> Array:
    squared = p4[0] ** 2 - p4[1] ** 2 - p4[2] ** 2 - p4[3] ** 2
    mass: Array = np.sqrt(np.maximum(squared, 0.0))
    return mass

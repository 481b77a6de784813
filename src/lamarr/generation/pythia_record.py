"""Pythia's event record as particles, vertices and links, in HepMC's conventions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.generation.record import CollisionRecord, descends_from, first_incoming
from lamarr.units import GeV, c_light

__all__ = ["collision_record"]

Array = NDArray[Any]
_BEAM = -12


def collision_record(raw: dict[str, Any], at: Array) -> CollisionRecord:
    """Return the collision of a record of :class:`Engine` at the point `at` (4,): t in ns, xyz in mm.

    Particles with the same pair of mothers share their production vertex; a particle ends where its first
    daughter is produced. The first row of the record, the system as a whole, is left out.
    """
    mothers = np.stack([raw["mother1"], raw["mother2"]])[:, 1:].astype(np.int64)
    daughter = raw["daughter1"][1:].astype(np.int64) - 1
    n = mothers.shape[1]
    produced = mothers[0] > 0
    keys = mothers[0] * (n + 2) + mothers[1]
    unique, first, vertex = np.unique(keys[produced], return_index=True, return_inverse=True)
    # In the order of the record, not of the keys.
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(unique))
    production = np.full(n, -1, np.int64)
    production[produced] = rank[vertex.ravel()]
    end = np.where(daughter < 0, -1, production[daughter])
    position = raw["at"][:, 1:][:, np.flatnonzero(produced)[first[order]]].copy()
    position[0] /= c_light
    position += at[:, None]
    pid, status = raw["id"][1:], raw["status"][1:]
    incoming = first_incoming(end[end >= 0], np.flatnonzero(end >= 0), len(unique))
    mother = np.where(production < 0, -1, incoming[production])
    nothing = np.zeros(n, np.bool_)
    return CollisionRecord(
        pid=pid,
        status=_hepmc_status(pid, status, daughter),
        p4=raw["p4"][:, 1:] * GeV,
        mass=raw["m"][1:] * GeV,
        hepmc_id=np.arange(1, n + 1),
        production=production,
        end=end,
        mother=np.where(mother < 0, mothers[0] - 1, mother),
        is_signal=nothing,
        from_signal=descends_from(mother, nothing),
        position=position,
        vertex_hepmc_id=-1 - np.arange(len(unique)),
        vertex_status=np.zeros(len(unique), np.int64),
        primary=int(end[np.flatnonzero(status == _BEAM)[0]]),
        at=at,
        process_id=raw["process_id"],
        weight=raw["weight"],
    )


def _hepmc_status(pid: Array, status: Array, daughter: Array) -> Array:
    """HepMC's codes: 1 final, 2 decayed, 4 beam, else Pythia's own code without its sign (11 to 200)."""
    decayed = (daughter >= 0) & (pid[daughter] != pid) & (np.abs(status[daughter]) > 90)
    decayed &= np.abs(status[daughter]) < 95
    other = np.where((status <= -11) & (status >= -200), -status, 0)
    return np.select([status > 0, status == _BEAM, decayed], [1, 4, 2], other)

"""Charges, and the fates that need no model: bookkeeping, decayed, neutral, unsupported, backward."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import InputFileError
from lamarr.events import EventBatch, Fate, Table
from lamarr.flash.stage import Stage, columns

__all__ = ["Classify", "is_parton", "is_physical"]

SUPPORTED: Final = (11, 13, 211, 321, 2212)
"""|PDG id| of the species that the tracking models cover."""

PHYSICAL: Final = (1, 2, 777, 888, 889, 999)
"""Status codes of particles that exist: stable (1, 999) or decayed (2, 777, 888, 889); LHCb and HepMC."""

PZ_MIN: Final = 1.0
"""Smallest pz (MeV) of a particle that flies towards the spectrometer, as LHCb's flash simulation has it."""


def is_parton(pid: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Quarks, gluons, diquarks, strings and the generators' own codes: never seen by a detector."""
    a = np.abs(pid)
    diquark = (a > 1000) & (a < 10_000) & (a // 10 % 10 == 0)
    mask: NDArray[np.bool_] = (
        (a <= 9) | (a == 21) | ((a > 80) & (a <= 100)) | (a == 110) | (a == 990) | diquark
    )
    return mask


def is_physical(particles: Table) -> NDArray[np.bool_]:
    """Particles that exist, as opposed to the generator's bookkeeping (beams, partons, copies)."""
    mask: NDArray[np.bool_] = np.isin(particles["status"], PHYSICAL) & ~is_parton(particles["pid"])
    return mask


class Classify(Stage):
    """Give every particle its charge, and a fate to those that no tracking model will see.

    In this order: DOCUMENTATION (a status or species that is the generator's bookkeeping), DECAYED
    (status 2, 777, 888 or 889 and an end vertex), NEUTRAL, UNSUPPORTED (charged, but not e, μ, π, K, p),
    BACKWARD (pz <= 1 MeV). The rest stays UNDECIDED: candidates for tracking.

    Statuses are compared with statuses and PDG ids with PDG ids. The charge of a particle without an
    integer or known charge (a quark, a generator's own code) is 0, if it is bookkeeping or decayed.
    """

    name = "classify"
    reads = columns(particles=("event_id", "particle_id", "pid", "status", "end_vertex", "pz"))
    writes = columns(particles=("charge", "fate", "out_of_domain"))

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:  # noqa: ARG002
        """Return the batch with charges and first fates.

        Raises
        ------
        InputFileError
            If a particle that reaches the detector has a PDG id of unknown charge.
        """
        from lamarr.generation.charges import known_charges

        t = batch["particles"]
        charge, known = known_charges(t["pid"])
        physical = is_physical(t)
        decayed = ~np.isin(t["status"], (1, 999)) & (t["end_vertex"] >= 0)
        _refuse_unknown(t, physical & ~decayed & ~known)
        fate = np.select(
            [~physical, decayed, charge == 0, ~np.isin(np.abs(t["pid"]), SUPPORTED), t["pz"] <= PZ_MIN],
            [Fate.DOCUMENTATION, Fate.DECAYED, Fate.NEUTRAL, Fate.UNSUPPORTED, Fate.BACKWARD],
            Fate.UNDECIDED,
        )
        outside = np.zeros(t.rows, np.bool_)
        return batch.with_columns("particles", charge=charge, fate=fate, out_of_domain=outside)


def _refuse_unknown(t: Table, unknown: NDArray[np.bool_]) -> None:
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise InputFileError(
            f"event {t['event_id'][row]}: particle {t['particle_id'][row]} has the PDG id {t['pid'][row]}, "
            "whose charge is not known; correct the id, or decay the particle in the generator"
        )

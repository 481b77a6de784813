"""Charges, and the fates that need no model: bookkeeping, decayed, neutral, unsupported, backward."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from lamarr.events import Fate
from lamarr.flash.row_stage import RowStage
from lamarr.flash.stage import columns

__all__ = ["Classify", "is_parton", "is_physical"]

SUPPORTED: Final = (11, 13, 211, 321, 2212)
"""|PDG id| of the species that the tracking models cover."""

PHYSICAL: Final = (1, 2, 777, 888, 889, 999)
"""Status codes of particles that exist: stable (1, 999) or decayed (2, 777, 888, 889); LHCb and HepMC."""

PZ_MIN: Final = 1.0
"""Smallest pz (MeV) of a particle that flies towards the spectrometer, as LHCb's flash simulation has it."""


def is_parton(pid: Any) -> Any:
    """Quarks, gluons, diquarks, strings and the generators' own codes: never seen by a detector."""
    a = np.abs(pid)
    diquark = (a > 1000) & (a < 10_000) & (a // 10 % 10 == 0)
    return (a <= 9) | (a == 21) | ((a > 80) & (a <= 100)) | (a == 110) | (a == 990) | diquark


def is_physical(particles: Any) -> Any:
    """Particles that exist, as opposed to the generator's bookkeeping (beams, partons, copies)."""
    return np.isin(particles["status"], PHYSICAL) & ~is_parton(particles["pid"])


class Classify(RowStage):
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
    refusal = (
        "event {event_id}: particle {particle_id} has the PDG id {pid}, "
        "whose charge is not known; correct the id, or decay the particle in the generator"
    )

    def selected(self, c: Any) -> Any:  # noqa: ARG002
        """All particles."""
        return True

    def refused(self, c: Any) -> Any:
        """Particles that reach the detector, and whose charge is not known."""
        return is_physical(c) & ~_decayed(c) & ~c["species.known"]

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return charges and first fates."""
        charge = c["species.charge"]
        unsupported = ~np.isin(np.abs(c["pid"]), SUPPORTED)
        fate = np.select(
            [~is_physical(c), _decayed(c), charge == 0, unsupported, c["pz"] <= PZ_MIN],
            [Fate.DOCUMENTATION, Fate.DECAYED, Fate.NEUTRAL, Fate.UNSUPPORTED, Fate.BACKWARD],
            Fate.UNDECIDED,
        )
        return {"charge": charge, "fate": fate, "out_of_domain": False}


def _decayed(c: Any) -> Any:
    return ~np.isin(c["status"], (1, 999)) & (c["end_vertex"] >= 0)

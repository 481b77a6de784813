"""Which columns condition the models of particle identification, and which they give.

Each model of a track knows what the models before it drew, so that likelihoods of the RICH, of the MUON
system and of their combination belong together:

    rich         p, eta, nTracks, charge                → RICH likelihoods
    is_muon      these and the RICH likelihoods         → P(isMuon)
    muon         the same, where isMuon                 → MUON likelihoods
    global_muon  all of these, where isMuon             → combined likelihoods and ProbNNs
    global_no_muon  all but MUON's, where not isMuon    → the same but ProbNNmu

Momenta in MeV; p and eta are those of the reconstructed track; nTracks is that of the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ABSENT",
    "GLOBAL",
    "GLOBAL_WITHOUT_MUON",
    "IS_MUON",
    "KINEMATICS",
    "MODELS",
    "MUON",
    "RICH",
    "SPECIES",
    "PidModel",
    "species_of",
]

SPECIES: Final[Mapping[str, int]] = MappingProxyType(
    {"electron": 11, "muon": 13, "pion": 211, "kaon": 321, "proton": 2212}
)
"""|PDG id| of each species that has models."""

KINEMATICS: Final = ("p", "eta", "nTracks", "charge")
RICH: Final = ("RichDLLe", "RichDLLmu", "RichDLLk", "RichDLLp")
IS_MUON: Final = ("isMuonProbability",)
MUON: Final = ("MuonMuLL", "MuonBkgLL")
GLOBAL: Final = (
    *("PIDe", "PIDmu", "PIDK", "PIDp"),
    *("ProbNNe", "ProbNNmu", "ProbNNpi", "ProbNNk", "ProbNNp"),
)
GLOBAL_WITHOUT_MUON: Final = tuple(n for n in GLOBAL if n != "ProbNNmu")

ABSENT: Final[Mapping[str, float]] = MappingProxyType(
    {"MuonMuLL": -1000.0, "MuonBkgLL": -1000.0, "ProbNNmu": -1.0}
)
"""What stands where isMuon is false."""


@dataclass(frozen=True, kw_only=True)
class PidModel:
    """Conditions and outputs of one model, for every species; `given` is the isMuon that it is for."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    given: bool | None = None


MODELS: Final[Mapping[str, PidModel]] = MappingProxyType(
    {
        "rich": PidModel(inputs=KINEMATICS, outputs=RICH),
        "is_muon": PidModel(inputs=(*KINEMATICS, *RICH), outputs=IS_MUON),
        "muon": PidModel(inputs=(*KINEMATICS, *RICH), outputs=MUON, given=True),
        "global_muon": PidModel(inputs=(*KINEMATICS, *RICH, *MUON), outputs=GLOBAL, given=True),
        "global_no_muon": PidModel(inputs=(*KINEMATICS, *RICH), outputs=GLOBAL_WITHOUT_MUON, given=False),
    }
)
"""Models by name, in the order in which they condition each other; in sets NAME_SPECIES."""


def species_of(pid: ArrayLike) -> NDArray[Any]:
    """Name of the species of PDG ids (n,), "" where there is none."""
    code = np.abs(np.asarray(pid))
    result = np.full(code.shape, "", dtype="<U8")
    for name, value in SPECIES.items():
        result[code == value] = name
    return result

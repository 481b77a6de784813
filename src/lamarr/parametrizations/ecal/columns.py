"""What the engines of the ECAL read and what they give, by name."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["SOURCE_COLUMNS", "Columns", "Kind", "LeftOut", "kind_of"]

Columns: TypeAlias = dict[str, NDArray[Any]]
"""Columns (rows,) by name."""

SOURCE_COLUMNS: Final = {
    "event_id": "int64",
    "particle_id": "int32",
    "kind": "int8",
    "x": "float64",
    "y": "float64",
    "tx": "float64",
    "ty": "float64",
    "x_line": "float64",
    "y_line": "float64",
    "z_origin": "float64",
    "energy": "float64",
    "from_signal": "bool",
}
"""Columns of the source objects and their dtypes; see :func:`lamarr.parametrizations.ecal.source_objects`."""


class Kind(IntEnum):
    """Kinds of source objects: what a species does in the calorimeter."""

    PHOTON = 0
    ELECTRON = 1
    CHARGED_HADRON = 2
    NEUTRAL_HADRON = 3
    MUON = 4


class LeftOut(IntEnum):
    """Why a generated particle is no source object; the first reason that holds."""

    KEPT = 0
    BOOKKEEPING = 1
    DECAYED = 2
    INVISIBLE = 3
    BEHIND = 4
    BACKWARD = 5
    SOFT = 6
    TURNED = 7
    OUTSIDE = 8
    BEAM_HOLE = 9

    @property
    def meaning(self) -> str:
        """One line that explains the code."""
        return _MEANING[self]


_MEANING: Final = {
    LeftOut.KEPT: "it is a source object",
    LeftOut.BOOKKEEPING: "bookkeeping of the generator",
    LeftOut.DECAYED: "decayed in the generator: its daughters are asked for",
    LeftOut.INVISIBLE: "leaves nothing in matter (neutrinos)",
    LeftOut.BEHIND: "produced at or behind the shower maximum of the ECAL",
    LeftOut.BACKWARD: "does not fly towards the ECAL",
    LeftOut.SOFT: "kinetic energy at or below the threshold",
    LeftOut.TURNED: "turned round by the magnet",
    LeftOut.OUTSIDE: "passes outside of the ECAL and a margin of one outer cell",
    LeftOut.BEAM_HOLE: "passes through the beam hole, farther than one inner cell from its border",
}

_NEUTRINOS: Final = (12, 14, 16)


def kind_of(pid: Any, charge: Any) -> NDArray[np.int8]:
    """Return the :class:`Kind` (rows,) of PDG ids and charges; −1 for neutrinos.

    What is neither photon, electron, muon nor neutrino counts as a hadron (nuclei and hyperons too).
    """
    a = np.abs(pid)
    hadron = np.where(np.asarray(charge) != 0, Kind.CHARGED_HADRON, Kind.NEUTRAL_HADRON)
    known = [a == 22, a == 11, a == 13, np.isin(a, _NEUTRINOS)]
    return np.select(known, [Kind.PHOTON, Kind.ELECTRON, Kind.MUON, -1], hadron).astype(np.int8)

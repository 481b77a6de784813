"""The event model, declared once: tables, columns, dtypes, units, keys and one-line meanings.

ROOT branches, Parquet fields, the SQLite tables and the reference page are all made from this module.
Within a table a row is identified by ``event_id`` and the table's own number, which counts from 0 in
every event: identities therefore do not depend on how events are batched.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import Final

from lamarr.errors import SchemaError, raise_unknown
from lamarr.events.calorimeter_tables import CALORIMETER_TABLES
from lamarr.events.columns import Column, TableSchema
from lamarr.events.generated_tables import GENERATED_TABLES
from lamarr.events.hit_tables import HIT_TABLES
from lamarr.events.reconstructed_tables import COVARIANCE_PAIRS, RECONSTRUCTED_TABLES

__all__ = [
    "COVARIANCE_PAIRS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "CaloOrigin",
    "Column",
    "Fate",
    "TableSchema",
    "TrackType",
    "TransportEnd",
    "table_schema",
]

SCHEMA_VERSION: Final = 1
"""Stored in every file. It grows when a file of the new schema would mislead a reader of the old one."""


class TrackType(IntEnum):
    """LHCb's codes of track types that Lamarr gives."""

    LONG = 3
    UPSTREAM = 4
    DOWNSTREAM = 5


class CaloOrigin(IntEnum):
    """Where a particle that enters the calorimeter comes from."""

    GENERATED = 0
    BREMSSTRAHLUNG = 1
    CONVERSION = 2
    DECAY = 3
    HADRONIC = 4
    OTHER = 5


class TransportEnd(IntEnum):
    """How the transport of a generated particle ended."""

    LEFT = 0
    DECAY = 1
    HADRONIC = 2
    CONVERSION = 3
    ANNIHILATION = 4
    STOPPED = 5
    CALORIMETER = 6
    OTHER = 7


class Fate(IntEnum):
    """What became of a generated particle. Every particle has exactly one fate."""

    UNDECIDED = 0
    DOCUMENTATION = 1
    DECAYED = 2
    NEUTRAL = 3
    UNSUPPORTED = 4
    BACKWARD = 5
    OUT_OF_ACCEPTANCE = 6
    NOT_RECONSTRUCTED = 7
    LONG = 13
    UPSTREAM = 14
    DOWNSTREAM = 15

    @property
    def meaning(self) -> str:
        """One line that explains the code."""
        return _FATES[self]


_FATES: Final = {
    Fate.UNDECIDED: "no pipeline has run",
    Fate.DOCUMENTATION: "bookkeeping of the generator (beam, partons, copies), not a physical particle",
    Fate.DECAYED: "decayed in the generator; its daughters have their own fates",
    Fate.NEUTRAL: "neutral: leaves no track",
    Fate.UNSUPPORTED: "charged and long-lived, but of a species that no tracking model covers",
    Fate.BACKWARD: "does not fly towards the spectrometer (pz <= 1 MeV)",
    Fate.OUT_OF_ACCEPTANCE: "outside the acceptance of the tracking detectors",
    Fate.NOT_RECONSTRUCTED: "in the acceptance, but no track was found",
    Fate.LONG: "reconstructed as a long track (VELO to T stations)",
    Fate.UPSTREAM: "reconstructed as an upstream track (VELO and TT)",
    Fate.DOWNSTREAM: "reconstructed as a downstream track (TT and T stations)",
}


SCHEMA: Final = MappingProxyType(
    {
        table.name: table
        for table in (*GENERATED_TABLES, *RECONSTRUCTED_TABLES, *CALORIMETER_TABLES, *HIT_TABLES)
    }
)
"""All tables by name, in the order in which files hold them."""


def table_schema(name: str) -> TableSchema:
    """Return the schema of table `name`; a name that does not exist is answered with near misses."""
    if name not in SCHEMA:
        raise_unknown("table", name, SCHEMA, SchemaError)
    return SCHEMA[name]

"""The ECAL: from generated particles to clusters, by one of several engines."""

from lamarr.parametrizations.ecal.columns import SOURCE_COLUMNS, Columns, Kind, LeftOut, kind_of
from lamarr.parametrizations.ecal.response import CLUSTER_COLUMNS, LOSSES, Engine, Response
from lamarr.parametrizations.ecal.sources import THRESHOLD, SourceObjects, source_objects

__all__ = [
    "CLUSTER_COLUMNS",
    "LOSSES",
    "Engine",
    "Response",
    "SOURCE_COLUMNS",
    "THRESHOLD",
    "Columns",
    "Kind",
    "LeftOut",
    "SourceObjects",
    "kind_of",
    "source_objects",
]

"""The stages of the flash simulation, one small module each."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from lamarr.flash.stage import Stage
from lamarr.flash.stages.acceptance import Acceptance
from lamarr.flash.stages.classify import Classify
from lamarr.flash.stages.count_tracks import CountTracks
from lamarr.flash.stages.covariance import Covariance
from lamarr.flash.stages.ecal import Ecal
from lamarr.flash.stages.efficiency import Efficiency
from lamarr.flash.stages.identification import Identification
from lamarr.flash.stages.model import Model, ModelStage
from lamarr.flash.stages.occupancy import Occupancy, SignalOnly
from lamarr.flash.stages.plug_in import PlugIn, PlugInDeclaration
from lamarr.flash.stages.primary_vertices import PrimaryVertices
from lamarr.flash.stages.propagate import Propagate
from lamarr.flash.stages.resolution import Resolution

__all__ = [
    "STAGES",
    "Acceptance",
    "Classify",
    "CountTracks",
    "Covariance",
    "Ecal",
    "Efficiency",
    "Identification",
    "Model",
    "ModelStage",
    "Occupancy",
    "PlugIn",
    "PlugInDeclaration",
    "PrimaryVertices",
    "Propagate",
    "Resolution",
    "SignalOnly",
    "writers_of",
]

STAGES: Final = MappingProxyType(
    {
        stage.name: stage
        for stage in (
            *(Classify, Acceptance, Efficiency, Propagate, Resolution, Covariance),
            *(PrimaryVertices, CountTracks, Occupancy, Identification, Ecal),
        )
    }
)
"""Shipped stages by name, in the order of the default pipeline."""


def writers_of(table: str, column: str) -> list[str]:
    """Names of the shipped stages that write a column."""
    stages: list[type[Stage]] = list(STAGES.values())
    return [stage.name for stage in stages if column in stage.writes.get(table, ())]

"""Particle identification: RICH likelihoods, isMuon, MUON likelihoods, global PID; one model per species."""

from lamarr.parametrizations.pid.columns import (
    ABSENT,
    GLOBAL,
    GLOBAL_WITHOUT_MUON,
    IS_MUON,
    KINEMATICS,
    MODELS,
    MUON,
    RICH,
    SPECIES,
    PidModel,
    species_of,
)

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

"""Tracking: acceptance, efficiency, resolution and covariance of charged tracks."""

from lamarr.parametrizations.tracking.conditions import (
    BEAM_CONDITIONS,
    COVARIANCE,
    COVARIANCE_CONDITIONS,
    EFFICIENCY,
    PRODUCTION_CONDITIONS,
    RESOLUTION,
    beam_columns_of,
    beam_conditions,
    production_columns_of,
    production_conditions,
)

__all__ = [
    "BEAM_CONDITIONS",
    "COVARIANCE",
    "COVARIANCE_CONDITIONS",
    "EFFICIENCY",
    "PRODUCTION_CONDITIONS",
    "RESOLUTION",
    "beam_columns_of",
    "beam_conditions",
    "production_columns_of",
    "production_conditions",
]

"""The detector as data: geometry, field, beam spot, vertex smearing; one YAML per year and polarity."""

from lamarr.detector.description import (
    Acceptance,
    BeamSpot,
    Detector,
    FieldProfile,
    Planes,
    PrimaryVertexSmearing,
    SingleKick,
    TripleGaussian,
)
from lamarr.detector.field import States, extrapolate, field_by, integral_by
from lamarr.detector.loading import detector_names, load_detector
from lamarr.detector.propagation import behind_the_magnet, closest_to_beam, kick_position

__all__ = [
    "Acceptance",
    "BeamSpot",
    "Detector",
    "FieldProfile",
    "Planes",
    "PrimaryVertexSmearing",
    "SingleKick",
    "States",
    "TripleGaussian",
    "behind_the_magnet",
    "closest_to_beam",
    "detector_names",
    "extrapolate",
    "field_by",
    "integral_by",
    "kick_position",
    "load_detector",
]

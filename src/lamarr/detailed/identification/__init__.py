"""Identification of tracks from all detectors: combined likelihood differences, and ProbNN."""

from lamarr.detailed.identification.combination import combine

__all__ = ["combine"]

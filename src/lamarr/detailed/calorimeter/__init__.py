"""Calorimeters: cells, shower library, digitisation, clusters, and what they say about tracks."""

from lamarr.detailed.calorimeter.reconstruction import CaloResult, reconstruct

__all__ = ["CaloResult", "reconstruct"]

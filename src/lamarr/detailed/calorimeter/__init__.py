"""Calorimeters: cells, shower library, digitisation, clusters, and what they say about tracks."""

from lamarr.detailed.calorimeter.accounting import with_generated
from lamarr.detailed.calorimeter.reconstruction import CaloResult, reconstruct

__all__ = ["CaloResult", "reconstruct", "with_generated"]

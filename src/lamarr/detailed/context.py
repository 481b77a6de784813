"""What every room of the detailed simulation needs besides the event: detector, geometry, seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamarr.detailed.randomness import event_generator
from lamarr.detector import Detector
from lamarr.detector.geometry import Geometry

__all__ = ["Context"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """A detector as built (`geometry`), its field and polarity (`detector`), and the seed of a run."""

    geometry: Geometry
    detector: Detector
    seed: int = 0

    def generator(self, event_id: int, stage: str) -> np.random.Generator:
        """Return the random numbers of a stage for an event; stages have names of their own."""
        return event_generator(self.seed, event_id, f"detailed.{stage}")

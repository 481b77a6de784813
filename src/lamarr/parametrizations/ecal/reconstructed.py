"""What is reconstructed of clusters and tracks, whichever simulation they come from."""

from __future__ import annotations

from lamarr.detector import Detector
from lamarr.detector.geometry import Geometry
from lamarr.events import EventBatch
from lamarr.parametrizations.ecal.candidates import neutral_candidates
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.tracks import electron_table

__all__ = ["with_candidates"]


def with_candidates(
    batch: EventBatch, detector: Detector, geometry: Geometry, pairs: Columns | None = None
) -> EventBatch:
    """Return the batch with the tables ``electrons`` and ``neutrals``, made of its clusters and tracks.

    Parameters
    ----------
    batch : EventBatch
        With clusters, which know their tracks, and tracks: of flash or detailed simulation.
    detector, geometry
        What it was simulated with.
    pairs : columns, optional
        Those of :func:`~lamarr.parametrizations.ecal.tracks.track_pairs`, if they are known.
    """
    electrons = electron_table(batch, detector, geometry, pairs)
    return batch.with_tables(electrons, neutral_candidates(batch))

"""Made-up showers of known shape, and events that consist of particles at the calorimeters' front."""

import numpy as np

from lamarr.calorimetry.calibration import load_calibration
from lamarr.detailed.calorimeter.showers import SPECIES, UNIT, ShowerLibrary
from lamarr.detailed.records import (
    CALO_CELL,
    MC_TRACK,
    MUON_HIT,
    RECO_TRACK,
    RICH_SEGMENT,
    TRACKER_HIT,
    VERTEX,
    SimEvent,
    TrackingResult,
)


def made_up_library(per_species=12, spots=400, seed=1):
    """Showers with two exponentials of the radius in the ECAL, as if Geant4 had made them."""
    rng = np.random.default_rng(seed)
    sampling = load_calibration().ecal_sampling
    chunks = []
    for pid in SPECIES.values():
        kinetic = np.geomspace(20.0, 2e5, per_species)
        radius = rng.exponential(np.where(rng.uniform(size=(per_species, spots)) < 0.8, 8.0, 30.0))
        angle = rng.uniform(0, 2 * np.pi, radius.shape)
        section = rng.choice([1, 2, 3, 4, 5], p=[0.03, 0.2, 0.34, 0.33, 0.1], size=radius.shape)
        energy = np.tile(kinetic[:, None] * sampling / spots, spots)
        chunks.append(
            {
                "pid": np.full(per_species, pid),
                "kinetic": kinetic,
                "size": np.full(per_species, spots),
                "section": section.astype("i1").ravel(),
                "x": np.rint(radius * np.cos(angle) / UNIT).astype("i2").ravel(),
                "y": np.rint(radius * np.sin(angle) / UNIT).astype("i2").ravel(),
                "energy": energy.astype("f4").ravel(),
            }
        )
    return ShowerLibrary.join(chunks, "{}")


def sim_event(faces, event_id=0, tracks=None):
    """An event that consists of particles at the calorimeters' front."""
    if tracks is None:
        tracks = np.zeros(len(faces), MC_TRACK)
        tracks["track"], tracks["pid"] = faces["track"], faces["pid"]
        tracks["ancestor"] = tracks["particle_id"] = np.arange(len(faces))
    empty = {
        "hits": TRACKER_HIT,
        "rich_segments": RICH_SEGMENT,
        "muon_hits": MUON_HIT,
        "calo_cells": CALO_CELL,
    }
    nothing = {k: np.zeros(0, v) for k, v in empty.items()}
    return SimEvent(event_id=event_id, tracks=tracks, calo_faces=faces, **nothing)


def tracking(tracks=None):
    """A result of the track reconstruction."""
    rows = np.zeros(0, RECO_TRACK) if tracks is None else tracks
    return TrackingResult(tracks=rows, vertices=np.zeros(0, VERTEX), n_velo_tracks=0, reconstructible={})

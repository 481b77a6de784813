"""The calorimeters' part of an event: from deposits or particles to clusters, links and track quantities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import load_calibration
from lamarr.calorimetry.cluster_identification import identify_clusters
from lamarr.calorimetry.clusters import Clusters, find_clusters
from lamarr.calorimetry.merged import is_merged_pi0
from lamarr.detailed.calorimeter.accounting import calo_particles, cluster_links
from lamarr.detailed.calorimeter.digits import Digits, digitise
from lamarr.detailed.calorimeter.overlay import overlay
from lamarr.detailed.calorimeter.track_likelihoods import track_likelihoods
from lamarr.detailed.calorimeter.tracks import TrackView, view_tracks
from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent, TrackingResult

__all__ = ["CaloResult", "Views", "look", "reconstruct", "track_columns"]

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class CaloResult:
    """Columns (without ``event_id``) of clusters, cluster_links, calo_particles and, by track, pid."""

    clusters: Columns
    links: Columns
    particles: Columns
    tracks: Columns
    n_spd_hits: int


@dataclass(frozen=True, kw_only=True)
class Views:
    """What identification reads: digits, clusters, and what tracks have to do with them."""

    deposits: NDArray[Any]
    digits: Digits
    clusters: Clusters
    tracks: TrackView


def look(event: SimEvent, tracking: TrackingResult, context: Context) -> Views:
    """Return digits, clusters and their relation to tracks.

    The energy in the cells is that of the transport where Geant4 carried the showers, else of the library.
    """
    calorimeter, calibration = context.geometry.calorimeter, load_calibration()
    cells = event.calo_cells
    if not len(cells):
        from lamarr.detailed.calorimeter.library import cached_library  # a program of its own as well

        rng = context.generator(event.event_id, "calorimeter.overlay")
        cells = overlay(event.calo_faces, cached_library(), calorimeter, rng).cells
    digits = digitise(cells, context, calibration, event.event_id)
    clusters = find_clusters(digits, calorimeter, calibration)
    tracks = view_tracks(tracking.tracks, clusters, digits, calorimeter)
    return Views(deposits=cells, digits=digits, clusters=clusters, tracks=tracks)


def reconstruct(event: SimEvent, tracking: TrackingResult, context: Context) -> CaloResult:
    """Return everything that the calorimeters say about an event."""
    views = look(event, tracking, context)
    calorimeter = context.geometry.calorimeter
    clusters = views.clusters.columns | {"track_id": views.tracks.best_track}
    clusters["is_merged_pi0"] = is_merged_pi0(views.clusters, views.digits, calorimeter, load_calibration())
    return CaloResult(
        clusters=clusters | identify_clusters(clusters, calorimeter.module),
        links=cluster_links(views.deposits, views.clusters.members, load_calibration()),
        particles=calo_particles(event),
        tracks=track_columns(views.tracks),
        n_spd_hits=int(np.count_nonzero(views.digits.spd)),
    )


def track_columns(view: TrackView) -> Columns:
    """Return the columns of ``pid`` that the calorimeters give."""
    energies = {"CaloEcalE": view.ecal, "CaloHcalE": view.hcal, "CaloBremE": view.brem}
    return track_likelihoods(view) | energies

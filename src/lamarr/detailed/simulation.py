"""One event through all rooms: from what the transport left to the tables of the flash pipeline."""

from __future__ import annotations

import numpy as np

from lamarr.detailed.context import Context
from lamarr.detailed.fates import particle_columns, transport, true_states
from lamarr.detailed.hits import hit_tables
from lamarr.detailed.records import SimEvent
from lamarr.detailed.tables import cut_to_event, event_columns, primary_vertices, tracks
from lamarr.events import EventBatch
from lamarr.flash.stages.classify import Classify
from lamarr.parametrizations.ecal.reconstructed import with_candidates

__all__ = ["reconstruct_event"]


def reconstruct_event(
    event: SimEvent, batch: EventBatch, context: Context, *, hits: bool = False
) -> EventBatch:
    """Return the generated event `batch` with all that the reconstruction makes of `event`.

    With `hits` the tables of hits come with it. A pure function: random numbers depend on the seed of the
    context and the number of the event.

    Raises
    ------
    InputFileError
        If a particle that reaches the detector has a PDG id of unknown charge.
    """
    from lamarr.detailed import calorimeter, identification, muon, rich, tracking

    batch = Classify()(batch, context.seed)
    found = tracking.reconstruct(event, context)
    in_rich, in_muon = rich.identify(event, found, context), muon.identify(event, found, context)
    calo = calorimeter.reconstruct(event, found, context)
    number = event.event_id
    particles = particle_columns(batch, found)
    centre = context.detector.single_kick.a0
    tables = {
        "primary_vertices": primary_vertices(found, batch),
        "tracks": tracks(found),
        "pid": identification.combine(found, in_rich, in_muon, calo),
        "true_states": true_states(event, particles["fate"]),
        "transport": transport(event, found, centre),
        "clusters": calo.clusters,
        "cluster_links": calo.links,
        "calo_particles": calorimeter.with_generated(calo.particles, batch["particles"]),
    }
    tables |= hit_tables(event) if hits else {}
    batch = batch.with_columns("particles", **particles)
    batch = batch.with_columns("events", **event_columns(found, np.asarray(in_rich.n_hits), calo.n_spd_hits))
    batch = batch.with_tables(*(cut_to_event(name, number, columns) for name, columns in tables.items()))
    return with_candidates(batch, context.detector, context.geometry)

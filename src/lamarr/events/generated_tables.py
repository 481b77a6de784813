"""Tables of what a generator gives, and of the true trajectories."""

from __future__ import annotations

from typing import Final

from lamarr.events.columns import EVENT, STATE, TableSchema, column

__all__ = ["GENERATED_TABLES"]

GENERATED_TABLES: Final = (
    TableSchema(
        name="events",
        meaning="One row per event: what one bunch crossing, or one shot of a particle gun, has in common.",
        key=("event_id",),
        columns=(
            EVENT,
            column("source", "int32", "", "index into the run's list of sources (files or generators)"),
            column("run_number", "int32", "", "run number, 0 if the source has none"),
            column("event_number", "int64", "", "event number in the source"),
            column("n_collisions", "int32", "", "number of pp collisions"),
            column("weight", "float64", "", "event weight: product of the first weights of its collisions"),
            column("nTracks", "int32", "", "number of reconstructed tracks of all types", optional=True),
            column(
                "is_signal_only", "bool", "", "nothing but the signal was generated: a gun", optional=True
            ),
            column("nPVs", "int32", "", "number of reconstructed primary vertices", optional=True),
            column("nVeloTracks", "int32", "", "number of tracks in the VELO", optional=True),
            column("nSPDHits", "int32", "", "number of cells hit in the SPD", optional=True),
            column("nRich1Hits", "int32", "", "number of photon-detector hits in RICH1", optional=True),
            column("nRich2Hits", "int32", "", "number of photon-detector hits in RICH2", optional=True),
            column(
                "shared_event",
                "int64",
                "",
                "first event of those (ReDecay) that share all that is not from the signal with this one",
                optional=True,
            ),
            column(
                "signal_attempts",
                "int32",
                "",
                "signals drawn until one passed the generator-level cut: its efficiency is 1 / mean",
                optional=True,
            ),
        ),
    ),
    TableSchema(
        name="collisions",
        meaning="One row per pp collision of an event (signal and pile-up).",
        key=("event_id", "collision_id"),
        columns=(
            EVENT,
            column("collision_id", "int32", "", "number of the collision in the event, from 0"),
            column("process_id", "int32", "", "generator's process code, 0 if unknown"),
            column("weight", "float64", "", "first generator weight, 1 if none"),
            column("t", "float64", "ns", "time of the collision"),
            column("x", "float64", "mm", "position of the collision"),
            column("y", "float64", "mm", "position of the collision"),
            column("z", "float64", "mm", "position of the collision"),
        ),
    ),
    TableSchema(
        name="vertices",
        meaning="Generated vertices.",
        key=("event_id", "vertex_id"),
        references={"collision_id": "collisions"},
        columns=(
            EVENT,
            column("vertex_id", "int32", "", "number of the vertex in the event, from 0"),
            column("collision_id", "int32", "", "collision that the vertex belongs to"),
            column("hepmc_id", "int32", "", "identifier of the vertex in its source"),
            column("status", "int32", "", "status code of the vertex in its source"),
            column("t", "float64", "ns", "time"),
            column("x", "float64", "mm", "position"),
            column("y", "float64", "mm", "position"),
            column("z", "float64", "mm", "position"),
            column("is_primary", "bool", "", "the vertex of the pp collision itself"),
        ),
    ),
    TableSchema(
        name="particles",
        meaning="Generated particles, and what became of each.",
        key=("event_id", "particle_id"),
        references={
            "collision_id": "collisions",
            "production_vertex": "vertices",
            "end_vertex": "vertices",
            "mother": "particles",
        },
        columns=(
            EVENT,
            column("particle_id", "int32", "", "number of the particle in the event, from 0"),
            column("collision_id", "int32", "", "collision that the particle belongs to"),
            column("hepmc_id", "int32", "", "identifier of the particle in its source"),
            column("production_vertex", "int32", "", "vertex_id where it is produced, −1 if unknown"),
            column("end_vertex", "int32", "", "vertex_id where it ends, −1 if it does not in the generator"),
            column("mother", "int32", "", "particle_id of its (first) mother, −1 if none"),
            column("pid", "int32", "", "PDG id"),
            column("status", "int32", "", "generator's status code"),
            column("pe", "float64", "MeV", "energy"),
            column("px", "float64", "MeV", "momentum"),
            column("py", "float64", "MeV", "momentum"),
            column("pz", "float64", "MeV", "momentum"),
            column("m", "float64", "MeV", "generated mass"),
            column("is_signal", "bool", "", "head of the signal decay"),
            column("from_signal", "bool", "", "head of the signal decay or descendant of it"),
            column("charge", "int8", "e", "electric charge", optional=True),
            column(
                "acceptance", "float32", "", "probability to be in the tracking acceptance", optional=True
            ),
            column("out_of_domain", "bool", "", "outside the range that models learned", optional=True),
            column("fate", "int8", "", "what became of it: a code of lamarr.events.Fate", optional=True),
            column(
                "ecal_fate",
                "int8",
                "",
                "whether it reaches the ECAL: 0, or why not: lamarr.parametrizations.ecal.LeftOut",
                optional=True,
            ),
        ),
    ),
    TableSchema(
        name="true_states",
        meaning="True trajectories of tracked particles, closest to the beam and behind the magnet.",
        key=("event_id", "particle_id", "location"),
        references={"particle_id": "particles"},
        columns=(
            EVENT,
            column("particle_id", "int32", "", "generated particle"),
            column("location", "int8", "", "LHCb's code of the place: 1 closest to the beam, 5 T stations"),
            *STATE,
        ),
    ),
    TableSchema(
        name="transport",
        meaning="How a detailed simulation carried the generated particles that it was given.",
        key=("event_id", "particle_id"),
        references={"particle_id": "particles"},
        columns=(
            EVENT,
            column("particle_id", "int32", "", "generated particle"),
            column("end", "int8", "", "how its transport ended: a code of lamarr.events.TransportEnd"),
            column("x", "float64", "mm", "where it ended"),
            column("y", "float64", "mm", "where it ended"),
            column("z", "float64", "mm", "where it ended"),
            column("brem_energy", "float64", "MeV", "energy radiated in front of the magnet's centre"),
            column("n_brem", "int32", "", "number of photons above 75 MeV radiated there"),
            column("reconstructible", "int8", "", "track type that its hits allow, 0 if none"),
        ),
    ),
)

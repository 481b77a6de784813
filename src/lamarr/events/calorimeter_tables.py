"""Tables of the calorimeters: what enters them, the clusters they give, and who made which cluster."""

from __future__ import annotations

from typing import Final

from lamarr.events.columns import EVENT, TableSchema, column

__all__ = ["CALORIMETER_TABLES"]

CALORIMETER_TABLES: Final = (
    TableSchema(
        name="calo_particles",
        meaning="Particles, generated or secondary, that enter the calorimeter system from the front.",
        key=("event_id", "calo_particle_id"),
        references={"particle_id": "particles"},
        columns=(
            EVENT,
            column("calo_particle_id", "int32", "", "number of the particle in the event, from 0"),
            column("particle_id", "int32", "", "generated particle that it is or descends from, −1 if none"),
            column("pid", "int32", "", "PDG id of what enters"),
            column("origin", "int8", "", "a code of lamarr.events.CaloOrigin"),
            column("mother_pid", "int32", "", "PDG id of its mother, 0 if none"),
            column("x", "float64", "mm", "position where it crosses the front of the calorimeter system"),
            column("y", "float64", "mm", "position where it crosses the front of the calorimeter system"),
            column("z", "float64", "mm", "position where it crosses the front of the calorimeter system"),
            column("tx", "float64", "", "slope dx/dz there"),
            column("ty", "float64", "", "slope dy/dz there"),
            column("energy", "float64", "MeV", "energy there"),
            column("ovx", "float64", "mm", "position where it was produced"),
            column("ovy", "float64", "mm", "position where it was produced"),
            column("ovz", "float64", "mm", "position where it was produced"),
            column("from_signal", "bool", "", "descends from the signal decay"),
        ),
    ),
    TableSchema(
        name="clusters",
        meaning="Reconstructed clusters of the electromagnetic calorimeter.",
        key=("event_id", "cluster_id"),
        references={"track_id": "tracks"},
        columns=(
            EVENT,
            column("cluster_id", "int32", "", "number of the cluster in the event, from 0"),
            column("region", "int8", "", "region of its seed: 0 outer, 1 middle, 2 inner"),
            column("x", "float64", "mm", "barycentre, corrected"),
            column("y", "float64", "mm", "barycentre, corrected"),
            column("z", "float64", "mm", "plane that the position is given in"),
            column("energy", "float64", "MeV", "energy, corrected"),
            column("cov_xx", "float64", "mm²", "variance of x"),
            column("cov_yy", "float64", "mm²", "variance of y"),
            column("cov_ee", "float64", "MeV²", "variance of the energy"),
            column("n_cells", "int32", "", "number of its cells"),
            column("spread_xx", "float64", "mm²", "second moment of the energy in x"),
            column("spread_yy", "float64", "mm²", "second moment of the energy in y"),
            column("spread_xy", "float64", "mm²", "second moment of the energy in x and y"),
            column("E19", "float32", "", "energy of the seed over that of the 3 × 3 cells around it"),
            column("E_spd", "float64", "MeV", "energy in the SPD cells in front of it"),
            column("E_prs", "float64", "MeV", "energy in the preshower cells in front of it"),
            column("E_hcal", "float64", "MeV", "energy in the HCAL behind it"),
            column("PhotonID", "float32", "", "likelihood ratio of a photon against the rest, 0 to 1"),
            column("IsNotE", "float32", "", "classifier of photons against electrons, 0 to 1"),
            column("IsNotH", "float32", "", "classifier of photons against hadrons, 0 to 1"),
            column("is_merged_pi0", "bool", "", "reconstructed as both photons of a π0 in one cluster"),
            column("track_id", "int32", "", "track that points to it, −1 if none"),
        ),
    ),
    TableSchema(
        name="cluster_links",
        meaning="How much of which particle's energy is in which cluster.",
        key=("event_id", "cluster_id", "calo_particle_id"),
        references={"cluster_id": "clusters", "calo_particle_id": "calo_particles"},
        columns=(
            EVENT,
            column("cluster_id", "int32", "", "cluster"),
            column("calo_particle_id", "int32", "", "particle that enters the calorimeter"),
            column("energy", "float64", "MeV", "energy of the particle in the cluster"),
            column("fraction_of_cluster", "float32", "", "share of the cluster's energy"),
            column("fraction_of_particle", "float32", "", "share of the particle's energy in all clusters"),
        ),
    ),
)

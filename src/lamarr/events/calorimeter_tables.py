"""Tables of the calorimeters: what enters them, the clusters they give, and who made which cluster."""

from __future__ import annotations

from typing import Final

from lamarr.events.columns import EVENT, TableSchema, column

__all__ = ["CALORIMETER_TABLES"]

_MOMENTUM: Final = ("px", "py", "pz", "E")

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
            column("lost_upstream", "float64", "MeV", "energy that does not arrive", optional=True),
            column("lost_response", "float64", "MeV", "arriving energy that is not seen", optional=True),
            column("lost_outside", "float64", "MeV", "seen energy outside of all cells", optional=True),
            column("lost_below", "float64", "MeV", "energy in cells of no cluster", optional=True),
            column(
                "lost_unmatched",
                "float64",
                "MeV",
                "energy of what gets no cluster",
                optional=True,
            ),
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
            column(
                "other_track",
                "bool",
                "",
                "a track that is in no table (of a secondary particle, or a ghost) points to it",
                optional=True,
            ),
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
    TableSchema(
        name="neutrals",
        meaning="Candidates for photons and π0, made of clusters that no track points to.",
        key=("event_id", "neutral_id"),
        references={"cluster_id": "clusters", "second_cluster_id": "clusters"},
        columns=(
            EVENT,
            column("neutral_id", "int32", "", "number of the candidate in the event, from 0"),
            column("kind", "int8", "", "1 photon, 2 resolved π0 (two clusters), 3 merged π0 (one cluster)"),
            column("pid", "int32", "", "PDG id of the hypothesis: 22 or 111"),
            column("cluster_id", "int32", "", "its cluster, of two the one of higher energy"),
            column("second_cluster_id", "int32", "", "the other cluster of a resolved π0, else −1"),
            column("px", "float64", "MeV", "momentum, from the origin of the LHCb frame"),
            column("py", "float64", "MeV", "momentum"),
            column("pz", "float64", "MeV", "momentum"),
            column("pe", "float64", "MeV", "energy"),
            column("m", "float64", "MeV", "mass: of the hypothesis; measured for a resolved π0"),
            column("PhotonID", "float32", "", "that of its cluster, the lower one of two"),
            *(
                column(f"cov{i}{j}", "float64", "MeV²", f"covariance of {_MOMENTUM[i]} and {_MOMENTUM[j]}")
                for j in range(4)
                for i in range(j + 1)
            ),
        ),
    ),
    TableSchema(
        name="electrons",
        meaning="What the ECAL says about tracks, and their momenta as electrons.",
        key=("event_id", "track_id"),
        references={"track_id": "tracks", "cluster_id": "clusters", "brem_cluster_id": "clusters"},
        columns=(
            EVENT,
            column("track_id", "int32", "", "the track"),
            column("cluster_id", "int32", "", "closest cluster that it points to, −1 if none"),
            column(
                "match_chi2", "float32", "", "χ² of the match, two degrees of freedom; −1 without cluster"
            ),
            column("eOverP", "float32", "", "energy of the cluster over momentum, 0 without cluster"),
            column(
                "brem_cluster_id", "int32", "", "cluster of its bremsstrahlung before the magnet, −1 if none"
            ),
            column("brem_energy", "float64", "MeV", "energy of that cluster"),
            column("p", "float64", "MeV", "momentum with bremsstrahlung added"),
            column("px", "float64", "MeV", "momentum with bremsstrahlung added"),
            column("py", "float64", "MeV", "momentum with bremsstrahlung added"),
            column("pz", "float64", "MeV", "momentum with bremsstrahlung added"),
        ),
    ),
)

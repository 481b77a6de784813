"""PyLamarr's tables of clusters and identification, as SQL views over ours.

Codes of ClusterInfo are those of LHCb's data model; of ParticleID those of PyLamarr, with the algorithms of
isMuon and of its probability the right way round (0 boolean, 1 efficiency, 2 log-likelihood, 3 classifier).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["SQL_VIEWS", "SqlView"]


@dataclass(frozen=True, kw_only=True)
class SqlView:
    """A view: who defined its form, what its rows are, its columns, and the SELECT that gives them."""

    name: str
    origin: str
    meaning: str
    columns: tuple[str, ...]
    select: str

    @property
    def create(self) -> str:
        """The statement that creates the view."""
        return f"CREATE VIEW {self.name} ({', '.join(self.columns)}) AS {self.select}"


PHOTON_HYPOTHESIS: Final = 4
"""Type of all clusters in PyLamarr: LHCb's code of a calorimeter hypothesis "photon"."""

CLUSTER_KEYS: Final = {380: "PhotonID", 382: "IsNotE", 383: "IsNotH"}
"""LHCb's keys of numbers that belong to a cluster, and our columns."""

_ELECTRON, _MUON, _PION, _KAON, _PROTON = 11, 13, 211, 321, 2212
_BOOLEAN, _EFFICIENCY, _LIKELIHOOD, _CLASSIFIER = range(4)

# type, PDG id of the hypothesis (0: none), algorithm, our column or an expression.
_IDENTIFICATION: Final = (
    (0, _MUON, _EFFICIENCY, "isMuonProbability"),
    (10, _MUON, _BOOLEAN, "isMuon"),
    (20, _ELECTRON, _LIKELIHOOD, "RichDLLe"),
    (20, _MUON, _LIKELIHOOD, "RichDLLmu"),
    (20, _PION, _LIKELIHOOD, "0.0 * RichDLLk"),
    (20, _KAON, _LIKELIHOOD, "RichDLLk"),
    (20, _PROTON, _LIKELIHOOD, "RichDLLp"),
    (30, _MUON, _LIKELIHOOD, "MuonMuLL"),
    (30, 0, _LIKELIHOOD, "MuonBkgLL"),
    (100, _ELECTRON, _LIKELIHOOD, "PIDe"),
    (100, _MUON, _LIKELIHOOD, "PIDmu"),
    (100, _PION, _LIKELIHOOD, "0.0 * PIDK"),
    (100, _KAON, _LIKELIHOOD, "PIDK"),
    (100, _PROTON, _LIKELIHOOD, "PIDp"),
    (110, _ELECTRON, _CLASSIFIER, "ProbNNe"),
    (110, _MUON, _CLASSIFIER, "ProbNNmu"),
    (110, _PION, _CLASSIFIER, "ProbNNpi"),
    (110, _KAON, _CLASSIFIER, "ProbNNk"),
    (110, _PROTON, _CLASSIFIER, "ProbNNp"),
)


def _union(parts: list[str]) -> str:
    return " UNION ALL ".join(parts)


def _cluster_info() -> str:
    return _union(
        [
            f"SELECT event_id, cluster_id, {key}, {column} FROM CaloClusters WHERE {column} IS NOT NULL"
            for key, column in CLUSTER_KEYS.items()
        ]
    )


def _particle_id() -> str:
    return _union(
        [
            f"SELECT p.event_id, e.first_track + p.track_id, {kind}, {pdg}, {algorithm}, {column} "
            "FROM TrackIdentification AS p JOIN EventIds AS e ON e.event_id = p.event_id "
            f"WHERE {column} IS NOT NULL"
            for kind, pdg, algorithm, column in _IDENTIFICATION
        ]
    )


SQL_VIEWS: Final = {
    view.name: view
    for view in (
        SqlView(
            name="Cluster",
            origin="PyLamarr",
            meaning=f"Clusters of the ECAL; type is {PHOTON_HYPOTHESIS}. calocluster_id counts in the event.",
            columns=(
                *("event_id", "calocluster_id", "type", "center_x", "center_y", "z", "energy"),
                *("cov_xx", "cov_yy", "cov_ee"),
            ),
            select=f"SELECT event_id, cluster_id, {PHOTON_HYPOTHESIS}, x, y, z, energy, "
            "cov_xx, cov_yy, cov_ee FROM CaloClusters",
        ),
        SqlView(
            name="ClusterInfo",
            origin="PyLamarr",
            meaning="Numbers of clusters: info_key 380 is PhotonID, 382 is IsNotE, 383 is IsNotH.",
            columns=("event_id", "calocluster_id", "info_key", "info_value"),
            select=_cluster_info(),
        ),
        SqlView(
            name="ParticleID",
            origin="PyLamarr",
            meaning=(
                "Identification, one row per track, hypothesis and algorithm; particle_id is Track.track_id. "
                "type: 0 probability of isMuon, 10 isMuon, 20 RICH, 30 MUON, 100 combined, 110 ProbNN. "
                "algorithmType: 0 boolean, 1 efficiency, 2 log-likelihood, 3 classifier. PDG 0: no muon."
            ),
            columns=("event_id", "particle_id", "type", "PDG", "algorithmType", "likelihood"),
            select=_particle_id(),
        ),
    )
}
"""All views of an SQLite file, by name."""

"""Tables of what the reconstruction gives: primary vertices, tracks and their identification."""

from __future__ import annotations

from typing import Final

from lamarr.events.columns import EVENT, STATE, TableSchema, column

__all__ = ["COVARIANCE_PAIRS", "RECONSTRUCTED_TABLES"]

COVARIANCE_PAIRS: Final = tuple((i, j) for j in range(5) for i in range(j + 1))
"""Rows and columns (i <= j) of the stored covariance elements, over (x, y, tx, ty, q/p)."""

_STATE_UNIT = ("mm", "mm", "", "", "1/MeV")


def _covariance_unit(i: int, j: int) -> str:
    a, b = _STATE_UNIT[i], _STATE_UNIT[j]
    if a == b:
        return {"": "", "mm": "mm²", "1/MeV": "1/MeV²"}[a]
    return {"mm": "mm", "1/MeV": "1/MeV", "mm1/MeV": "mm/MeV"}[a + b]


_STATE_NAME = ("x", "y", "tx", "ty", "q/p")

RECONSTRUCTED_TABLES: Final = (
    TableSchema(
        name="primary_vertices",
        meaning="Reconstructed primary vertices.",
        key=("event_id", "vertex_id"),
        references={"vertex_id": "vertices", "collision_id": "collisions"},
        columns=(
            EVENT,
            column("vertex_id", "int32", "", "generated vertex that it reconstructs"),
            column("collision_id", "int32", "", "collision that it reconstructs"),
            column("t", "float64", "ns", "time of the generated vertex"),
            column("x", "float64", "mm", "reconstructed position"),
            column("y", "float64", "mm", "reconstructed position"),
            column("z", "float64", "mm", "reconstructed position"),
            column("sigma_x", "float64", "mm", "error of x (in flash simulation: of the component drawn)"),
            column("sigma_y", "float64", "mm", "error of y (in flash simulation: of the component drawn)"),
            column("sigma_z", "float64", "mm", "error of z (in flash simulation: of the component drawn)"),
            column("n_tracks", "int32", "", "number of tracks in the fit", optional=True),
            column("chi2PerDoF", "float32", "", "χ² of the fit per degree of freedom", optional=True),
        ),
    ),
    TableSchema(
        name="tracks",
        meaning="Reconstructed tracks in the state closest to the beam.",
        key=("event_id", "track_id"),
        references={"particle_id": "particles"},
        columns=(
            EVENT,
            column("track_id", "int32", "", "number of the track in the event, from 0"),
            column(
                "particle_id",
                "int32",
                "",
                "generated particle that it reconstructs, −1 for ghosts and secondaries of the transport",
            ),
            column(
                "true_pid",
                "int32",
                "",
                "PDG id of what left its hits, secondaries included; 0 for a ghost",
                optional=True,
            ),
            column("type", "int8", "", "LHCb's track type: 3 long, 4 upstream, 5 downstream"),
            column("charge", "int8", "e", "reconstructed charge"),
            *STATE,
            column("px", "float64", "MeV", "momentum"),
            column("py", "float64", "MeV", "momentum"),
            column("pz", "float64", "MeV", "momentum"),
            column("qop", "float64", "1/MeV", "charge over momentum"),
            column("chi2PerDoF", "float32", "", "χ² of the track fit per degree of freedom"),
            column("nDoF", "int32", "", "number of degrees of freedom of the track fit"),
            column("ghostProb", "float32", "", "ghost probability"),
            *(
                column(
                    f"cov{i}{j}",
                    "float64",
                    _covariance_unit(i, j),
                    f"covariance of {_STATE_NAME[i]} and {_STATE_NAME[j]}",
                    optional=True,
                )
                for i, j in COVARIANCE_PAIRS
            ),
        ),
    ),
    TableSchema(
        name="pid",
        meaning="Particle identification of tracks: likelihood differences to the pion, and classifiers.",
        key=("event_id", "track_id"),
        references={"track_id": "tracks"},
        columns=(
            EVENT,
            column("track_id", "int32", "", "track that is identified"),
            column("RichDLLe", "float32", "", "RICH: ln L(e) − ln L(π)"),
            column("RichDLLmu", "float32", "", "RICH: ln L(μ) − ln L(π)"),
            column("RichDLLk", "float32", "", "RICH: ln L(K) − ln L(π)"),
            column("RichDLLp", "float32", "", "RICH: ln L(p) − ln L(π)"),
            column("RichDLLbt", "float32", "", "RICH: ln L(no light) − ln L(π)", optional=True),
            column("isMuon", "bool", "", "hits in the muon stations that its momentum asks for"),
            column("isMuonLoose", "bool", "", "the same with fewer hits", optional=True),
            column("isMuonProbability", "float32", "", "probability of isMuon, from a model", optional=True),
            column("MuonMuLL", "float32", "", "MUON: ln L(μ), −1000 without isMuon"),
            column("MuonBkgLL", "float32", "", "MUON: ln L(not μ), −1000 without isMuon"),
            column("EcalPIDe", "float32", "", "ECAL: ln L(e) − ln L(hadron)", optional=True),
            column("EcalPIDmu", "float32", "", "ECAL: ln L(μ) − ln L(hadron)", optional=True),
            column("HcalPIDe", "float32", "", "HCAL: ln L(e) − ln L(hadron)", optional=True),
            column("HcalPIDmu", "float32", "", "HCAL: ln L(μ) − ln L(hadron)", optional=True),
            column("PrsPIDe", "float32", "", "preshower: ln L(e) − ln L(hadron)", optional=True),
            column("BremPIDe", "float32", "", "bremsstrahlung: ln L(e) − ln L(hadron)", optional=True),
            column("CaloEcalE", "float32", "MeV", "ECAL energy at the track", optional=True),
            column("CaloHcalE", "float32", "MeV", "HCAL energy at the track", optional=True),
            column("CaloBremE", "float32", "MeV", "energy of its bremsstrahlung", optional=True),
            column("PIDe", "float32", "", "combined ln L(e) − ln L(π)"),
            column("PIDmu", "float32", "", "combined ln L(μ) − ln L(π)"),
            column("PIDK", "float32", "", "combined ln L(K) − ln L(π)"),
            column("PIDp", "float32", "", "combined ln L(p) − ln L(π)"),
            column("ProbNNe", "float32", "", "network's probability of an electron"),
            column("ProbNNmu", "float32", "", "network's probability of a muon, −1 without isMuon"),
            column("ProbNNpi", "float32", "", "network's probability of a pion"),
            column("ProbNNk", "float32", "", "network's probability of a kaon"),
            column("ProbNNp", "float32", "", "network's probability of a proton"),
            column("ProbNNghost", "float32", "", "network's probability of a ghost", optional=True),
        ),
    ),
)

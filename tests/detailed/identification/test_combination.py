"""Combined likelihood differences add what detectors say; ProbNN is a probability."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="the detailed simulation needs the extra 'detailed'")

from dataclasses import dataclass

from lamarr.detailed.identification import combine
from lamarr.detailed.records import RECO_TRACK, STATE_PLANES, VERTEX, TrackingResult
from lamarr.events import SCHEMA, Table

CALO = ("EcalPIDe", "EcalPIDmu", "HcalPIDe", "HcalPIDmu", "PrsPIDe", "BremPIDe")
ENERGIES = ("CaloEcalE", "CaloHcalE", "CaloBremE")


@dataclass
class Says:
    """What a detector says."""

    dll: object = None
    is_muon: object = None
    is_muon_loose: object = None
    mu_ll: object = None
    bkg_ll: object = None
    tracks: object = None


def event(n, seed=1):
    rng = np.random.default_rng(seed)
    tracks = np.zeros(n, RECO_TRACK)
    tracks["type"] = rng.choice([3, 4, 5], n)
    state = tracks["state"]
    for name in ("x", "y", "tx", "ty"):
        state[name] = rng.normal(0, 0.1, (n, len(STATE_PLANES)))
    state["qop"] = rng.choice([-1, 1], n)[:, None] / rng.uniform(2e3, 1e5, n)[:, None]
    tracks["n_dof"], tracks["chi2"] = 20, rng.chisquare(20, n)
    result = TrackingResult(tracks=tracks, vertices=np.zeros(0, VERTEX), n_velo_tracks=0, reconstructible={})
    is_muon = rng.uniform(size=n) < 0.3
    muon = Says(
        is_muon=is_muon, is_muon_loose=is_muon, mu_ll=-rng.uniform(0, 5, n), bkg_ll=-rng.uniform(0, 5, n)
    )
    calo = {k: rng.normal(0, 3, n) for k in CALO} | {k: rng.uniform(0, 1e4, n) for k in ENERGIES}
    return result, Says(dll=rng.normal(0, 10, (n, 5))), muon, Says(tracks=calo)


def test_combined_likelihoods_are_sums():
    tracking, rich, muon, calo = event(50)
    pid = combine(tracking, rich, muon, calo)
    c = calo.tracks
    electron = c["EcalPIDe"] + c["HcalPIDe"] + c["PrsPIDe"] + c["BremPIDe"]
    np.testing.assert_allclose(pid["PIDe"], rich.dll[:, 0] + electron)
    np.testing.assert_array_equal(pid["PIDK"], rich.dll[:, 2])
    np.testing.assert_array_equal(pid["PIDp"], rich.dll[:, 3])
    without = rich.dll[:, 1] + c["EcalPIDmu"] + c["HcalPIDmu"]
    gain = np.where(muon.is_muon, muon.mu_ll - muon.bkg_ll, 0)
    np.testing.assert_allclose(pid["PIDmu"], without + gain)


def test_tracks_that_are_no_muons_have_marks_instead():
    tracking, rich, muon, calo = event(50)
    pid = combine(tracking, rich, muon, calo)
    no = ~muon.is_muon
    assert no.any()
    assert set(pid["MuonMuLL"][no]) == set(pid["MuonBkgLL"][no]) == {-1000.0}
    assert set(pid["ProbNNmu"][no]) == {-1.0}
    assert np.all(pid["ProbNNmu"][~no] >= 0)


@pytest.mark.parametrize("n", [0, 1, 30])
def test_columns_are_those_of_the_table(n):
    tracking, rich, muon, calo = event(n)
    columns = combine(tracking, rich, muon, calo)
    table = Table("pid", {"event_id": np.zeros(n, np.int64), **columns})
    assert set(table) == set(SCHEMA["pid"].names) - {"isMuonProbability"}
    names = ("ProbNNe", "ProbNNmu", "ProbNNpi", "ProbNNk", "ProbNNp", "ProbNNghost")
    muons = columns["isMuon"]
    total = sum(columns[k].astype(float) for k in names)
    np.testing.assert_allclose(total[muons], 1, atol=1e-5)
    assert all(np.all((columns[k] >= 0) & (columns[k] <= 1)) for k in names if k != "ProbNNmu")


def test_a_track_does_not_depend_on_the_others():
    tracking, rich, muon, calo = event(40)
    together = combine(tracking, rich, muon, calo)
    one = slice(7, 8)
    alone = combine(
        TrackingResult(
            tracks=tracking.tracks[one], vertices=tracking.vertices, n_velo_tracks=0, reconstructible={}
        ),
        Says(dll=rich.dll[one]),
        Says(**{k: getattr(muon, k)[one] for k in ("is_muon", "is_muon_loose", "mu_ll", "bkg_ll")}),
        Says(tracks={k: v[one] for k, v in calo.tracks.items()}),
    )
    for name in together:
        if name != "track_id":
            np.testing.assert_array_equal(together[name][one], alone[name])

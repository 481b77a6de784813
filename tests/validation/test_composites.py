"""Composite candidates: what the tree gives, and that selections find what truth finds."""

import numpy as np
import pytest

import lamarr
from lamarr.errors import ConfigurationError, MissingNameError, UnknownNameError
from lamarr.validation.combinations import Cuts, select_candidates
from lamarr.validation.composites import candidate_columns, true_candidates
from lamarr.validation.decays import DECAYS, decay


@pytest.fixture(scope="module")
def samples():
    return {
        name: lamarr.simulate(lamarr.generate(d.descriptor, 400, seed=3), seed=1)
        for name, d in DECAYS.items()
    }


@pytest.mark.parametrize("name", DECAYS)
def test_candidates_of_truth_have_the_mass_of_what_decayed(samples, name):
    batch, d = samples[name], DECAYS[name]
    columns = candidate_columns(batch, d, true_candidates(batch, d))
    label, low, high = d.window
    mass = columns[f"{label}_m"]
    assert len(mass) > 20
    assert np.mean((mass > low) & (mass < high)) > 0.8
    assert set(columns["event_id"]) <= set(batch["events"]["event_id"])
    assert all(len(v) == len(mass) for v in columns.values())


def test_pions_of_one_decay_stand_in_their_places(samples):
    batch, d = samples["DstD0Pi"], DECAYS["DstD0Pi"]
    rows = true_candidates(batch, d)
    t, p = batch["tracks"], batch["particles"]
    particle = batch.rows_of("particles", t["event_id"][rows], t["particle_id"][rows])
    mother = batch.rows_of("particles", p["event_id"][particle], p["mother"][particle])
    assert (np.abs(p["pid"][mother]) == [421, 421, 413]).all()


def test_selection_finds_what_truth_finds_and_keeps_its_windows(samples):
    batch, d = samples["Bs2JpsiPhi"], DECAYS["Bs2JpsiPhi"]
    everything = dict.fromkeys(("mup", "mum", "Kp", "Km"), Cuts(p=0, pt=0, ghost=2))
    windows = {"Jpsi": (2900, 3300), "phi": (980, 1060)}
    selected = select_candidates(batch, d, everything, windows)
    columns = candidate_columns(batch, d, selected)
    assert ((columns["Jpsi_m"] > 2900) & (columns["Jpsi_m"] < 3300)).all()
    truth = true_candidates(batch, d)
    known = candidate_columns(batch, d, truth)
    inside = (np.abs(known["Jpsi_m"] - 3100) < 200) & (np.abs(known["phi_m"] - 1020) < 40)
    charge = batch["tracks"]["charge"][truth]
    inside &= (charge == [1, -1, 1, -1]).all(axis=1) | (charge == [-1, 1, -1, 1]).all(axis=1)
    assert {tuple(r) for r in truth[inside].tolist()} <= {tuple(r) for r in selected.tolist()}
    assert len(np.unique(selected, axis=0)) == len(selected)


def test_what_cannot_be_done_is_said(samples):
    batch, d = samples["Bs2JpsiPhi"], DECAYS["Bs2JpsiPhi"]
    loose = dict.fromkeys(("mup", "mum", "Kp", "Km"), Cuts(p=0, pt=0, ghost=2))
    with pytest.raises(ConfigurationError, match="at most 10 combinations"):
        select_candidates(batch, d, loose, {}, limit=10)
    if "pid" not in batch:
        with pytest.raises(MissingNameError, match="PIDK"):
            select_candidates(batch, d, {"Kp": Cuts(pid={"PIDK": 5})}, {})
    with pytest.raises(UnknownNameError, match="Bs2JpsiPhi"):
        decay("Bs2JpsiPhy")

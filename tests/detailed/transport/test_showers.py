"""Showers that Geant4 carries itself, and those of the library for the same particles."""

import numpy as np
import pytest

from lamarr.calorimetry.cells import calo_cells
from lamarr.detailed.records import CALO_CELL
from lamarr.detector.geometry import load_geometry

CALO = load_geometry().calorimeter
SPD, PRS, ECAL, HCAL = range(4)


@pytest.fixture(scope="module")
def full(carry):
    names = ("photons", "muons", "pions", "again")
    jobs = [
        ("gamma p=5 eta=3", 16, "full", None),
        ("mu- p=20 eta=3", 5, "full", None),
        ("pi+ p=20 eta=3", 6, "full", None),
        ("pi+ p=20 eta=3", 2, "full", (1, 0)),
    ]
    return dict(zip(names, carry(*jobs), strict=True))


def energy(cells, part):
    return float(cells["energy"][cells["part"] == part].sum())


def test_deposits_are_in_cells_and_of_particles_at_the_front(full):
    cells = calo_cells(CALO)
    for _, events in full.values():
        for event in events:
            found = event.calo_cells
            assert found.dtype == CALO_CELL
            assert (found["energy"] > 0).all()
            for part in range(4):
                own = found["cell"][found["part"] == part]
                assert ((own >= 0) & (own < len(cells[part]))).all()
            faces = np.bincount(found["face"], found["energy"], minlength=len(event.calo_faces))
            mass = np.where(np.isin(np.abs(event.calo_faces["pid"]), (11, 22, 13)), 0, 1900)
            assert (faces < event.calo_faces["energy"] + mass).all()


def test_energy_is_where_the_particle_points(full):
    cells = calo_cells(CALO).ecal
    for _, events in (full["photons"], full["muons"]):
        for event in events:
            face = int(np.argmax(event.calo_faces["energy"]))
            at = event.calo_faces[face]
            own = event.calo_cells[(event.calo_cells["face"] == face) & (event.calo_cells["part"] == ECAL)]
            if at["energy"] < 3000 or not len(own):
                continue
            way = (CALO.ecal.shower_max - at["z"]) / at["pz"]
            for axis, place in (("x", cells.x), ("y", cells.y)):
                mean = np.average(place[own["cell"]], weights=own["energy"])
                assert mean == pytest.approx(at[axis] + way * at["p" + axis], abs=60)


def test_photons_leave_what_those_of_the_library_do(full, monkeypatch):
    """Means of the same particles at the front, by Geant4 in the spectrometer and by the library."""
    pytest.importorskip("numba", reason="the overlay of showers is compiled by numba")
    from lamarr.detailed.calorimeter.library import cached_library
    from lamarr.detailed.calorimeter.overlay import overlay

    monkeypatch.setenv("LAMARR_SHOWERS", "small")
    library, own, other = cached_library(), [], []
    for event in full["photons"][1]:
        rng = np.random.Generator(np.random.Philox(key=event.event_id))
        shared = overlay(event.calo_faces, library, CALO, rng).cells
        own.append([energy(event.calo_cells, part) for part in (PRS, ECAL)])
        other.append([energy(shared, part) for part in (PRS, ECAL)])
    a, b = np.array(own), np.array(other)
    error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / len(a))
    assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4 * error + 0.03 * b.mean(axis=0)).all()
    assert a[:, 1].mean() / np.mean([e.calo_faces["energy"].sum() for e in full["photons"][1]]) == (
        pytest.approx(0.14, abs=0.02)  # in the scintillator
    )


def test_muons_leave_little_and_reach_the_last_station(full):
    for event in full["muons"][1]:
        first = int(np.argmax(event.calo_faces["energy"]))
        if abs(event.calo_faces["pid"][first]) != 13:
            continue
        assert energy(event.calo_cells, ECAL) < 600
        own = event.muon_hits[event.muon_hits["track"] == event.calo_faces["track"][first]]
        assert {1, 2, 3, 4} <= set(own["station"].tolist())


def test_showers_depend_on_the_event_alone(full):
    for a, b in zip(full["pions"][1], full["again"][1], strict=False):
        for name in ("tracks", "hits", "muon_hits", "calo_faces", "calo_cells"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))

"""Photons of known energy at known places: overlay, digits, clusters, links."""

import numpy as np
import pytest
from calorimeter_events import sim_event, tracking

from lamarr.calorimetry.calibration import load_calibration
from lamarr.calorimetry.cells import calo_cells
from lamarr.detailed.calorimeter import reconstruct
from lamarr.detailed.calorimeter.accounting import with_generated
from lamarr.detailed.calorimeter.overlay import overlay
from lamarr.detailed.calorimeter.photons import flat_photons, pointing_particles
from lamarr.detailed.calorimeter.showers import species_of
from lamarr.detailed.records import CALO_FACE


def faces_of(context, pid=22, n=40, **kwargs):
    return flat_photons(n, context.geometry.calorimeter, np.random.default_rng(2), pid=pid, **kwargs)


@pytest.mark.parametrize("pid", [22, 11, -211, 2112, 13, 1000010020])
def test_energy_is_conserved_by_the_overlay(context, library, pid):
    faces = faces_of(context, pid, energies=(50.0, 1e5))
    result = overlay(faces, library, context.geometry.calorimeter, np.random.default_rng(3))
    assert np.all(result.cells["energy"] > 0)
    total = np.bincount(result.cells["face"], result.cells["energy"], minlength=len(faces)) + result.lost
    if pid == 13:
        assert np.all(np.isin(np.round(total / load_calibration().ecal_sampling), np.round(library.kinetic)))
    else:
        np.testing.assert_allclose(total, faces["energy"] * load_calibration().ecal_sampling, rtol=1e-5)


def test_what_misses_the_cells_is_lost(context, library):
    calorimeter = context.geometry.calorimeter
    faces = pointing_particles([0.0, 6000.0], [0.0, 0.0], 1e4, calorimeter)
    result = overlay(faces, library, calorimeter, np.random.default_rng(3))
    assert len(result.cells) == 0
    np.testing.assert_allclose(result.lost, 1e4 * load_calibration().ecal_sampling, rtol=1e-5)


def test_late_particles_and_neutrinos_leave_nothing(context, library):
    calorimeter = context.geometry.calorimeter
    faces = pointing_particles([500.0, 500.0], [500.0, 900.0], 1e4, calorimeter)
    faces["t"][0] += calorimeter.gate + 1
    faces["pid"][1] = 12
    result = overlay(faces, library, calorimeter, np.random.default_rng(3))
    assert len(result.cells) == 0
    assert result.lost.tolist() == [0, 0]


def test_species_stand_for_others():
    assert species_of(np.array([22, -11, 211, 3122, -2112, 14, 1000020040])).tolist() == [
        22, 11, 211, 2112, -2212, 0, 2212,
    ]  # fmt: skip


def test_no_particles_no_tracks(context, with_library):
    result = reconstruct(sim_event(np.zeros(0, CALO_FACE)), tracking(), context)
    for columns in (result.clusters, result.links, result.particles, result.tracks):
        assert {len(v) for v in columns.values()} == {0}
    assert result.n_spd_hits == 0


@pytest.mark.parametrize("region", [0, 1, 2])
@pytest.mark.parametrize("energy", [3e3, 25e3])
def test_a_photon_gives_one_cluster_at_its_place(context, with_library, region, energy):
    photons = flat_photons(
        20, context.geometry.calorimeter, np.random.default_rng(region), region, (energy, 1.001 * energy)
    )
    size = 121.9 / (region + 1)
    for i, photon in enumerate(photons):
        result = reconstruct(sim_event(photons[i : i + 1], i), tracking(), context)
        assert len(result.clusters["x"]) == 1
        plane = context.geometry.calorimeter.ecal.plane / photon["z"]
        assert result.clusters["x"][0] == pytest.approx(photon["x"] * plane, abs=0.25 * size)
        assert result.clusters["y"][0] == pytest.approx(photon["y"] * plane, abs=0.25 * size)
        assert result.clusters["energy"][0] == pytest.approx(energy, rel=0.25)
        assert result.clusters["region"][0] == region
        assert result.clusters["track_id"][0] == -1
        assert result.links["fraction_of_cluster"].tolist() == [1.0]
        assert result.links["fraction_of_particle"].tolist() == [1.0]


def test_two_photons_are_one_cluster_when_close_and_two_when_far(context, with_library):
    calorimeter = context.geometry.calorimeter
    cells = calo_cells(calorimeter).ecal
    start = int(cells.at(1500.0, 900.0))
    counts = []
    for cells_apart in (0.0, 1.0, 2.0, 3.0, 4.0):
        x = cells.x[start] + np.array([0.0, cells_apart * cells.size[start]])
        faces = pointing_particles(x, cells.y[start], 20e3, calorimeter)
        result = reconstruct(sim_event(faces, 7), tracking(), context)
        counts.append(len(result.clusters["x"]))
        total = np.bincount(result.links["cluster_id"], result.links["energy"]).sum()
        assert total == pytest.approx(40e3, rel=0.12)
    assert counts == [1, 1, 2, 2, 2]


def test_links_add_up_to_clusters_and_particles(context, with_library):
    faces = faces_of(context, n=150, energies=(200.0, 5e4))
    faces["track"] = np.arange(1, 151)
    result = reconstruct(sim_event(faces), tracking(), context)
    links = result.links
    np.testing.assert_allclose(np.bincount(links["cluster_id"], links["fraction_of_cluster"]), 1.0)
    by_particle = np.bincount(links["calo_particle_id"], links["fraction_of_particle"], minlength=150)
    seen = np.bincount(links["calo_particle_id"], minlength=150) > 0
    np.testing.assert_allclose(by_particle[seen], 1.0)
    energy = np.bincount(links["calo_particle_id"], links["energy"], minlength=150)
    assert np.all(energy < 1.001 * faces["energy"])
    keys = links["cluster_id"] * 1000 + links["calo_particle_id"]
    assert np.all(np.diff(keys) > 0)


def test_the_result_depends_on_seed_and_event_alone(context, with_library):
    faces = faces_of(context, n=30)
    first, again, other = (reconstruct(sim_event(faces, i), tracking(), context) for i in (4, 4, 5))
    for name, column in first.clusters.items():
        np.testing.assert_array_equal(column, again.clusters[name])
    assert not np.array_equal(first.clusters["energy"], other.clusters["energy"])


def test_the_generated_event_knows_mothers_and_the_signal(context, with_library):
    faces = faces_of(context, n=3)
    columns = reconstruct(sim_event(faces), tracking(), context).particles
    generated = {
        "pid": np.array([22, 111, 22]),
        "mother": np.array([-1, -1, 1]),
        "from_signal": np.array([False, True, True]),
    }
    complete = with_generated(columns, generated)
    assert complete["mother_pid"].tolist() == [0, 0, 111]
    assert complete["from_signal"].tolist() == [False, True, True]

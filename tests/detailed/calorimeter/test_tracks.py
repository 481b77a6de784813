"""What the calorimeters see of tracks, and the likelihood differences made of it."""

import numpy as np
from calorimeter_events import sim_event, tracking

from lamarr.detailed.calorimeter.photons import pointing_particles
from lamarr.detailed.calorimeter.reconstruction import look, reconstruct
from lamarr.detailed.calorimeter.track_likelihoods import P_EDGES, TABLES, interpolate, load_tables
from lamarr.detailed.records import RECO_TRACK, STATE_PLANES


def straight_tracks(faces, context):
    """Tracks along the particles, with states in every plane."""
    tracks = np.zeros(len(faces), RECO_TRACK)
    tracks["type"], tracks["track"] = 3, faces["track"]
    state = tracks["state"]
    for i, plane in enumerate(STATE_PLANES):
        z = context.geometry.calorimeter.ecal.shower_max if plane == "ecal" else 1000.0 * i
        state["z"][:, i] = z
        for k in "xy":
            slope = faces[f"p{k}"] / faces["pz"]
            state[f"t{k}"][:, i] = slope
            state[k][:, i] = slope * z
    p = np.sqrt(faces["px"] ** 2 + faces["py"] ** 2 + faces["pz"] ** 2)
    state["qop"] = (1 / p)[:, None]
    return tracks


def electrons(context, n=12, energy=15e3):
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return pointing_particles(
        1800 * np.cos(angle), 1500 * np.sin(angle), energy, context.geometry.calorimeter, pid=11
    )


def test_a_track_points_to_the_cluster_of_its_particle(context, with_library):
    faces = electrons(context)
    result = tracking(straight_tracks(faces, context))
    view = look(sim_event(faces), result, context).tracks
    columns = reconstruct(sim_event(faces), result, context)
    assert np.all(view.in_ecal & view.in_hcal & view.in_brem)
    assert np.all(view.chi2 < 25)
    np.testing.assert_allclose(view.matched, faces["energy"], rtol=0.2)
    np.testing.assert_allclose(view.ecal, faces["energy"], rtol=0.2)
    best = columns.links["calo_particle_id"][np.argsort(columns.links["cluster_id"])]
    np.testing.assert_array_equal(columns.clusters["track_id"], best)
    assert np.all(view.brem == 0)  # no cluster is left over


def test_a_photon_beside_the_track_is_its_bremsstrahlung(context, with_library):
    faces = electrons(context, 1)
    photon = electrons(context, 4)[1:2]
    photon["pid"], photon["track"] = 22, 2
    tracks = straight_tracks(faces, context)
    for plane in ("beam", "rich1_begin", "rich1_end", "tt"):  # before the magnet it flew along the photon
        state = tracks["state"][:, STATE_PLANES.index(plane)]
        for k in "xy":
            state[f"t{k}"] = photon[f"p{k}"] / photon["pz"]
            state[k] = state[f"t{k}"] * state["z"]
    view = look(sim_event(np.concatenate([faces, photon])), tracking(tracks), context).tracks
    assert view.brem_chi2[0] < 16
    np.testing.assert_allclose(view.brem, photon["energy"], rtol=0.2)
    np.testing.assert_allclose(view.matched, faces["energy"], rtol=0.2)


def test_tracks_outside_and_without_states_have_nothing(context, with_library):
    faces = electrons(context, 2)
    tracks = straight_tracks(faces, context)
    tracks["state"][0] = np.nan  # no state at all
    tracks["state"]["x"][1] = 1e5
    result = reconstruct(sim_event(faces), tracking(tracks), context)
    for name in ("CaloEcalE", "CaloHcalE", "CaloBremE", *TABLES):
        np.testing.assert_array_equal(result.tracks[name], 0.0)
    assert set(result.clusters["track_id"]) == {-1}


def test_interpolation_is_exact_for_what_is_linear():
    rng = np.random.default_rng(1)
    edges = [np.linspace(0, 4, 9), np.linspace(-1, 1, 5), np.array(P_EDGES)]
    centres = [(e[1:] + e[:-1]) / 2 for e in edges]
    grid = np.meshgrid(*centres, indexing="ij")
    table = 2 * grid[0] - grid[1] + 0.5 * grid[2]
    points = [rng.uniform(c[0], c[-1], 200) for c in centres]
    expected = 2 * points[0] - points[1] + 0.5 * points[2]
    np.testing.assert_allclose(interpolate(table, edges, points), expected, rtol=1e-9)
    beyond = interpolate(table, edges, [np.array([-9.0]), np.array([9.0]), np.array([-9.0])])
    np.testing.assert_allclose(beyond, table[0, -1, 0])


def test_tables_tell_leptons_from_hadrons():
    """An electron has E/p near 1 and matches its cluster; a muon leaves little in the calorimeters."""
    tables = load_tables()
    p = np.full(2, np.log(15e3))
    ecal = TABLES["EcalPIDe"]
    edges = [np.array(P_EDGES), *(a.edges for a in ecal.axes)]
    electron, pion = interpolate(tables["EcalPIDe"], edges, [p, np.full(2, 1.0), np.array([1.0, 0.2])])
    assert electron > 1 > -1 > pion
    axis = TABLES["HcalPIDmu"].axes[0]
    ladder = [p, np.log1p(np.array([1500.0, 12e3]))]
    muon, hadron = interpolate(tables["HcalPIDmu"], [np.array(P_EDGES), axis.edges], ladder)
    assert muon > 0.5 > -0.5 > hadron

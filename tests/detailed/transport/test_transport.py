"""What Geant4 leaves: bookkeeping, energy, determinism, and what single particles must do."""

import numpy as np
import pytest

from lamarr.detailed.transport.layers import OT_LAYER, TT_LAYER
from lamarr.detector.geometry import load_geometry
from lamarr.events import CaloOrigin, TransportEnd

G = load_geometry()


def rows(event, hits):
    return event.row_of_track(hits["track"])


def all_events(carried):
    return [event for _, events in carried.values() for event in events]


def test_every_record_belongs_to_a_track_and_every_track_to_a_generated_particle(carried):
    for event in all_events(carried):
        tracks = event.tracks
        for records in (event.hits, event.rich_segments, event.muon_hits, event.calo_faces):
            assert np.all(rows(event, records) >= 0)
        secondary = tracks["parent"] > 0
        parents = event.row_of_track(tracks["parent"][secondary])
        assert np.all(parents >= 0)
        assert np.all(tracks["ancestor"][secondary] == tracks["ancestor"][parents])
        assert np.all((tracks["particle_id"] >= 0) == (tracks["creator"] == CaloOrigin.GENERATED))
        assert np.all(np.diff(tracks["track"]) > 0)


def test_generated_particles_begin_as_they_were_generated(carried):
    batch, events = carried["events"]
    for event in events:
        first = event.tracks[event.tracks["particle_id"] >= 0]
        at = batch.rows_of("particles", np.full(len(first), event.event_id), first["particle_id"])
        for name in ("px", "py", "pz"):
            np.testing.assert_allclose(first[name], batch.particles[name][at], rtol=1e-9, atol=1e-6)
        vertex = batch.rows_of(
            "vertices", np.full(len(first), event.event_id), batch.particles["production_vertex"][at]
        )
        for name in "xyz":
            np.testing.assert_allclose(first[name], batch.vertices[name][vertex], rtol=1e-9, atol=1e-9)


def test_no_particle_has_more_energy_than_its_generated_ancestor_and_none_is_made(carried):
    batch, events = carried["events"]
    for event in events:
        faces = event.calo_faces
        ancestor = event.tracks["ancestor"][rows(event, faces)]
        energy = np.bincount(ancestor, faces["energy"], minlength=1)
        at = batch.rows_of("particles", np.full(len(energy), event.event_id), np.arange(len(energy)))
        # a nucleon may add the mass of an antiparticle that annihilates
        assert np.all(energy <= batch.particles["pe"][at] + 2000)


def test_results_depend_on_the_event_alone(carried):
    for a, b in zip(carried["events"][1], carried["reversed"][1], strict=True):
        for name in ("tracks", "hits", "rich_segments", "muon_hits", "calo_faces"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_ending_at_the_calorimeters_changes_nothing_in_front_of_them_at_first(carried):
    for a, b in zip(carried["events"][1], carried["ecal"][1], strict=True):
        assert not (b.muon_hits["station"] > 0).any()
        assert set(b.tracks["particle_id"]) == set(a.tracks["particle_id"])


def test_muons_cross_the_whole_detector(carried):
    batch, events = carried["muons"]
    layers = [np.unique(e.hits["layer"][e.hits["track"] == 1]) for e in events]
    assert np.mean([np.sum(one < TT_LAYER) >= 6 for one in layers]) > 0.9
    assert np.mean([np.sum(one >= 110) >= 10 for one in layers]) > 0.8
    high = batch.particles["pe"] > 15e3
    stations = [len(np.unique(e.muon_hits["station"][e.muon_hits["track"] == 1])) for e in events]
    assert np.mean(np.array(stations)[high] >= 4) > 0.75
    momenta = np.concatenate([e.hits["p"][e.hits["track"] == 1] / batch.particles["pe"][i]
                              for i, e in enumerate(events)])  # fmt: skip
    assert np.all(momenta < 1.0001)
    assert np.median(momenta) > 0.99


def test_hits_lie_in_the_middle_of_their_layers(carried):
    hits = np.concatenate([event.hits for event in carried["events"][1]])
    outer = hits[hits["layer"] >= OT_LAYER]
    np.testing.assert_allclose(outer["z"], np.array(G.ot.layers)[outer["layer"] - OT_LAYER])
    velo = hits[hits["layer"] < TT_LAYER]
    side = np.where(velo["layer"] // 2 % 2 == 0, 1.0, -1.0)
    assert np.mean(velo["x"] * side > -2 * G.velo.overlap - 0.1) > 0.99
    r = np.hypot(velo["x"], velo["y"])
    assert np.mean((r > G.velo.r_min - 0.5) & (r < G.velo.r_max + 0.5)) > 0.99


def test_the_field_gives_muons_the_kick_that_the_map_has(carried):
    from lamarr.detector import load_detector
    from lamarr.detector.field_map import load_field

    field = load_field(load_detector("lhcb2016-magup"))
    batch, events = carried["muons"]
    z = np.arange(-20.0, 12281.0, 10.0)
    for i, event in enumerate(events):
        face = event.calo_faces[event.calo_faces["track"] == 1]
        hits = event.hits[event.hits["track"] == 1]
        if not len(face) or len(hits) < 20 or batch.particles["pe"][i] < 30e3:
            continue
        x, y = np.interp(z, hits["z"], hits["x"]), np.interp(z, hits["z"], hits["y"])
        order = np.argsort(hits["z"])
        x, y = (np.interp(z, hits["z"][order], hits[c][order]) for c in "xy")
        _, by, bz = field(x, y, z)
        integral = np.trapezoid(by - np.gradient(y, z) * bz, z) * 1e-3
        charge = -np.sign(batch.particles["pid"][i])
        kick = face["px"][0] - batch.particles["px"][i]
        # along z, force is q (v × B)_x = q (vy Bz − vz By); scattering gives some MeV
        assert kick == pytest.approx(-charge * 299.792458 * integral, abs=40.0)


def test_electrons_radiate_and_photons_convert(carried):
    _, electrons = carried["electrons"]
    assert sum((e.tracks["creator"] == CaloOrigin.BREMSSTRAHLUNG).sum() for e in electrons) > 20
    assert all(e.calo_faces["pid"].size for e in electrons)
    _, photons = carried["photons"]
    ends = np.array([e.tracks["end"][0] for e in photons])
    converted = np.mean(ends == TransportEnd.CONVERSION)
    assert 0.1 < converted < 0.7
    for event in photons:
        if event.tracks["end"][0] == TransportEnd.CONVERSION:
            assert -300 < event.tracks["end_z"][0] < G.calorimeter.front
        elif event.tracks["end"][0] == TransportEnd.CALORIMETER:
            assert event.calo_faces["pid"][0] == 22


def test_pions_interact_and_decay(carried):
    ends = [TransportEnd(e.tracks["end"][0]) for e in carried["pions"][1]]
    assert ends.count(TransportEnd.HADRONIC) > 20


def test_a_saturated_track_has_segments_in_both_radiators(carried):
    batch, events = carried["muons"]
    fast = batch.particles["pe"] > 20e3
    found = [{r["radiator"] for r in e.rich_segments if r["track"] == 1} for e in events]
    assert np.mean([f == {1, 2} for f, use in zip(found, fast, strict=True) if use]) > 0.5
    for event in events:
        for s in event.rich_segments:
            rich = G.rich1 if s["radiator"] == 1 else G.rich2
            assert rich.z_begin <= s["z"] < s["end_z"] <= rich.mirror.z + 1e-6

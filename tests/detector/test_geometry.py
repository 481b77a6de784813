"""The detector as built: what its YAML declares hangs together."""

import pytest

from lamarr.detector.geometry import geometry_names, load_geometry
from lamarr.errors import ConfigurationError, UnknownNameError


@pytest.mark.parametrize("name", geometry_names())
def test_sub_detectors_follow_each_other_along_the_beam(name):
    g = load_geometry(name)
    ends = [
        (g.velo.modules[0], g.velo.modules[-1] + g.velo.offset),
        (g.rich1.z_begin, g.rich1.z_end),
        (g.tt.layers[0], g.tt.layers[-1]),
        (g.it.stations[0], g.ot.layers[-1]),
        (g.rich2.z_begin, g.rich2.z_end),
        (g.muon.stations[0].z,) * 2,
        (g.calorimeter.front, g.calorimeter.ecal.z + 66 * 6),
        (g.calorimeter.hcal.z, g.calorimeter.hcal.z + 26 * 46),
        (g.muon.stations[1].z, g.muon.stations[4].z),
    ]
    flat = [z for pair in ends for z in pair]
    assert flat == sorted(flat)
    assert g.world.z_begin < flat[0]
    assert flat[-1] < g.world.z_end


def test_layers_have_angles_and_regions_grow():
    g = load_geometry()
    assert len(g.tt.layers) == len(g.tt.angles)
    assert len(g.ot.layers) == len(g.ot.angles)
    for station, x, y in zip(g.muon.stations, g.muon.foi_x, g.muon.foi_y, strict=True):
        assert [h[0] for h in station.half] == sorted(h[0] for h in station.half)
        assert len(x) == len(y) == 4
    for station, wall in zip(g.muon.stations[1:4], g.muon.filters, strict=True):
        assert station.z < wall.z < wall.z + wall.thickness


def test_wrong_names_and_keys(tmp_path):
    with pytest.raises(UnknownNameError, match="lhcb2016"):
        load_geometry("lhcb2061")
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nveloo: {}\n")
    with pytest.raises(ConfigurationError, match="velo"):
        load_geometry(file)

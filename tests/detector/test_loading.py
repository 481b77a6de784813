"""Detectors as YAML: names, keys and values are checked with near misses."""

from importlib import resources

import pytest

from lamarr.detector import detector_names, load_detector
from lamarr.errors import ConfigurationError, UnknownNameError


@pytest.fixture
def text():
    return resources.files("lamarr.detector").joinpath("data/lhcb2016-magup.yaml").read_text()


def load(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    return load_detector(file)


def test_shipped_detectors_load():
    assert detector_names() == ("lhcb2016-magdown", "lhcb2016-magup")
    for name in detector_names():
        detector = load_detector(name)
        assert detector.name == name
        assert sum(detector.primary_vertex.x.fractions) == pytest.approx(1)


def test_primary_vertex_smearing_has_the_published_rms():
    """Standard deviations computed from the table of 2016 (µm)."""
    for name, expected in [("up", (23.4, 21.9, 128)), ("down", (23.4, 22.7, 136))]:
        vertex = load_detector(f"lhcb2016-mag{name}").primary_vertex
        for axis, rms in zip((vertex.x, vertex.y, vertex.z), expected, strict=True):
            variance = sum(f * s**2 for f, s in zip(axis.fractions, axis.sigmas, strict=True))
            assert 1e3 * variance**0.5 == pytest.approx(rms, rel=5e-3)


def test_unknown_detector_names_near_misses():
    with pytest.raises(UnknownNameError, match=r"lhcb2016-magpu.*near misses: lhcb2016-magup"):
        load_detector("lhcb2016-magpu")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("single_kick:", "single_kik:", "no key is called 'single_kik'; near misses: single_kick"),
        (
            "  sigma_z: 45.0",
            "  sigma_zz: 45.0",
            "no key is called 'beam_spot.sigma_zz'; near misses: sigma_z",
        ),
        ("  sigma_z: 45.0\n", "", "the key 'beam_spot.sigma_z' is missing"),
        ("  sigma_z: 45.0", "  sigma_z: wide", "'beam_spot.sigma_z': .* but got 'wide'"),
        ("  sigma_z: 45.0", "  sigma_z: -1", "'beam_spot.sigma_z': .*greater than 0, but got -1"),
        ("  sigma_z: 45.0", "  sigma_z: .nan", "'beam_spot.sigma_z': .*finite number"),
        ("polarity: up", "polarity: upward", "'polarity': .*'up' or 'down', but got 'upward'"),
        ("f1: 0.39575", "f1: 0.95", "f1 \\+ f2 <= 1 must hold"),
        ("year: 2016", "year: 2016\nyear: 2017", "the key 'year' is given twice"),
        ("year: 2016", "year: [2016", "not valid YAML"),
    ],
)
def test_wrong_yaml_is_answered_with_a_sentence(tmp_path, text, old, new, sentence):
    assert old in text
    with pytest.raises(ConfigurationError, match=sentence) as info:
        load(tmp_path, text.replace(old, new, 1))
    assert "mine.yaml" in str(info.value)
    assert "\n" not in str(info.value)


def test_missing_file_and_wrong_document(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.yaml: cannot be read"):
        load_detector(tmp_path / "absent.yaml")
    with pytest.raises(ConfigurationError, match="a mapping of keys"):
        load(tmp_path, "- 1\n")

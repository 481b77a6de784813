"""The one-line specification of a gun."""

import pytest

from lamarr.errors import ConfigurationError, InputFileError
from lamarr.flash.gun_specification import parse_gun
from lamarr.generation import Fixed, LogUniform, Uniform


def test_particles_alone_leave_the_momentum_to_the_gun():
    assert parse_gun("mu-") == (["mu-"], None)
    assert parse_gun("[K+]cc,pi+ p~-") == (["[K+]cc", "pi+", "p~-"], None)


def test_spectra_are_in_gev_and_plain_numbers():
    _, kinematics = parse_gun("mu- p=log(2,100) eta=2:5 phi=-0.5")
    assert kinematics.p == LogUniform(2e3, 100e3)
    assert kinematics.eta == Uniform(2.0, 5.0)
    assert kinematics.phi == Fixed(-0.5)
    assert parse_gun("mu- pt=1.5")[1].pt == Fixed(1500.0)


def test_a_histogram_is_read_from_a_file(tmp_path):
    file = tmp_path / "pt.csv"
    file.write_text("0,1000,3\n1000,2000,1\n")
    assert parse_gun(f"mu- pt=histogram({file})")[1].pt.contents.tolist() == [3.0, 1.0]
    with pytest.raises(InputFileError, match=r"absent\.csv"):
        parse_gun("mu- pt=histogram(absent.csv)")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("p=2", "a gun needs a particle"),
        ("mu- etta=2:5", "no quantity of a gun is called 'etta'; near misses: eta"),
        ("mu- p=2..5", "a spectrum is a number, LOW:HIGH"),
        ("mu- p=5:2", "low < high must hold"),
        ("mu- p=2 pt=1", "a spectrum of p or one of pt must be given"),
    ],
)
def test_a_wrong_specification_is_answered_with_a_sentence(text, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        parse_gun(text)

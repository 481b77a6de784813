"""The photons that are put on pixels, against full Geant4 optical photons in the same gas."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from lamarr.detailed.rich.radiator import Radiator
from lamarr.detector.geometry import load_geometry

pytestmark = pytest.mark.slow
RADIATOR = Radiator(load_geometry().rich1)
FOCAL_LENGTH = RADIATOR.rich.mirror.radius / 2
EVENTS = 60
PHOTONS_PER_MM_EV = 36.98  # α / (ħc) of Frank and Tamm's formula


def geant4(particle, momentum):
    if find_spec("geant4_pybind") is None:  # not imported here: it would ask for its data
        pytest.skip("needs lamarr[detailed]")
    arguments = [sys.executable, "-m", "tests.detailed.rich.optical", particle, str(momentum), str(EVENTS)]
    out = subprocess.run(arguments, capture_output=True, text=True, check=True)
    line = next(line for line in out.stdout.splitlines() if line.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT "))


@pytest.fixture(scope="module")
def saturated():
    return geant4("mu+", 80)


def sin2(mass, momentum):
    return float(RADIATOR.mean_sin2(np.array([momentum / np.hypot(momentum, mass)]))[0])


def core(radius):
    """Median and 68 % half-width (mm) of the ring without the light of delta electrons."""
    r = np.array(radius)
    r = r[abs(r - np.median(r)) < 8]
    low, high = np.quantile(r, [0.158655, 0.841345])
    return np.median(r), (high - low) / 2


def test_absolute_number_of_photons_obeys_frank_and_tamm(saturated):
    expected = PHOTONS_PER_MM_EV * (6.5 - 2.0) * RADIATOR.length * sin2(0.1056584, 80)
    # delta electrons add some light
    assert saturated["n"] / expected == pytest.approx(1.01, abs=0.03)


def test_yields_of_slower_particles_scale_as_sine_squared(saturated):
    kaon = geant4("kaon+", 14)
    ratio = sin2(0.493677, 14) / sin2(0.1056584, 80)
    assert kaon["n"] / saturated["n"] == pytest.approx(ratio, rel=0.05)


def test_the_ring_lies_where_its_direction_says_and_is_as_wide_as_the_chromatic_error(saturated):
    middle, width = core(saturated["radius"])
    assert middle / FOCAL_LENGTH == pytest.approx(np.tan(RADIATOR.saturated), abs=0.15e-3)
    # a uniform spread has a 68 % half-width of 1.18 standard deviations
    assert width / FOCAL_LENGTH == pytest.approx(1.18 * RADIATOR.rich.chromatic, rel=0.1)


def test_below_threshold_there_is_no_light():
    assert geant4("kaon+", 8)["n"] < 3  # photons of delta electrons: the saturated ring has 400

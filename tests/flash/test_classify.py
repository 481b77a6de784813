"""Fates that need no model."""

import numpy as np
import pytest

from lamarr.errors import InputFileError
from lamarr.events import Fate
from lamarr.flash.stages import Classify
from made_up_events import made_up


def classified(**particle):
    return Classify()(made_up([particle], vertices=2), 0)["particles"]


@pytest.mark.parametrize(
    ("particle", "fate"),
    [
        ({"status": 1}, Fate.UNDECIDED),
        ({"status": 999, "pid": -13}, Fate.UNDECIDED),
        ({"status": 3}, Fate.DOCUMENTATION),
        ({"status": 0}, Fate.DOCUMENTATION),
        ({"status": 4, "pid": 2212}, Fate.DOCUMENTATION),
        ({"status": 998, "pid": 511}, Fate.DOCUMENTATION),
        ({"status": 2, "pid": 21, "end_vertex": 1}, Fate.DOCUMENTATION),
        ({"status": 2, "pid": 2203, "end_vertex": 1}, Fate.DOCUMENTATION),
        ({"status": 1, "pid": -3}, Fate.DOCUMENTATION),
        ({"status": 2, "pid": 113, "end_vertex": 1}, Fate.DECAYED),
        ({"status": 777, "pid": 421, "end_vertex": 1}, Fate.DECAYED),
        ({"status": 888, "pid": 511, "end_vertex": 1}, Fate.DECAYED),
        ({"status": 889, "pid": 511, "end_vertex": 1}, Fate.DECAYED),
        ({"status": 777, "pid": 321, "end_vertex": -1}, Fate.UNDECIDED),
        ({"status": 2, "pid": 211, "end_vertex": -1}, Fate.UNDECIDED),
        ({"status": 1, "pid": 211, "end_vertex": 1}, Fate.UNDECIDED),
        ({"pid": 22}, Fate.NEUTRAL),
        ({"pid": 2112}, Fate.NEUTRAL),
        ({"pid": -14}, Fate.NEUTRAL),
        ({"pid": 3112}, Fate.UNSUPPORTED),
        ({"pid": 3222}, Fate.UNSUPPORTED),
        ({"pid": 3334}, Fate.UNSUPPORTED),
        ({"pid": 1000010020}, Fate.UNSUPPORTED),
        ({"pid": 15}, Fate.UNSUPPORTED),
        ({"pz": -5e3}, Fate.BACKWARD),
        ({"pz": 1.0}, Fate.BACKWARD),
        ({"pz": 1.1}, Fate.UNDECIDED),
    ],
)
def test_fate(particle, fate):
    assert Fate(classified(**particle)["fate"][0]) == fate


@pytest.mark.parametrize("status", range(21, 80))
def test_a_status_is_never_taken_for_a_pdg_id(status):
    """A peer looked the status up in its list of PDG ids: 22-25, 32-37 … would have been kept."""
    assert classified(status=status)["fate"][0] == Fate.DOCUMENTATION


@pytest.mark.parametrize(
    ("pid", "charge"), [(11, -1), (-13, 1), (211, 1), (-2212, -1), (3112, -1), (3222, 1), (3312, -1), (22, 0)]
)
def test_charge(pid, charge):
    assert classified(pid=pid)["charge"][0] == charge


def test_an_unknown_species_that_reaches_the_detector_is_refused():
    with pytest.raises(InputFileError, match="event 0: particle 0 has the PDG id 98765432"):
        classified(pid=98765432)


def test_an_unknown_species_in_the_bookkeeping_is_harmless():
    particles = classified(pid=98765432, status=3)
    assert particles["fate"][0] == Fate.DOCUMENTATION
    assert particles["charge"][0] == 0


def test_every_particle_has_one_fate_and_none_is_flagged_yet():
    particles = Classify()(made_up([{}, {"pid": 22}], [{"status": 3}]), 0)["particles"]
    assert particles["fate"].tolist() == [Fate.UNDECIDED, Fate.NEUTRAL, Fate.DOCUMENTATION]
    assert not np.any(particles["out_of_domain"])

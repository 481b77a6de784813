"""A library of made-up showers in place of Geant4's, and the context of the tests."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="the detailed simulation needs the extra 'detailed'")
sys.path.insert(0, str(Path(__file__).parent))

from calorimeter_events import made_up_library

from lamarr.detailed.context import Context
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry


@pytest.fixture(scope="session")
def library():
    return made_up_library()


@pytest.fixture(scope="session")
def context():
    return Context(geometry=load_geometry(), detector=load_detector("lhcb2016-magup"), seed=5)


@pytest.fixture
def with_library(monkeypatch, library):
    from lamarr.detailed.calorimeter import library as module

    monkeypatch.setattr(module, "cached_library", lambda: library)

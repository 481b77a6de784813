"""The detector as Geant4 has it: no volumes overlap, and the material is what the geometry says."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("geant4_pybind") is None, reason="the transport needs geant4_pybind"),
]

PROGRAM = """
import json
from lamarr.detailed.transport.geant import material
from lamarr.detector.geometry import load_geometry
found, kernel = material.scan(load_geometry(), rays=12)
overlaps = [p.GetName() for p in kernel.detector.build.placed if p.CheckOverlaps(300, 0.0, False)]
print(json.dumps({"overlaps": overlaps, "found": {str(k): v for k, v in found.items()}}))
"""


@pytest.fixture(scope="module")
def seen():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_geant4_finds_no_overlapping_volumes(seen):
    assert seen["overlaps"] == []


def test_material_is_that_of_the_sub_detectors(seen):
    at_3 = seen["found"]["3.0"]
    assert 0.12 < at_3["VELO"][0] < 0.25
    # 66 layers of 2 mm lead and 4 mm polystyrene, 24.2 X0, along a slope of 0.1
    assert at_3["ECAL"][0] == pytest.approx(24.2, rel=0.02)
    assert at_3["iron"][1] == pytest.approx(3 * 80 / 17.0, rel=0.02)
    assert at_3["IT, OT"][0] == pytest.approx(12 * 3.3 / 413.1, rel=0.15)

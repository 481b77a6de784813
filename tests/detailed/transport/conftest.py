"""Events carried once for all tests of the transport, in a process of its own: it can start Geant4 once."""

import pickle
import subprocess
import sys
from importlib.util import find_spec

import pytest

CARRY = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
from lamarr.detailed.context import Context
from lamarr.detailed.transport import Transport
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.flash.sources import open_named, open_gun
context = Context(geometry=load_geometry(), detector=load_detector("lhcb2016-magup"), seed=3)
jobs, path = pickle.load(sys.stdin.buffer), sys.argv[1]
results = []
for name, n, stop, order in jobs:
    batch = next(iter(open_named(name, n, 5).source.batches(n)))
    transport = Transport(context, stop=stop)
    events = {}
    for k in order or range(n):
        events[k] = next(transport(batch.select_events(k, k + 1)))
    results.append((batch, [events[k] for k in range(n)]))
pickle.dump(results, open(path, "wb"))
"""


@pytest.fixture(scope="session")
def carry(tmp_path_factory):
    """Return a function that carries the events of (source, number, stop, order); gives batch and events."""
    if find_spec("geant4_pybind") is None:  # importing it would ask for its data
        pytest.skip("the transport needs geant4_pybind")
    folder = tmp_path_factory.mktemp("transport")

    def run(*jobs):
        path = folder / "events.pickle"
        done = subprocess.run(
            [sys.executable, "-c", CARRY, str(path)], input=pickle.dumps(jobs), capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        return pickle.loads(path.read_bytes())

    return run


@pytest.fixture(scope="session")
def carried(carry):
    """Single particles, and minimum bias: in order, out of order, and with another end."""
    names = ("muons", "electrons", "photons", "pions", "events", "reversed", "ecal")
    jobs = [
        ("mu-,mu+ p=log(5,100) eta=2.2:4.5", 40, "muon", None),
        ("e- p=log(5,100) eta=2.2:4.5", 20, "muon", None),
        ("gamma p=log(1,50) eta=2.2:4.5", 40, "muon", None),
        ("pi+ p=log(5,50) eta=2.2:4.5", 40, "muon", None),
        ("minbias", 4, "muon", None),
        ("minbias", 4, "muon", (3, 1, 0, 2)),
        ("minbias", 4, "ecal", None),
    ]
    return dict(zip(names, carry(*jobs), strict=True))

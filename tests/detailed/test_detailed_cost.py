"""What events cost, by room."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from lamarr.detailed.cost import _Clock, table_of


def test_the_clock_counts_cpu_time_of_each_name():
    clock = _Clock()
    assert clock("sum", sum, range(300_000)) == sum(range(300_000))
    clock("sum", sum, range(300_000))
    clock("nothing", len, ())
    assert clock.spent["sum"] > 10 * clock.spent["nothing"] >= 0


def test_the_table_says_rates_and_the_ratio():
    rooms = dict.fromkeys(("tracking", "rich", "muon", "calorimeter", "identification"), 0.01)
    cost = {"generation": 0.01, "transport": 0.40, "reconstruction": 0.05, **rooms, "long": 20, "memory": 400}
    text = "\n".join(table_of(cost))
    assert "reconstruction over transport: 0.125" in text
    assert "160,000 an hour and core" in text


@pytest.mark.slow
def test_the_command_measures_every_room():
    if find_spec("geant4_pybind") is None or find_spec("pythia8mc") is None:
        pytest.skip("the transport needs geant4_pybind and pythia8mc")
    command = [sys.executable, "-m", "lamarr.detailed.cost", "minbias", "-n", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "identification" in done.stdout
    assert "memory" in done.stdout

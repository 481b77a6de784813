"""A run that is killed goes on where it was: nothing is lost, nothing is done twice."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from lamarr.events import check_keys, read

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("geant4_pybind", "numba")), reason="needs the extra detailed"
    ),
]

GUN, EVENTS = "mu-,pi+ p=log(5,50) eta=2.5:4.5", 400


def detailed(output):
    words = ["detailed", "--gun", GUN, "-n", str(EVENTS), "--seed", "3", "--workers", "2", "-o", str(output)]
    program = "from lamarr.cli import main; main()"
    environment = {**os.environ, "LAMARR_SHOWERS": "small"}
    return subprocess.Popen([sys.executable, "-c", program, *words], env=environment)


def test_a_killed_run_goes_on(tmp_path):
    output = tmp_path / "a.parquet"
    first = detailed(output)
    spool = Path(f"{output}.spool")
    while first.poll() is None and len(list(spool.glob("*.chunk"))) < 5:
        time.sleep(0.02)
    assert first.poll() is None, "the run ended before it could be killed"
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = {chunk.name: chunk.stat().st_mtime_ns for chunk in spool.glob("*.chunk")}
    assert 5 <= len(done) < EVENTS
    assert detailed(output).wait() == 0
    assert not spool.exists()
    other = tmp_path / "b.parquet"
    assert detailed(other).wait() == 0
    interrupted, whole = read(output), read(other)
    check_keys(interrupted)
    assert interrupted == whole

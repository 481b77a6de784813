"""Writing is streaming: memory does not grow with the number of events."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from lamarr.events import EventBatch, Table, open_writer
from tests.made_up_events import made_up
path = sys.argv[1]
batch = made_up(*[[{}] * 5] * 2000)
def moved(by):
    return EventBatch({n: Table(n, {c: t[c] + by if c == "event_id" else t[c] for c in t})
                       for n, t in batch.items()}, batch.sources)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_writer(path) as writer:
    for first in range(0, 200_000, 2000):
        writer.write(moved(first))
        if first == 18_000:
            before = peak()
print((peak() - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["root", "parquet"])
def test_memory_is_flat_in_the_number_of_events(tmp_path, suffix):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / f"out.{suffix}")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 40  # MB from 20,000 to 200,000 events

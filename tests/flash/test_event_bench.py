"""What is measured of whole events, on a small sample."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lamarr.errors import InputFileError
from lamarr.flash import bench

SHARED = Path(os.environ.get("LAMARR_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "hepmc"
FIXTURE = Path(__file__).parents[1] / "generation" / "data" / "pythia_bbbar.hepmc2.gz"


def test_reading_and_simulation_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        bench, "best", lambda calls, _: {name: float(call() is None) + 1 for name, call in calls.items()}
    )
    monkeypatch.setattr(bench, "_peer", lambda _: None)
    lines = list(bench.measure_events([FIXTURE]))
    assert [line.what.split(",")[0] for line in lines] == ["HepMC", "simulate", "simulate"]
    assert all(line.microseconds > 0 for line in lines)
    assert "SQLamarr" not in "".join(line.remark for line in lines)


def test_sqlamarr_reads_and_selects() -> None:
    pytest.importorskip("SQLamarr", reason="the peer of this benchmark")
    events = SHARED / "evt1.mc2"
    if not events.exists():
        pytest.skip("LHCb's events are not here")
    peer = bench._peer([events])
    peer.run()
    assert 0 < peer.load < float("inf")
    assert 0 < peer.select < float("inf")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InputFileError, match=r"no file is called 'none\.mc2'"):
        list(bench.measure_events([Path("none.mc2")]))

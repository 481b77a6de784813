"""Cost of an event: the slope over numbers of events, of whole processes."""

import json
import sys

import pytest
from click.testing import CliRunner

from lamarr.errors import InputFileError, LamarrError, UnknownNameError
from lamarr.validation.cost import Cost, _cost, main, plot, process_cost, read_costs, table
from lamarr.validation.report import Comparison
from lamarr.validation.report.html import render

CHAIN = type("C", (), {"few": 10, "many": 110})()


def test_slope_and_start():
    cost = _cost({10: [1.2, 1.2], 110: [3.2, 5.2]}, CHAIN, 100.0)
    assert cost.per_event == pytest.approx((0.02 + 0.04) / 2)
    assert cost.spread == pytest.approx(0.01)
    assert cost.start == pytest.approx(1.2 - 0.3)


def test_a_process_is_measured_and_its_failure_told():
    cpu, memory = process_cost([sys.executable, "-c", "x = bytearray(80_000_000); sum(range(3_000_000))"])
    assert cpu > 0.02
    assert memory > 80
    with pytest.raises(LamarrError, match="went wrong"):
        process_cost([sys.executable, "-c", "raise SystemExit('went wrong')"])


def made():
    return {
        name: {
            "generation": Cost(per_event=1e-5, spread=1e-6, start=1.0, memory=200.0),
            "simulation": Cost(per_event=seconds, spread=0.1 * seconds, start=2.0, memory=300.0),
        }
        for name, seconds in (("gun + flash", 1e-4), ("Pythia 8 + detailed", 2.0))
    }


def test_table_and_plot_name_every_chain():
    costs = made()
    text = table(costs)
    assert "2.00 s ± 200.00 ms" in text
    assert "63.4 core years" in text
    assert plot(costs).startswith("<svg")


def test_costs_are_read_again_for_the_page(tmp_path):
    path = tmp_path / "cost.json"
    numbers = {n: {p: vars(c) for p, c in phases.items()} for n, phases in made().items()}
    path.write_text(json.dumps({"version": 1, "runs": 3, "costs": numbers}))
    assert read_costs(path) == made()
    page = render(Comparison(costs=made()), {}, [])
    assert "<h2>CPU cost of an event</h2>" in page
    assert "<td>Pythia 8 + detailed</td><td>simulation</td><td>2.00 s ± 200.00 ms</td>" in page
    path.write_text("{}")
    with pytest.raises(InputFileError, match=r"lamarr\.validation\.cost"):
        read_costs(path)


def test_an_unknown_chain_is_answered_with_near_misses():
    with pytest.raises(UnknownNameError, match=r"gun \+ flash"):
        CliRunner().invoke(main, ["--chain", "gun + flahs"], catch_exceptions=False, standalone_mode=False)

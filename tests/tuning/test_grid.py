from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("optuna", reason="the extra `tune` is not installed")

from lamarr.tuning.grid import ExclusiveGrid
from lamarr.tuning.problems import TuningError
from lamarr.tuning.space import parse_space


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_every_point_is_handed_out_exactly_once(sizes):
    space = parse_space({f"p{i}": {"type": "int", "low": 1, "high": n} for i, n in enumerate(sizes)})
    grid = ExclusiveGrid(space, {})
    points = {tuple(grid.point(n).values()) for n in range(grid.n_points)}
    assert len(points) == grid.n_points
    with pytest.raises(TuningError) as error:
        grid.point(grid.n_points)
    assert error.value.kind == "exhausted"


def test_the_axes_of_steps_choices_and_given_points():
    space = parse_space(
        {
            "x": {"type": "float", "low": 0, "high": 1, "step": 0.5},
            "y": {"type": "categorical", "choices": ["a", "b"]},
            "z": {"type": "float", "low": 0, "high": 1},
        }
    )
    grid = ExclusiveGrid(space, {"z": [0.1, 0.9]})
    assert {k: list(v) for k, v in grid.axes.items()} == {
        "x": [0, 0.5, 1.0],
        "y": ["a", "b"],
        "z": [0.1, 0.9],
    }


@pytest.mark.parametrize(
    ("space", "points", "said"),
    [
        ({}, {}, "needs the search space"),
        ({"z": {"type": "float", "low": 0, "high": 1}}, {}, "needs a step"),
        ({"z": {"type": "float", "low": 0, "high": 1}}, {"z": [2.0]}, "outside"),
        ({"z": {"type": "float", "low": 0, "high": 1}}, {"z": [0.5, 0.5]}, "differ"),
        ({"z": {"type": "float", "low": 0, "high": 1}}, {"z": []}, "list"),
        ({"z": {"type": "float", "low": 0, "high": 1, "step": 1e-9}}, {}, "at most"),
        ({"z": {"type": "int", "low": 0, "high": 1}}, {"zz": [0]}, "names"),
        ({"z": {"type": "int", "low": 0, "high": 9}}, {"z": [True]}, "outside"),
        ({f"p{i}": {"type": "int", "low": 0, "high": 99} for i in range(5)}, {}, "at most"),
    ],
)
def test_bad_grids_are_refused(space, points, said):
    with pytest.raises(TuningError, match=said):
        ExclusiveGrid(parse_space(space), points)

"""Cells tile the plane, numbers are bijective, neighbours are mutual."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.calorimetry.cells import calo_cells
from lamarr.detector.geometry import load_geometry

CALORIMETER = load_geometry().calorimeter
CELLS = calo_cells(CALORIMETER)


def test_numbers_of_cells_are_those_of_lhcb():
    assert [int((CELLS.ecal.region == r).sum()) for r in range(3)] == [2688, 1792, 1536]
    assert len(CELLS.ecal) == 6016
    assert len(CELLS.hcal) == 1488


@pytest.mark.parametrize("part", range(4))
def test_the_centre_of_a_cell_is_in_the_cell(part):
    cells = CELLS[part]
    np.testing.assert_array_equal(cells.at(cells.x, cells.y), np.arange(len(cells)))


@pytest.mark.parametrize("part", range(4))
def test_cells_tile_the_plane_but_for_the_hole(part):
    cells = CELLS[part]
    columns, rows = cells.table.shape
    hole = int((cells.table == -1).sum())
    np.testing.assert_allclose((cells.size**2).sum(), (columns * rows - hole) * cells.fine**2)
    squares = np.bincount(cells.table[cells.table >= 0], minlength=len(cells))
    np.testing.assert_allclose(squares * cells.fine**2, cells.size**2)


@given(
    part=st.integers(0, 3),
    x=st.floats(-4500, 4500, allow_nan=False),
    y=st.floats(-4000, 4000, allow_nan=False),
)
def test_a_position_is_inside_of_its_cell(part, x, y):
    cells = CELLS[part]
    cell = int(cells.at(x, y))
    half_x, half_y = (n * cells.fine / 2 for n in cells.table.shape)
    if cell < 0:
        distance = np.maximum(np.abs(x - cells.x), np.abs(y - cells.y)) - cells.size / 2
        assert distance.min() > -1e-6 or abs(x) >= half_x or abs(y) >= half_y
    else:
        assert max(abs(x - cells.x[cell]), abs(y - cells.y[cell])) <= cells.size[cell] / 2 + 1e-6


def test_positions_without_a_cell():
    assert CELLS.ecal.at([0.0, np.nan, 1e9, np.inf], [0.0, 1.0, 0.0, -np.inf]).tolist() == [-1] * 4


@pytest.mark.parametrize("part", [2, 3])
def test_neighbours_touch_and_are_mutual_across_borders_of_regions(part):
    cells = CELLS[part]
    a, place = np.nonzero(cells.neighbours >= 0)
    b = cells.neighbours[a, place]
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    assert all((j, i) in pairs for i, j in pairs)
    gap = np.maximum(np.abs(cells.x[a] - cells.x[b]), np.abs(cells.y[a] - cells.y[b]))
    np.testing.assert_allclose(gap, (cells.size[a] + cells.size[b]) / 2, rtol=0.5)
    assert np.all(gap <= (cells.size[a] + cells.size[b]) / 2 + 1e-6)
    assert (cells.region[a] != cells.region[b]).any()
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    grid = np.stack([cells.at(cells.x + i * cells.size, cells.y + j * cells.size) for i, j in around], 1)
    alike = (grid >= 0).all(axis=1) & (cells.region[grid] == cells.region[:, None]).all(axis=1)
    assert alike.sum() > 0.7 * len(cells)
    np.testing.assert_array_equal(np.sort(cells.neighbours[alike])[:, -8:], np.sort(grid[alike]))
    assert (cells.neighbours[alike] >= 0).sum(axis=1).max() == 8


def test_spd_and_ps_project_onto_the_ecal():
    f = CELLS.prs.z / CELLS.ecal.z
    x, y = CELLS.ecal.x[::7] + 5.0, CELLS.ecal.y[::7] - 7.0
    np.testing.assert_array_equal(CELLS.prs.at(x * f, y * f), CELLS.ecal.at(x, y))

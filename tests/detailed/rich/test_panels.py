"""Pixels: numbers and positions, rings around the direction of their track."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detailed.toy_events import event_of, segments

pytest.importorskip("numba", reason="needs the extra 'detailed'")

from lamarr.detailed.rich.panels import BLOCK, Panels
from lamarr.detailed.rich.photons import hits
from lamarr.detector.geometry import load_geometry

PANELS = {1: Panels(load_geometry().rich1), 2: Panels(load_geometry().rich2)}


@given(st.sampled_from([1, 2]), st.floats(0, 1, exclude_max=True))
def test_a_pixel_is_where_its_number_says(number, share):
    panels = PANELS[number]
    pixel = np.array([int(share * panels.n_pixels)])
    panel, u, v = panels.positions(pixel)
    assert panels.pixels(panel, u, v).tolist() == pixel.tolist()
    half = 0.49 * panels.rich.pixel
    assert panels.pixels(panel, u + half, v - half).tolist() == pixel.tolist()
    assert 0 <= panels.blocks(pixel)[0] < panels.n_blocks


def test_blocks_hold_equal_numbers_of_pixels():
    for panels in PANELS.values():
        counts = np.bincount(panels.blocks(np.arange(panels.n_pixels)))
        assert len(counts) == panels.n_blocks
        assert set(counts.tolist()) == {BLOCK**2}


def test_positions_beside_the_panels_have_no_pixel():
    panels = PANELS[1]
    far = np.array([1e4, -1e4])
    assert panels.pixels(np.array([0, 1]), far, far).tolist() == [-1, -1]


@pytest.mark.parametrize(("number", "eta"), [(1, 2.6), (2, 3.6)])
def test_rings_have_the_published_radius_and_width(number, eta):
    geometry = load_geometry()
    rich = dataclasses.replace(getattr(geometry, f"rich{number}"), noise_hits=0.0)
    panels = PANELS[number]
    radius = []
    for i in range(300):
        one = np.ones(1)
        event, _ = event_of(200e3 * one, eta * one, (0.7 + 0.01 * i) * one, np.array([-13]), np.ones(1, int))
        rows = event.rich_segments[event.rich_segments["radiator"] == number]
        found = hits(rows, rich, np.random.default_rng(i))
        _, u, v = panels.positions(found)
        d = np.stack([u, v, np.full(len(u), panels.focal_length)])
        t = np.array([rows[k][0] for k in ("px", "py", "pz")])
        angle = np.arccos(d.T @ t / np.linalg.norm(d, axis=0) / np.linalg.norm(t))
        radius.append(angle[abs(angle - rich.saturated_angle) < 4 * rich.resolution])
    mean = sum(map(len, radius)) / 300
    angles = np.concatenate(radius)
    low, high = np.quantile(angles, [0.158655, 0.841345])
    assert (low + high) / 2 == pytest.approx(rich.saturated_angle, abs=0.1 * rich.resolution)
    # the tails of the photons widen the published Gaussian core
    assert 0.98 < (high - low) / 2 / rich.resolution < 1.15
    whole = rich.photo_electrons * np.linalg.norm(t) / t[2]  # the way through the gas is longer off the axis
    assert 0.9 * whole < mean < 1.01 * whole


def test_photons_outside_the_mirror_are_lost():
    geometry = load_geometry()
    zero = np.zeros(1)
    rows = segments(zero, zero, zero, zero + 1e5, np.array([211]), geometry, np.array([1]), zero > 1)
    quiet = np.random.default_rng(0)
    inside_the_hole = hits(rows, geometry.rich1, quiet)
    aside = segments(zero + 0.1, zero, zero, zero + 1e5, np.array([211]), geometry, np.array([1]), zero > 1)
    assert len(hits(aside, geometry.rich1, np.random.default_rng(0))) > len(inside_the_hole)

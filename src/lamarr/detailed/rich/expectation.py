"""What each reconstructed track should show in a RICH under every hypothesis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.records import STATE_PLANES
from lamarr.detailed.rich.panels import Panels
from lamarr.detailed.rich.radiator import MASSES, Radiator
from lamarr.detailed.rich.rings import ring_points
from lamarr.detector.geometry.identification import Rich

__all__ = ["Expectation", "expect"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Expectation:
    """Tracks in one gas.

    Attributes
    ----------
    rows : (k,)
        Rows among all tracks.
    direction, mirror : (k, 3), (k, 2)
        Unit vector in the gas, and where the track meets the mirror's plane (mm).
    theta, sigma, yields : (k, 5)
        Angle and its error for one photon (rad), photons of a whole ring, by hypothesis.
    mu : (k, 6)
        Photons on the pixels, by hypothesis; the sixth is no light.
    """

    rows: NDArray[np.int64]
    direction: Floats
    mirror: Floats
    theta: Floats
    sigma: Floats
    yields: Floats
    mu: Floats


def expect(tracks: NDArray[Any], rich: Rich, number: int) -> Expectation:
    """Return the expectations of the tracks that have states at both ends of RICH `number`."""
    begin, end = (tracks["state"][:, STATE_PLANES.index(f"rich{number}_{e}")] for e in ("begin", "end"))
    rows = np.flatnonzero(np.isfinite(begin["tx"]) & np.isfinite(end["tx"]) & (np.abs(begin["qop"]) > 0))
    begin, end = begin[rows], end[rows]
    radiator, panels = Radiator(rich), Panels(rich)
    mirror = np.stack([_at(begin, end, c, rich.mirror.z) for c in "xy"], axis=1)
    way = mirror - np.stack([begin["x"], begin["y"]], axis=1)
    direction = np.column_stack([way, rich.mirror.z - begin["z"]])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    p = 1 / np.abs(begin["qop"])
    sin2 = radiator.mean_sin2(p[:, None] / np.hypot(p[:, None], MASSES))
    theta = np.arcsin(np.sqrt(np.minimum(sin2, 1)))
    yields = radiator.photons(sin2, (radiator.length / direction[:, 2])[:, None])
    yields[yields < 0.01] = 0
    mu = np.zeros((len(rows), 6))
    for h in range(len(MASSES)):
        mu[:, h] = yields[:, h] * _seen(direction, mirror, radiator, panels, theta[:, h])
    rest = rich.resolution**2 - rich.chromatic**2 + _track_error(rich, p)[:, None] ** 2
    sigma = np.sqrt(rest + radiator.chromatic(theta) ** 2)
    return Expectation(rows, direction, mirror, theta, sigma, yields, mu)


def _at(begin: NDArray[Any], end: NDArray[Any], axis: str, z: float) -> Floats:
    """Position (k,) at `z`, by the cubic that has the positions and slopes of both states.

    The field reaches into RICH1 and bends tracks most at its end, so that a mean of slopes would not do.
    """
    h = end["z"] - begin["z"]
    s = (z - begin["z"]) / h
    value = (1 + 2 * s) * (1 - s) ** 2 * begin[axis] + s**2 * (3 - 2 * s) * end[axis]
    slope = s * (1 - s) ** 2 * begin["t" + axis] - s**2 * (1 - s) * end["t" + axis]
    return np.asarray(value + h * slope)


def block_counts(e: Expectation, hypothesis: NDArray[np.int64], radiator: Radiator, panels: Panels) -> Floats:
    """Photons (n_blocks,) that the tracks send to each photon detector under their hypotheses (k,)."""
    lit = np.flatnonzero((hypothesis < 5) & (e.mu[np.arange(len(hypothesis)), hypothesis] > 0))
    h = hypothesis[lit]
    pixel = _ring_pixels(e.direction[lit], e.mirror[lit], radiator, panels, e.theta[lit, h])
    weight = np.broadcast_to((e.yields[lit, h] / max(pixel.shape[1], 1))[:, None], pixel.shape)
    seen = pixel >= 0
    counts = np.bincount(panels.blocks(pixel[seen]), weight[seen], minlength=panels.n_blocks)
    return counts.astype(np.float64)


def _seen(direction: Floats, mirror: Floats, radiator: Radiator, panels: Panels, theta: Floats) -> Floats:
    """Part (k,) of a ring that meets mirror and pixels."""
    return np.asarray((_ring_pixels(direction, mirror, radiator, panels, theta) >= 0).mean(axis=1))


def _ring_pixels(
    direction: Floats, mirror: Floats, radiator: Radiator, panels: Panels, theta: Floats
) -> NDArray[np.int64]:
    """Pixels (k, points) that points on the rings fall on, −1 where they are lost."""
    tx, ty, x, y = ring_points(direction, mirror, radiator.length, np.ascontiguousarray(theta))
    panel = ((x, y)[panels.split] < 0).astype(np.int64)
    pixel = panels.pixels(panel, tx * panels.focal_length, ty * panels.focal_length)
    return np.where(panels.on_mirror(x, y), pixel, -1)


def _track_error(rich: Rich, p: Floats) -> Floats:
    """Error (rad) of the direction of a track of momentum p (MeV) in the gas."""
    constant, scattering = rich.track_error
    return np.hypot(constant, scattering / p * 1e3)

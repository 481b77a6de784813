"""Where photons are detected: the plane of directions that the spherical mirror makes, and its pixels.

A spherical mirror of radius R sends all photons of one direction to one point of its focal surface. Here the
photon detectors lie in that surface: a photon of slopes (tx, ty) arrives at R/2 · (tx, ty), whatever its
emission point, and rings are centred on the directions of their tracks. The mirror is in two halves, which
send their photons to two panels; on a panel the coordinate across the split is counted away from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Rich

__all__ = ["Panels"]

BLOCK = 32
"""Pixels per side of a photon detector (an HPD): the cell in which background is estimated."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Panels:
    """Pixels of the two panels of a RICH; a pixel's number counts panel, across, along."""

    rich: Rich

    @cached_property
    def focal_length(self) -> float:
        """R / 2 in mm."""
        return self.rich.mirror.radius / 2

    @cached_property
    def split(self) -> int:
        """Axis (0 x, 1 y) whose sign at the mirror chooses the panel."""
        return 0 if self.rich.split == "x" else 1

    @cached_property
    def mirror_half(self) -> tuple[float, float]:
        """Half sizes (mm) of the mirror in x and y: the angular acceptance."""
        r = self.rich
        return math.tan(r.horizontal) * r.mirror.z, math.tan(r.vertical) * r.mirror.z

    @cached_property
    def hole(self) -> float:
        """Radius (mm) of the mirror's hole for the beam pipe."""
        return math.tan(self.rich.theta_min) * self.rich.mirror.z

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Pixels (across, along) of a panel, whole photon detectors."""
        r, angles = self.rich, (self.rich.horizontal, self.rich.vertical)
        along = 2 * math.tan(angles[1 - self.split] + r.saturated_angle) * self.focal_length
        across = (math.tan(angles[self.split] + r.saturated_angle) * self.focal_length) - self.across_begin
        block = BLOCK * r.pixel
        return math.ceil(across / block) * BLOCK, math.ceil(along / block) * BLOCK

    @cached_property
    def across_begin(self) -> float:
        """Edge (mm) of the panels across the split: a ring reaches so far beyond it."""
        return -math.tan(self.rich.saturated_angle) * self.focal_length

    @cached_property
    def along_begin(self) -> float:
        """Edge (mm) of the panels along the split."""
        return -self.shape[1] * self.rich.pixel / 2

    @property
    def n_pixels(self) -> int:
        """Number of pixels of both panels."""
        return 2 * self.shape[0] * self.shape[1]

    @property
    def n_blocks(self) -> int:
        """Number of photon detectors of both panels."""
        return self.n_pixels // BLOCK**2

    def pixels(self, panel: NDArray[Any], u: Floats, v: Floats) -> NDArray[np.int64]:
        """Numbers of the pixels at focal coordinates (u, v) in mm on `panel` (0: positive side), or −1."""
        sign = 1 - 2 * panel
        across, along = (u, v) if self.split == 0 else (v, u)
        i = np.floor((sign * across - self.across_begin) / self.rich.pixel).astype(np.int64)
        j = np.floor((along - self.along_begin) / self.rich.pixel).astype(np.int64)
        inside = (i >= 0) & (i < self.shape[0]) & (j >= 0) & (j < self.shape[1])
        return np.asarray(np.where(inside, (panel * self.shape[0] + i) * self.shape[1] + j, -1))

    def positions(self, pixel: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Panel and focal coordinates (mm) of the centres of pixels."""
        panel, rest = np.divmod(pixel, self.shape[0] * self.shape[1])
        i, j = np.divmod(rest, self.shape[1])
        across = (1 - 2 * panel) * (self.across_begin + (i + 0.5) * self.rich.pixel)
        along = self.along_begin + (j + 0.5) * self.rich.pixel
        u, v = (across, along) if self.split == 0 else (along, across)
        return panel, u, v

    def blocks(self, pixel: NDArray[np.int64]) -> NDArray[np.int64]:
        """Photon detectors that pixels belong to."""
        panel, rest = np.divmod(pixel, self.shape[0] * self.shape[1])
        i, j = np.divmod(rest, self.shape[1])
        rows, columns = self.shape[0] // BLOCK, self.shape[1] // BLOCK
        return np.asarray((panel * rows + i // BLOCK) * columns + j // BLOCK)

    def on_mirror(self, x: Floats, y: Floats) -> NDArray[np.bool_]:
        """Whether positions (mm) at the mirror's z meet it."""
        half_x, half_y = self.mirror_half
        return np.asarray((np.abs(x) < half_x) & (np.abs(y) < half_y) & (np.hypot(x, y) > self.hole))

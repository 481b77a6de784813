"""Cherenkov light in a gas: threshold, angle and yield, with the spread of the refractive index.

The index of a detected photon is n₀ + δn with δn Gaussian, cut at ±2.5 σ: the dispersion of the gas over the
quantum efficiency of the photon detectors. Its width follows from the published chromatic error σ_c of a
saturated track: tan θ dθ = dn / n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Rich

__all__ = ["MASSES", "Radiator"]

MASSES = np.array([0.51099895, 105.6583755, 139.57039, 493.677, 938.27208816])
"""Masses (MeV) of the hypotheses e, μ, π, K, p."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Radiator:
    """What one of the two gases does."""

    rich: Rich

    @cached_property
    def length(self) -> float:
        """Way (mm) along the axis from the entry window to the mirror: the published yield belongs to it."""
        return self.rich.mirror.z - self.rich.z_begin

    @cached_property
    def index_spread(self) -> float:
        """Standard deviation of the refractive index over detected photons."""
        return self.rich.index * math.tan(self.saturated) * self.rich.chromatic

    @cached_property
    def saturated(self) -> float:
        """Angle (rad) at β = 1: arccos(1 / n)."""
        return math.acos(1 / self.rich.index)

    def threshold(self, mass: float) -> float:
        """Momentum (MeV) from which a particle of `mass` (MeV) radiates: m / √(n² − 1)."""
        return mass / math.sqrt(self.rich.index**2 - 1)

    def sin2(self, beta: Floats, index: Floats | float | None = None) -> Floats:
        """sin²θ = 1 − 1 / (nβ)², negative below threshold."""
        n = self.rich.index if index is None else index
        return np.asarray(1 - 1 / (n * np.maximum(beta, 1e-6)) ** 2)

    def photons(self, sin2: Floats, length: Any) -> Floats:
        """Mean number of detected photons for sin²θ and a way of `length` mm (Frank and Tamm: ∝ sin²θ)."""
        full = self.rich.photo_electrons / (math.sin(self.saturated) ** 2 * self.length)
        return np.asarray(full * length * np.maximum(sin2, 0))

    def mean_sin2(self, beta: Floats) -> Floats:
        """Mean of max(sin²θ, 0) over the spread of the index: smooth at threshold.

        For Gaussian s with mean m and width w it is m Φ(m/w) + w φ(m/w).
        """
        mean = self.sin2(beta)
        width = 2 * self.index_spread / self.rich.index * (1 - mean)
        x = np.clip(mean / width, -30, 30)
        normal = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
        return np.maximum(mean * _normal_integral(x) + width * normal, 0)

    def index_of(self, normal: Floats) -> Floats:
        """Refractive indices for N(0, 1) numbers."""
        return self.rich.index + self.index_spread * np.clip(normal, -2.5, 2.5)

    def chromatic(self, theta: Floats) -> Floats:
        """Error (rad) of the angle from the spread of the index; at most θ."""
        return np.minimum(self.index_spread / (self.rich.index * np.tan(np.maximum(theta, 1e-4))), theta)

    @cached_property
    def isotropic(self) -> float:
        """Error (rad) of a photon in each direction that the known parts leave of the published one."""
        r = self.rich
        pixel = r.pixel / math.sqrt(12) / (r.mirror.radius / 2)
        rest = r.resolution**2 - r.chromatic**2 - r.emission_point**2 - pixel**2
        return math.sqrt(max(rest, 0.0))


def _normal_integral(x: Floats) -> Floats:
    """Φ(x), the standard normal distribution function."""
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x.ravel()]).reshape(x.shape)

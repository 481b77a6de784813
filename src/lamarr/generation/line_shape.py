"""Masses of resonances: a relativistic Breit–Wigner of constant width, cut to what the decay allows.

The density in m² is 1 / ((m² − M²)² + M² Γ²) between the limits, which are mass ± 15 widths, the sum of the
smallest masses of its own daughters, and what its mother leaves to it. No barrier or phase-space factor
multiplies it. Particles narrower than 1 keV have their nominal mass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lamarr.generation.descriptor import Node
from lamarr.generation.phase_space import first_accepted
from lamarr.generation.species import NARROW
from lamarr.random import Stream

__all__ = ["breit_wigner", "daughter_masses", "head_mass"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


def breit_wigner(u: Array, mass: float, width: float, low: Array | float, high: Array | float) -> Array:
    """Quantile `u` in (0, 1) of the truncated Breit–Wigner, by inversion: m² = M² + M Γ tan θ, θ uniform."""
    scale = mass * width
    first, last = (np.arctan((np.square(edge) - mass * mass) / scale) for edge in (low, high))
    squared = mass * mass + scale * np.tan(first + u * (last - first))
    masses: Array = np.clip(np.sqrt(np.maximum(squared, 0.0)), low, high)
    return masses


def head_mass(seed: int, event: Integers, node: Node) -> Array:
    """Masses (rows,) in MeV of the head of a decay."""
    low, high = node.mass_range
    if node.species.width < NARROW:
        return np.full(len(event), node.species.mass)
    u = Stream(seed, "generation.head_mass").uniform64(event, 0)[:, 0]
    return breit_wigner(np.ascontiguousarray(u), node.species.mass, node.species.width, low, high)


def daughter_masses(seed: int, stage: str, event: Integers, mother: Array, node: Node) -> Array:
    """Masses (n, rows) in MeV of the daughters of `node`, whose own masses are `mother` (rows,)."""
    ranges = [d.mass_range for d in node.daughters]
    wide = [k for k, d in enumerate(node.daughters) if d.species.width >= NARROW]
    fixed = np.array([[d.species.mass] for d in node.daughters]) * np.ones((1, len(event)))
    if not wide:
        return fixed
    lowest = sum(low for low, _ in ranges)
    stream = Stream(seed, f"{stage}.resonances")

    def attempt(rows: Integers, numbers: Integers) -> tuple[Array, NDArray[np.bool_]]:
        u = stream.uniform64(event[rows], numbers, len(wide)).T
        masses = fixed[:, rows]
        for k, quantile in zip(wide, u, strict=True):
            low, high = ranges[k]
            limit = np.minimum(high, mother[rows] - (lowest - low))
            of = node.daughters[k].species
            masses[k] = breit_wigner(np.ascontiguousarray(quantile), of.mass, of.width, low, limit)
        return masses.T, masses.sum(axis=0) < mother[rows]

    return np.ascontiguousarray(first_accepted(event, (len(ranges),), attempt).T)

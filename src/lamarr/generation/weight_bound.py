"""The largest weight in Raubold and Lynch's method, which decides how many attempts an event takes.

The usual bound gives every break-up all of the kinetic energy at once: for six massless particles it accepts
one attempt in 2000. The true maximum over the intermediate masses accepts one in five. The logarithm of the
weight is concave in them, so that Newton's method finds it.

The weight grows with the kinetic energy and with every mass at given intermediate kinetic energies. The
maximum is therefore computed for masses and energies rounded up to a grid: few different ones per batch, and
what an event gets does not depend on its company.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["breakup_momentum", "weight_bound"]

Array = NDArray[np.float64]
_ITERATIONS = 20
_MARGIN = 1.0 + 1e-6
_ENERGY_STEPS = 128
_MASS_STEPS = 64


def breakup_momentum(mass: Array, a: Array, b: Array) -> Array:
    """Momentum of two daughters of masses `a` and `b` in the frame of their mother; 0 below threshold."""
    product = (mass - a - b) * (mass + a + b) * (mass - a + b) * (mass + a - b)
    momentum: Array = np.sqrt(np.maximum(product, 0.0)) / (2.0 * mass)
    return momentum


def weight_bound(excess: Array, masses: Array) -> Array:
    """Return an upper limit (rows,) of the product of the break-up momenta.

    Parameters
    ----------
    excess : array (rows,)
        Kinetic energies: mass of the mother minus the masses of the daughters, positive, in MeV.
    masses : array (n, rows)
        Masses of the n >= 3 daughters in MeV.
    """
    grid = np.vstack([_rounded_up(excess, _ENERGY_STEPS)[None], _rounded_up(masses, _MASS_STEPS)])
    cells, cell = np.unique(grid, axis=1, return_inverse=True)
    found = np.frombuffer(_maxima(cells.tobytes(), len(cells)))
    limit: Array = (found * _MARGIN)[cell.ravel()]
    return limit


def _rounded_up(x: Array, steps: int) -> Array:
    mantissa, exponent = np.frexp(x)
    rounded: Array = np.ldexp(np.ceil(mantissa * steps) / steps, exponent)
    return rounded


@lru_cache(maxsize=1024)
def _maxima(cells: bytes, rows: int) -> bytes:
    """Maxima for the cells (1 + n, cells) of kinetic energies and masses, remembered for small batches."""
    table = np.frombuffer(cells).reshape(rows, -1)
    return _maximum(table[0], table[1:], np.cumsum(table[1:], axis=0)).tobytes()


def _maximum(kinetic: Array, masses: Array, least: Array) -> Array:
    """Maximum over the intermediate masses; the crude bound where Newton's method did not converge."""
    n, cells = masses.shape
    t: Array = np.arange(1, n - 1, dtype=np.float64)[:, None] / (n - 1) * kinetic
    for _ in range(_ITERATIONS):
        gradient, hessian = _derivatives(_systems(t, kinetic, least), masses)
        step = np.linalg.solve(hessian, -gradient.T[..., None])[..., 0].T.astype(np.float64)
        t = t + step * _longest(t, step, kinetic)
    gradient, _ = _derivatives(_systems(t, kinetic, least), masses)
    converged = np.abs(gradient * kinetic).max(axis=0) < 1e-6
    system = _systems(t, kinetic, least)
    best, crude = np.ones(cells), np.ones(cells)
    for k in range(1, n):
        best *= breakup_momentum(system[k], system[k - 1], masses[k])
        crude *= breakup_momentum(kinetic + least[k], least[k - 1], masses[k])
    return np.where(converged, best, crude)


def _systems(t: Array, kinetic: Array, least: Array) -> Array:
    """Masses (n, cells) of the first 1, 2, … n daughters at the kinetic energies 0, t, kinetic."""
    masses: Array = least + np.concatenate([np.zeros((1, len(kinetic))), t, kinetic[None]])
    return masses


def _longest(t: Array, step: Array, kinetic: Array) -> Array:
    """Largest factor (cells,) up to 1 that keeps 0 < t₂ < … < kinetic, with a distance."""
    edges = np.concatenate([np.zeros((1, len(kinetic))), t, kinetic[None]])
    change = np.concatenate([np.zeros((1, len(kinetic))), step, np.zeros((1, len(kinetic)))])
    gap, closing = np.diff(edges, axis=0), -np.diff(change, axis=0)
    room = np.where(closing > 0, 0.9 * gap / np.where(closing > 0, closing, 1.0), 1.0)
    factor: Array = np.minimum(room.min(axis=0), 1.0)
    return factor


def _derivatives(system: Array, masses: Array) -> tuple[Array, Array]:
    """Gradient (n − 2, cells) and Hessian (cells, n − 2, n − 2) of the log weight in the inner masses."""
    inner = len(masses) - 2
    gradient = np.zeros((inner, masses.shape[1]))
    hessian = np.zeros((masses.shape[1], inner, inner))
    for k in range(1, len(masses)):
        a, m, mother = system[k - 1], masses[k], system[k]
        terms = np.stack([mother - a - m, mother + a + m, mother - a + m, mother + a - m])
        one, two = 0.5 / terms, 0.5 / terms**2
        upper, lower = k - 1, k - 2  # positions of the masses of the mother and of the system among the inner
        if upper < inner:
            gradient[upper] += one.sum(axis=0) - 1.0 / mother
            hessian[:, upper, upper] += 1.0 / mother**2 - two.sum(axis=0)
        if lower >= 0:
            gradient[lower] += -one[0] + one[1] - one[2] + one[3]
            hessian[:, lower, lower] -= two.sum(axis=0)
        if upper < inner and lower >= 0:
            mixed = two[0] - two[1] + two[2] - two[3]
            hessian[:, upper, lower] += mixed
            hessian[:, lower, upper] += mixed
    return gradient, hessian

"""Exact n-body phase space, unweighted and vectorised.

Raubold and Lynch: the invariant masses of the first 2, 3, … n − 1 particles are drawn uniformly (and
sorted), an event weighs the product of the momenta of the successive two-body decays, and is accepted
with the probability weight / bound. Attempt `a` of an event takes its random numbers at the counter
(event, a): what an event becomes does not depend on the others.

References
----------
F. James, Monte Carlo phase space (1968), CERN 68-15
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import DecayError
from lamarr.generation.weight_bound import breakup_momentum, weight_bound
from lamarr.random import Stream

__all__ = ["boost", "first_accepted", "phase_space"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
_MOST_ATTEMPTS = 10_000_000


def boost(p4: Array, frame: Array, mass: Array) -> Array:
    """Four-momenta (4, …) as (E, px, py, pz), boosted from the rest frame of `frame` (4, …) of mass `mass`.

    Written with E + m in the denominator, which is stable for frames at rest and for fast ones.
    """
    along = p4[1] * frame[1] + p4[2] * frame[2] + p4[3] * frame[3]
    factor = (along / (frame[0] + mass) + p4[0]) / mass
    energy = (p4[0] * frame[0] + along) / mass
    return np.stack([energy, *(p4[k] + factor * frame[k] for k in (1, 2, 3))])


def phase_space(seed: int, stage: str, event: Integers, mass: Array, masses: Array) -> Array:
    """Momenta of the daughters in the rest frame of their mother, uniform in phase space.

    Parameters
    ----------
    seed : int
        Of the run.
    stage : str
        Name under which random numbers are drawn; one per decaying particle of an event.
    event : array (rows,)
        Numbers of the events.
    mass : array (rows,)
        Masses of the mothers in MeV.
    masses : array (n, rows)
        Masses of the n >= 2 daughters in MeV.

    Returns
    -------
    array (4, n, rows)
        E, px, py, pz in MeV.

    Raises
    ------
    DecayError
        If a mother is lighter than its daughters together.
    """
    excess = mass - masses.sum(axis=0)
    if not np.all(excess > 0):
        bad = int(np.flatnonzero(~(excess > 0))[0])
        raise DecayError(
            f"a mother must be heavier than its daughters, but got {mass[bad]} MeV -> {masses[:, bad]} MeV"
        )
    subsystems = _subsystem_masses(seed, stage, event, mass, masses)
    n = len(masses)
    turns = Stream(seed, f"{stage}.directions").uniform64(event, 0, 2 * (n - 1)).T
    out = np.empty((4, n, len(event)))
    for k in range(1, n):
        momentum = breakup_momentum(subsystems[k], subsystems[k - 1], masses[k])
        vector = momentum * _direction(turns[2 * k - 2], turns[2 * k - 1])
        system = np.concatenate([_energy(momentum, subsystems[k - 1])[None], vector])
        # The first daughter alone needs no boost, which would fail for a massless one.
        out[:, :k] = boost(out[:, :k], system[:, None], subsystems[k - 1]) if k > 1 else system[:, None]
        out[0, k], out[1:, k] = _energy(momentum, masses[k]), -vector
    return out


def first_accepted(
    event: Integers,
    shape: tuple[int, ...],
    attempt: Callable[[Integers, Integers], tuple[Array, NDArray[np.bool_]]],
) -> Array:
    """Accept–reject by event: the result of its first accepted attempt.

    Parameters
    ----------
    event : array (rows,)
        Numbers of the events.
    shape : tuple
        Shape of the result of one event.
    attempt : callable
        (positions in `event`, numbers of the attempts), both (m,), to results (m, *shape) and accepted (m,).

    Returns
    -------
    array (rows, *shape)
    """
    out = np.empty((len(event), *shape))
    left: Integers = np.arange(len(event))
    done = 0
    while left.size:
        if done > _MOST_ATTEMPTS:
            raise DecayError(
                f"no configuration was accepted in {done} attempts; is the decay at its threshold?"
            )
        # Few rows: several attempts at once. The first accepted one is taken, so this changes nothing.
        at_once = int(min(max(1, 4096 // left.size), 256)) if done else 1
        rows = np.repeat(left, at_once)
        numbers = np.tile(np.arange(done, done + at_once), left.size)
        values, accepted = attempt(rows, numbers)
        table = accepted.reshape(left.size, at_once)
        found = table.any(axis=1)
        chosen = np.arange(left.size) * at_once + table.argmax(axis=1)
        out[left[found]] = values[chosen[found]]
        left, done = left[~found], done + at_once
    return out


def _subsystem_masses(seed: int, stage: str, event: Integers, mass: Array, masses: Array) -> Array:
    """Invariant masses (n, rows) of the first 1, 2, … n daughters."""
    n = len(masses)
    least = np.cumsum(masses, axis=0)
    if n == 2:
        return np.stack([masses[0], mass])
    stream = Stream(seed, f"{stage}.masses")
    excess = mass - least[-1]
    bound = weight_bound(excess, masses)

    def attempt(rows: Integers, numbers: Integers) -> tuple[Array, NDArray[np.bool_]]:
        u = stream.uniform64(event[rows], numbers, n - 1)
        inner = np.ascontiguousarray(np.sort(u[:, : n - 2], axis=1).T) * excess[rows] + least[1:-1, rows]
        system = np.concatenate([masses[:1, rows], inner, mass[None, rows]])
        weight = np.ones(len(rows))
        for k in range(1, n):
            weight *= breakup_momentum(system[k], system[k - 1], masses[k, rows])
        return inner.T, u[:, n - 2] * bound[rows] < weight

    inner = first_accepted(event, (n - 2,), attempt)
    return np.concatenate([masses[:1], np.ascontiguousarray(inner.T), mass[None]])


def _direction(u: Array, v: Array) -> NDArray[Any]:
    """Isotropic unit vectors (3, rows)."""
    cosine = 2.0 * u - 1.0
    sine = np.sqrt(1.0 - cosine * cosine)
    phi = 2.0 * np.pi * v
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine])


def _energy(momentum: Array, mass: Array) -> Array:
    return np.sqrt(momentum * momentum + mass * mass)

"""LHCb's generator-level cut "daughters in LHCb": a signal that flies into the spectrometer as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.generation.decay import DecayedTree, Topology

__all__ = ["CHARGED", "NEUTRAL", "first_in_acceptance", "in_acceptance"]

Integers = NDArray[np.int64]

CHARGED: Final = (0.010, 0.400)
"""Polar angles (rad) from the beam axis between which charged daughters are in the acceptance."""

NEUTRAL: Final = (0.005, 0.400)
"""The same of photons and other neutral daughters."""

_NEUTRINOS = (12, 14, 16)
_FAR = (310, 3122)  # K0S and Λ: what they decay to is not asked for


def in_acceptance(tree: DecayedTree, topology: Topology) -> NDArray[np.bool_]:
    """Whether all daughters (of rows decays) that are stable are in the acceptance; neutrinos do not count.

    As Gauss's cut ``DaughtersInLHCb``: daughters of K0S and Λ are not asked for.
    """
    inside = np.ones(tree.mass.shape[1], np.bool_)
    for k, (low, high) in _limits(topology):
        px, py, pz = tree.p4[1:, k]
        angle = np.arctan2(np.hypot(px, py), pz)
        inside &= (angle > low) & (angle < high)
    return inside


def _limits(topology: Topology) -> list[tuple[int, tuple[float, float]]]:
    """Numbers of the particles that count, each with its angles."""
    far = np.zeros(len(topology.nodes), np.bool_)
    found = []
    for k, (node, mother) in enumerate(zip(topology.nodes, topology.mother.tolist(), strict=True)):
        above = mother >= 0 and (far[mother] or abs(topology.nodes[mother].pid) in _FAR)
        far[k] = above
        if not (node.daughters or above or abs(node.pid) in _NEUTRINOS):
            found.append((k, CHARGED if node.species.charge else NEUTRAL))
    return found


def first_in_acceptance(
    topology: Topology, rows: int, draw: Callable[[Integers, int], DecayedTree], most: int
) -> tuple[DecayedTree, Integers]:
    """Draw until all daughters are in the acceptance.

    Parameters
    ----------
    topology : Topology
        Of the decay.
    rows : int
        Number of decays wanted.
    draw : callable
        Positions (m,) in the rows and the number of the attempt, from 0, to decays (m rows).
    most : int
        Attempts.

    Returns
    -------
    DecayedTree
        Of each row the first decay that passes; of a row without one, the last.
    array (rows,)
        Decays drawn for it; 0 where none passed.
    """
    left = np.arange(rows)
    drawn = draw(left, 0)
    p4, mass, vertices = drawn.p4.copy(), drawn.mass.copy(), drawn.vertices.copy()
    attempts = np.zeros(rows, np.int64)
    for number in range(most):
        if number:
            drawn = draw(left, number)
            p4[:, :, left], mass[:, left], vertices[:, :, left] = drawn.p4, drawn.mass, drawn.vertices
        passed = in_acceptance(drawn, topology)
        attempts[left[passed]] = number + 1
        left = left[~passed]
        if not left.size:
            break
    return DecayedTree(p4=p4, mass=mass, vertices=vertices), attempts

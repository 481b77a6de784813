"""Decays in numbers: a tree of species and the momentum of its head to momenta and vertices of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lamarr.generation.descriptor import Decay, Node
from lamarr.generation.line_shape import daughter_masses
from lamarr.generation.phase_space import boost, phase_space
from lamarr.random import Stream
from lamarr.units import c_light

__all__ = ["DecayedTree", "Topology", "decay_tree", "is_conjugate"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Topology:
    """What all events of a decay share. Particles are numbered level by level, the head is 0.

    ``mother`` (n,) is −1 for the head; ``decay_of`` (n,) numbers the decay vertices from 0 in the order of
    the particles that decay, −1 for those that do not.
    """

    nodes: tuple[Node, ...]
    mother: Integers
    decay_of: Integers

    @classmethod
    def of(cls, head: Node) -> Topology:
        """Return the topology of the decay of `head`."""
        nodes, mother, first = [head], [-1], 0
        while first < len(nodes):
            nodes += nodes[first].daughters
            mother += [first] * len(nodes[first].daughters)
            first += 1
        decays = np.array([bool(n.daughters) for n in nodes])
        numbers = np.where(decays, np.cumsum(decays) - 1, -1)
        return cls(nodes=tuple(nodes), mother=np.array(mother), decay_of=numbers)

    @property
    def daughters(self) -> tuple[Integers, ...]:
        """Numbers of the daughters of every particle."""
        return tuple(np.flatnonzero(self.mother == k) for k in range(len(self.nodes)))

    @property
    def n_decays(self) -> int:
        """Number of decay vertices."""
        return int(self.decay_of.max()) + 1


@dataclass(frozen=True, kw_only=True)
class DecayedTree:
    """Decays of many heads.

    ``p4`` (4, n, rows) holds E, px, py, pz in MeV, ``mass`` (n, rows) the masses, ``vertices``
    (4, n_decays, rows) t in ns and x, y, z in mm of the points of decay.
    """

    p4: Array
    mass: Array
    vertices: Array


def decay_tree(
    seed: int,
    event: Integers,
    topology: Topology,
    p4: Array,
    mass: Array,
    origin: Array,
    stage: str = "generation",
) -> DecayedTree:
    """Let all heads decay: masses of resonances, phase space, lifetimes.

    Parameters
    ----------
    seed : int
        Of the run.
    event : array (rows,)
        Numbers of the events: each gets its own random numbers.
    topology : Topology
        Of the decay.
    p4, mass : array (4, rows), (rows,)
        E, px, py, pz and mass of the heads in MeV.
    origin : array (4, rows)
        t in ns, x, y, z in mm where the heads are produced.
    stage : str
        Prefix of the names under which random numbers are drawn.
    """
    n, rows = len(topology.nodes), len(event)
    momenta, masses = np.empty((4, n, rows)), np.empty((n, rows))
    vertices = np.empty((4, topology.n_decays, rows))
    momenta[:, 0], masses[0] = p4, mass
    for k, daughters in enumerate(topology.daughters):
        node = topology.nodes[k]
        if not len(daughters):
            continue
        name = f"{stage}.decay{k}"
        masses[daughters] = daughter_masses(seed, name, event, masses[k], node)
        inside = phase_space(seed, name, event, masses[k], masses[daughters])
        momenta[:, daughters] = boost(inside, momenta[:, k, None], masses[k])
        begin = origin if k == 0 else vertices[:, topology.decay_of[topology.mother[k]]]
        life = _proper_time(seed, stage, event, k, node)
        vertices[:, topology.decay_of[k]] = begin + _flight(life, momenta[:, k], masses[k])
    return DecayedTree(p4=momenta, mass=masses, vertices=vertices)


def is_conjugate(seed: int, event: Integers, decay: Decay) -> NDArray[np.bool_]:
    """Whether an event holds the charge conjugate: with probability 1/2 for ``[...]cc``, else never."""
    if not decay.both:
        return np.zeros(len(event), np.bool_)
    return Stream(seed, "generation.conjugate").bits(event, 0, 1)[:, 0] >= 2**31


def _proper_time(seed: int, stage: str, event: Integers, number: int, node: Node) -> Array:
    """Exponential proper times in ns; 0 where the lifetime is unknown (all of those decay strongly)."""
    mean = node.species.lifetime
    if not np.isfinite(mean):
        return np.zeros(len(event))
    u = Stream(seed, f"{stage}.lifetime").uniform64(event, number)
    return -mean * np.log(np.ascontiguousarray(u[:, 0]))


def _flight(proper_time: Array, p4: Array, mass: Array) -> Array:
    """Displacement in (t, x, y, z): proper time times four-velocity."""
    scaled = proper_time / mass
    return np.concatenate([(scaled * p4[0])[None], scaled * c_light * p4[1:]])

"""Forced decays in Pythia's events: a hadron is found, its decay is replaced by that of a descriptor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.generation.decay import DecayedTree, Topology, decay_tree
from lamarr.generation.descriptor import Decay
from lamarr.generation.record import CollisionRecord, descends_from
from lamarr.generation.signal_cut import in_acceptance
from lamarr.generation.species import conjugate
from lamarr.random import Stream

__all__ = ["ForcedDecay", "candidates"]

Array = NDArray[Any]
DECAYED, SIGNAL, STABLE = 777, 889, 999


def candidates(raw: dict[str, Any], decay: Decay, eta: tuple[float, float] | None) -> Array:
    """Rows of Pythia's record that can be the signal: the head where it is first produced, in acceptance."""
    pid = raw["id"]
    heads = [decay.head.pid] + [conjugate(decay.head.pid)] * decay.both
    found = np.isin(pid, heads)
    # A neutral meson that oscillates appears twice; its mother is then the same particle or its conjugate.
    found &= np.abs(pid[raw["mother1"]]) != np.abs(pid)
    if eta is not None:
        p4 = raw["p4"]
        pt = np.maximum(np.hypot(p4[1], p4[2]), 1e-12)
        pseudorapidity = np.arcsinh(p4[3] / pt)
        found &= (pseudorapidity > eta[0]) & (pseudorapidity < eta[1])
    return np.flatnonzero(found)


@dataclass(frozen=True)
class ForcedDecay:
    """Replaces the decay of a particle; with `cut`, only if all daughters are in the acceptance."""

    decay: Decay
    topology: Topology
    seed: int
    cut: bool = False

    def __call__(
        self, collision: CollisionRecord, rows: Array, event: int, attempt: int = 0
    ) -> CollisionRecord | None:
        """Return the collision with one of the particles `rows` decayed, and marked as signal.

        None if it does not pass the cut. Attempts of an event are independent.
        """
        pick = Stream(self.seed, "generation.pythia_pick").uniform64(event, attempt)[0, 0]
        head = int(rows[int(pick * len(rows))])
        tree = self._tree(collision, head, event, attempt)
        if self.cut and not in_acceptance(tree, self.topology)[0]:
            return None
        heads = np.arange(len(collision.pid)) == head
        below = descends_from(collision.mother, heads) & ~heads
        pruned, number = _without(collision, below)
        return _grown(pruned, int(number[head]), self.decay, self.topology, tree)

    def _tree(self, collision: CollisionRecord, head: int, event: int, attempt: int) -> DecayedTree:
        stage = "generation.pythia_signal" + (f".{attempt}" if attempt else "")
        origin = collision.position[:, collision.production[head], None]
        p4, mass = collision.p4[:, head, None], collision.mass[head, None]
        return decay_tree(self.seed, np.array([event]), self.topology, p4, mass, origin, stage=stage)


def _without(collision: CollisionRecord, gone: Array) -> tuple[CollisionRecord, Array]:
    """Drop particles, and the vertices at which nothing else is produced; also give the new numbers."""
    keep = ~gone
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    used = np.zeros(len(collision.vertex_status) + 1, np.bool_)
    used[collision.production[keep]] = True
    used[collision.primary] = True
    used[-1] = False
    vertex = np.append(np.where(used[:-1], np.cumsum(used[:-1]) - 1, -1), -1)
    rows = ("pid", "status", "mass", "hepmc_id", "is_signal", "from_signal")
    mother = collision.mother[keep]
    pruned = replace(
        collision,
        **{name: getattr(collision, name)[keep] for name in rows},
        p4=collision.p4[:, keep],
        production=vertex[collision.production[keep]],
        end=vertex[collision.end[keep]],
        mother=np.where(mother < 0, -1, number[mother]),
        position=collision.position[:, used[:-1]],
        vertex_hepmc_id=collision.vertex_hepmc_id[used[:-1]],
        vertex_status=collision.vertex_status[used[:-1]],
        primary=int(vertex[collision.primary]),
    )
    return pruned, number


def _grown(
    collision: CollisionRecord, head: int, decay: Decay, topology: Topology, tree: DecayedTree
) -> CollisionRecord:
    """Let particle `head` decay as `tree` says; what is new comes after what there was."""
    n, v = len(collision.pid), len(collision.vertex_status)
    anti = int(collision.pid[head] != decay.head.pid)
    daughters = np.arange(1, len(topology.nodes))
    pids = np.array([(node.pid, conjugate(node.pid))[anti] for node in topology.nodes])
    end = np.where(topology.decay_of < 0, -1, topology.decay_of + v)
    number = np.concatenate([[head], n + daughters - 1])
    status, ends = collision.status.copy(), collision.end.copy()
    status[head], ends[head] = SIGNAL, v
    signal = np.append(np.arange(n) == head, np.zeros(len(daughters), np.bool_))
    new_status = np.where(topology.decay_of < 0, STABLE, DECAYED)
    mother = np.append(collision.mother, number[topology.mother[daughters]])
    return replace(
        collision,
        pid=np.append(collision.pid, pids[daughters]),
        status=np.append(status, new_status[daughters]),
        p4=np.concatenate([collision.p4, tree.p4[:, daughters, 0]], axis=1),
        mass=np.append(collision.mass, tree.mass[daughters, 0]),
        hepmc_id=np.append(collision.hepmc_id, collision.hepmc_id.max() + daughters),
        production=np.append(collision.production, end[topology.mother[daughters]]),
        end=np.append(ends, end[daughters]),
        mother=mother,
        is_signal=signal,
        from_signal=descends_from(mother, signal),
        position=np.concatenate([collision.position, tree.vertices[:, :, 0]], axis=1),
        vertex_hepmc_id=np.append(
            collision.vertex_hepmc_id, collision.vertex_hepmc_id.min() - 1 - np.arange(topology.n_decays)
        ),
        vertex_status=np.append(collision.vertex_status, np.zeros(topology.n_decays, np.int64)),
    )

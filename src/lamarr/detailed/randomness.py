"""Random numbers of the detailed simulation: a generator for each (seed, event, stage) and no other state."""

from __future__ import annotations

from lamarr.random import event_generator

__all__ = ["event_generator", "event_seed"]


def event_seed(seed: int, event_id: int, stage: str) -> int:
    """Return a number of 63 bits that depends on (seed, event, stage) alone, for engines that want one."""
    return int(event_generator(seed, event_id, stage).integers(2**63))

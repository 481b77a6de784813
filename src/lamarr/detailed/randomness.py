"""Random numbers of the detailed simulation: a generator for each (seed, event, stage) and no other state."""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["event_generator", "event_seed"]


def event_seed(seed: int, event_id: int, stage: str) -> int:
    """Return a number of 63 bits that depends on (seed, event, stage) alone, for engines that want one."""
    return int(event_generator(seed, event_id, stage).integers(2**63))


def event_generator(seed: int, event_id: int, stage: str) -> np.random.Generator:
    """Return a Philox generator keyed by (seed, event, stage): the same for any worker and any order."""
    stage_key = zlib.crc32(stage.encode())
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, event_id, stage_key]))

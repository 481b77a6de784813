"""The heap of a process that simulates: what one batch gives back, the next one takes."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Parameters of glibc's mallopt(3)."""
_MOST: Final = 2**30
"""Bytes at the top of the heap that are kept."""


def keep_freed_memory() -> None:
    """Ask glibc not to return the memory of large arrays to the system with every batch.

    It would come back page by page, each of which the kernel clears: a quarter of the time of a simulation
    without ECAL. Other C libraries are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _MOST)
        mallopt(_MMAP_THRESHOLD, _MOST)

"""Rows that are not independent: those of a block (an event, or ReDecay's events that share its rest).

Blocks are numbers (rows,). Those of two samples mean the same: rows of both that share a number are of one
block, as they are where both samples simulate the same generated events.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blocks", "error_of_mean", "halves_of_blocks", "numbered"]

Array = NDArray[Any]
Blocks: TypeAlias = NDArray[Any] | None


def numbered(n: int, *blocks: Blocks) -> tuple[NDArray[np.int64], int]:
    """Return the blocks of `n` rows as 0, 1, 2, …, and how many there are; samples follow each other.

    Without blocks every row is one.

    >>> numbered(3, np.array([7, 4, 7]))
    (array([1, 0, 1]), 2)
    """
    known = [b for b in blocks if b is not None]
    if len(known) < len(blocks):
        return np.arange(n), n
    unique, number = np.unique(np.concatenate(known), return_inverse=True)
    return number, len(unique)


def error_of_mean(influence: Array, blocks: Blocks = None) -> float:
    """Return the standard error of a mean (or of what deviates as a mean does), given what each row adds.

    Parameters
    ----------
    influence : array (rows,)
        What each row deviates by; its mean is about 0.
    blocks : array (rows,), optional
        Rows of a block may depend on each other in any way.

    References
    ----------
    K.-Y. Liang, S. Zeger, Longitudinal data analysis using generalized linear models, Biometrika 73 (1986) 13

    Examples
    --------
    >>> x = np.array([1.0, -1.0, 1.0, -1.0])
    >>> error_of_mean(x), float(error_of_mean(np.repeat(x, 9), np.repeat(np.arange(4), 9)))
    (0.5, 0.5)
    """
    number, n = numbered(len(influence), blocks)
    sums = np.bincount(number, influence, minlength=n)
    return float(np.sqrt(np.sum(sums**2)) / max(len(influence), 1))


def halves_of_blocks(n: int, blocks: Blocks, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of `n` rows belong to one half of the blocks, drawn by chance."""
    number, n_blocks = numbered(n, blocks)
    half: NDArray[np.bool_] = (rng.random(n_blocks) < 0.5)[number]
    return half

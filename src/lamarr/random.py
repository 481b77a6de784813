"""Counter-based random numbers: what a particle gets depends on (seed, event, particle, stage) alone.

The generator is Philox4x32-10: a keyed bijection of a 128-bit counter. The key is the seed; the counter
holds the number of the event, of the particle in it, the stage that asks (a CRC-32 of its name) and the
block of four words. Nothing is ever advanced, so batch size, order, threads and workers cannot matter.

Uniform and normal numbers are made with operations that IEEE 754 rounds exactly (no ``log``, no fused
multiply-add), so that compiled C gives the same bits.

References
----------
J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011), doi:10.1145/2063384.2063405
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ConfigurationError

__all__ = ["Stream", "event_generator", "normal_from_bits", "normal_table", "philox4x32", "uniform_from_bits"]

_MULTIPLIER = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
ROUNDS = 10


def philox4x32(
    counter: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]], key: tuple[int, int]
) -> tuple[NDArray[np.uint64], ...]:
    """Philox4x32-10: four arrays of 32-bit counter words (in any integer dtype) to four of random words.

    The words are returned in uint64 arrays with values below 2**32.
    """
    c0, c1, c2, c3 = (np.asarray(c).astype(np.uint64) for c in counter)
    k0, k1 = key
    for _ in range(ROUNDS):
        p0, p1 = _MULTIPLIER[0] * c0, _MULTIPLIER[1] * c2
        c0, c2 = (p1 >> _SHIFT) ^ c1 ^ np.uint64(k0), (p0 >> _SHIFT) ^ c3 ^ np.uint64(k1)
        c1, c3 = p1 & _LOW, p0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def uniform_from_bits(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """(k + 1/2) / 2**23 for the upper 23 bits k: uniform on the open interval (0, 1), exact in float32."""
    top = (words >> np.uint32(9)).astype(np.float32)
    return (top + np.float32(0.5)) * np.float32(2.0**-23)


@cache
def normal_table() -> NDArray[np.float32]:
    """Cubic coefficients (250, 4) of the normal quantile, by octave and eighth of octave of the bits.

    Made by ``scripts/make_normal_table.py``; shipped, so that all machines and back ends share its bits.
    """
    with resources.files("lamarr").joinpath("normal_table.npy").open("rb") as file:
        table: NDArray[np.float32] = np.load(file)
    return table


def normal_from_bits(words: NDArray[np.uint32]) -> NDArray[np.float32]:
    """N(0, 1) from 32 random bits: a sign and the quantile of (m + 1/2) / 2**32 for the other 31 bits m.

    Inverse transform by a piecewise cubic in the floating-point representation of m: the exponent and
    three leading bits select the piece, the rest is its abscissa. Absolute error of the quantile below
    1e-6; values within ±6.34.
    """
    bits = (words & np.uint32(0x7FFFFFFF)).astype(np.float32).view(np.uint32)
    piece = np.maximum((bits >> np.uint32(20)).astype(np.int32) - 1015, 0)
    t = (bits & np.uint32(0xFFFFF)).astype(np.float32) * np.float32(2.0**-20)
    c = normal_table()[piece]
    z: NDArray[np.float32] = ((c[..., 3] * t + c[..., 2]) * t + c[..., 1]) * t + c[..., 0]
    return np.where(words >> np.uint32(31), -z, z)


@dataclass(frozen=True)
class Stream:
    """The random numbers of one stage under one seed.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 − 1.
    stage : str
        Name of the stage that asks. Two stages never share numbers.

    Examples
    --------
    The numbers of a particle do not depend on the company it is in:

    >>> stream = Stream(seed=1, stage="resolution")
    >>> both = stream.normal([7, 7], [0, 1], 5)
    >>> bool((stream.normal([7], [1], 5) == both[1]).all())
    True
    """

    seed: int
    stage: str

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise ConfigurationError(f"0 <= seed < 2**64 must hold, but got (seed={self.seed})")

    def bits(self, event: ArrayLike, particle: ArrayLike, n: int) -> NDArray[np.uint32]:
        """Random words (rows, n) for arrays (rows,) of event and particle numbers, both below 2**32."""
        rows = np.broadcast_arrays(np.asarray(event), np.asarray(particle))
        if any(r.size and (r.min() < 0 or r.max() >= 2**32) for r in rows):
            raise ConfigurationError("event and particle numbers must lie in 0 … 2**32 − 1")
        blocks = -(-n // 4)
        block = np.arange(blocks, dtype=np.uint64)[None, :]
        event_, particle_ = (np.asarray(r).reshape(-1, 1) for r in rows)
        stage = np.uint64(zlib.crc32(self.stage.encode()))
        shape = (event_.shape[0], blocks)
        counter = tuple(np.broadcast_to(c, shape) for c in (block, particle_, event_, stage))
        words = philox4x32(counter, (self.seed & 0xFFFFFFFF, self.seed >> 32))  # type: ignore[arg-type]
        return np.stack(words, axis=-1).reshape(shape[0], 4 * blocks)[:, :n].astype(np.uint32)

    def uniform(self, event: ArrayLike, particle: ArrayLike, n: int = 1) -> NDArray[np.float32]:
        """Uniform numbers (rows, n) in the open interval (0, 1), float32 with 23 bits."""
        return uniform_from_bits(self.bits(event, particle, n))

    def uniform64(self, event: ArrayLike, particle: ArrayLike, n: int = 1) -> NDArray[np.float64]:
        """Uniform numbers (rows, n) in the open interval (0, 1), float64 with 52 bits."""
        words = self.bits(event, particle, 2 * n).astype(np.uint64)
        whole = (words[:, 0::2] << _SHIFT | words[:, 1::2]) >> np.uint64(12)
        return (whole.astype(np.float64) + 0.5) * 2.0**-52

    def normal(self, event: ArrayLike, particle: ArrayLike, n: int = 1) -> NDArray[np.float32]:
        """Independent N(0, 1) numbers (rows, n), float32."""
        return normal_from_bits(self.bits(event, particle, n))


def event_generator(seed: int, event_id: int, stage: str) -> np.random.Generator:
    """Return a Philox generator keyed by (seed, event, stage): the same for any worker and any order.

    For what takes as many numbers as it takes from one event; its bits are numpy's, not those of C.
    """
    stage_key = zlib.crc32(stage.encode())
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, event_id, stage_key]))

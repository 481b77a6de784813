"""The global likelihood of all pixels of an event, maximised over the hypotheses of all its tracks.

With ν_i the photons expected in pixel i and μ_j(h) those of track j under hypothesis h on all pixels,

    ln L = −Σ_j μ_j(h_j) + Σ_{i hit} ln(exp ν_i − 1),    ν_i = b_i + Σ_j a_ij(h_j),

as each pixel is hit with probability 1 − exp(−ν_i) and pixels that are not hit give −ν_i.

References
----------
R. Forty, RICH pattern recognition for LHCb, Nucl. Instrum. Meth. A 433 (1999) 257
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.compiled import compiled

__all__ = ["BELOW_THRESHOLD", "PION", "expected", "gains", "maximise"]

PION = 2
BELOW_THRESHOLD = 5
"""Numbers of hypotheses among e, μ, π, K, p and no light."""

ROUNDS = 10

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@compiled
def expected(
    background: Floats, begin: Integers, pixel: Integers, signal: Floats, hypothesis: Integers
) -> Floats:
    """Return ν (m,) of the pixels hit: background and the signal of every track's hypothesis."""
    nu = background.copy()
    for track in range(len(hypothesis)):
        h = hypothesis[track]
        if h < 5:
            for k in range(begin[track], begin[track + 1]):
                nu[pixel[k]] += signal[k, h]
    return nu


@compiled
def gains(
    track: int,
    own: int,
    nu: Floats,
    background: Floats,
    begin: Integers,
    pixel: Integers,
    signal: Floats,
    mu: Floats,
) -> Floats:
    """Return ln L (6,) of a track's hypotheses against no light, while it has hypothesis `own` in `nu`.

    The sum of logarithms is taken as the logarithm of a product, piece by piece.
    """
    out, product = -mu[track], np.ones(6)
    for k in range(begin[track], begin[track + 1]):
        i = pixel[k]
        others = max(nu[i] - (signal[k, own] if own < 5 else 0.0), background[i])  # rounding
        scale = 1 / _expm1(others)
        for h in range(5):
            product[h] *= _expm1(others + signal[k, h]) * scale
            if product[h] > 1e200:
                out[h] += np.log(product[h])
                product[h] = 1.0
    total: Floats = out + np.log(product)
    return total


@compiled
def _expm1(x: float) -> float:
    """Return exp x − 1 for x > 0, within 3e-8 of itself."""
    if x < 0.1:
        return x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5))))
    return float(np.expm1(x))


@compiled
def maximise(
    hypothesis: Integers, background: Floats, begin: Integers, pixel: Integers, signal: Floats, mu: Floats
) -> tuple[Integers, Floats]:
    """Return the hypotheses (n,) with the largest ln L that single flips reach, and ln L − ln L(π) (n, 6).

    In each round the tracks flip in the order of what they would gain, so that the order in which they
    are given does not matter.
    """
    n = len(hypothesis)
    best = hypothesis.copy()
    nu = expected(background, begin, pixel, signal, best)
    gain = np.empty((n, 6))
    for _ in range(ROUNDS):
        won = np.empty(n)
        for track in range(n):
            gain[track] = gains(track, best[track], nu, background, begin, pixel, signal, mu)
            won[track] = np.max(gain[track]) - gain[track, best[track]]
        flipped = False
        for track in np.argsort(-won):
            if won[track] <= 1e-9:
                break
            now = gains(track, best[track], nu, background, begin, pixel, signal, mu)
            to = int(np.argmax(now))
            if now[to] - now[best[track]] <= 1e-9:
                continue
            for k in range(begin[track], begin[track + 1]):
                before = signal[k, best[track]] if best[track] < 5 else 0.0
                after = signal[k, to] if to < 5 else 0.0
                nu[pixel[k]] += after - before
            best[track] = to
            flipped = True
        if not flipped:
            break
    for track in range(n):
        gain[track] -= gain[track, PION]
    return best, gain

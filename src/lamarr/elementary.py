"""log, log10, exp and arctan2 in float64, with the same bits on every machine and in generated C.

Mathematical libraries differ in their last bits. These functions use only what IEEE 754 rounds exactly
(+, −, ×, ÷), comparisons and powers of two, so that a pipeline that is compiled to C gives the bits of numpy.
The series are Taylor's, after a reduction of the argument; the error is below 5 units in the last place.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

__all__ = ["arctan2", "exp", "log", "log10"]

_LN2_HIGH: Final = 0.6931471803691238
_LN2_LOW: Final = 1.9082149292705877e-10
"""ln 2 in two parts; the first has 20 trailing zeros, so that its products with exponents are exact."""

_LOG: Final = tuple(1.0 / (2 * k + 1) for k in range(11))
_EXP: Final = tuple(1.0 / math.factorial(k) for k in range(14))
_ATAN: Final = tuple((-1.0) ** k / (2 * k + 1) for k in range(12))
_ANGLES: Final = ((0.6681786379192989, 1.0, math.pi / 4), (0.198912367379658, math.sqrt(2) - 1, math.pi / 8))
"""From which tangent on, which angle is subtracted: (border, tangent of the angle, angle)."""


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    total = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total


def log(x: Any) -> Any:
    """Natural logarithm of float64 `x`, which must be positive, normal and finite.

    x = 2^e m with m in [√½, √2), and ln m = 2 artanh((m − 1) / (m + 1)).

    Examples
    --------
    >>> float(log(np.float64(1.0)))
    0.0
    """
    mantissa, exponent = np.frexp(x)
    small = mantissa < math.sqrt(0.5)
    m = np.where(small, 2.0 * mantissa, mantissa)
    e = np.where(small, exponent - 1, exponent).astype(np.float64)
    s = (m - 1.0) / (m + 1.0)
    series = (s + s) * _polynomial(s * s, _LOG)
    return e * _LN2_HIGH + (series + e * _LN2_LOW)


def log10(x: Any) -> Any:
    """Decimal logarithm of float64 `x`, which must be positive, normal and finite."""
    return log(x) * (1.0 / math.log(10.0))


def exp(x: Any) -> Any:
    """Exponential of float64 `x`, held within ±700; NaN is not allowed.

    x = k ln 2 + r with |r| <= ½ ln 2, and exp x = 2^k exp r.
    """
    held = np.minimum(np.maximum(x, -700.0), 700.0)
    k = np.floor(held * (1.0 / math.log(2.0)) + 0.5)
    r = (held - k * _LN2_HIGH) - k * _LN2_LOW
    return np.ldexp(_polynomial(r, _EXP), k.astype(np.int32))


def arctan2(y: Any, x: Any) -> Any:
    """Angle of the point (x, y), float64, in (−π, π]; 0 for the origin.

    The tangent of the angle to the nearer axis is brought below tan(π/16) by taking π/8 or π/4 away.
    """
    a, b = np.abs(x), np.abs(y)
    steep = b > a
    large, little = np.where(steep, b, a), np.where(steep, a, b)
    t = little / np.where(large > 0.0, large, 1.0)
    (border2, c2, angle2), (border1, c1, angle1) = _ANGLES
    c = np.where(t > border2, c2, np.where(t > border1, c1, 0.0))
    base = np.where(t > border2, angle2, np.where(t > border1, angle1, 0.0))
    r = (t - c) / (1.0 + t * c)
    angle = base + r * _polynomial(r * r, _ATAN)
    angle = np.where(steep, math.pi / 2 - angle, angle)
    angle = np.where(x < 0.0, math.pi - angle, angle)
    return np.where(y < 0.0, -angle, angle)

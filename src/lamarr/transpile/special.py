"""Normal distribution function and quantile in numpy, for float32 and float64 alike.

Rational approximations with a relative error below 1e-7 (``scripts/make_kernel_polynomials.py``); the C
kernels use the same coefficients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIDDLE", "TAIL", "erf", "normal_cdf", "normal_quantile"]

Array = NDArray[Any]

_ERF_P = (1.12837911, 0.19077301, 0.0527888574, 0.00377914356, 0.00028479789, 2.04205253e-06)
_ERF_Q = (1.0, 0.502400875, 0.114253052, 0.0149965091, 0.00116509909, 3.80043602e-05)
MIDDLE = (
    *(4.24662733, 0.697605312, -0.0118163424, -0.00354602025, 0.000618300342),
    *(-1.24359758e-05, -9.98112046e-06, 9.72206976e-07, 8.07084533e-08),
)
TAIL = (
    *(1.41503382, -0.0535518117, -1.49123275, 4.73309231, -8.41649055),
    *(8.54116821, 1.8137325, -14.6646214, 10.3735294),
)


def _polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    dtype = x.dtype.type
    result: Array = np.full_like(x, dtype(coefficients[-1]))
    for c in coefficients[-2::-1]:
        result = result * x + dtype(c)
    return result


def erf(x: Array) -> Array:
    """Error function."""
    c = np.minimum(np.maximum(x, x.dtype.type(-3.93)), x.dtype.type(3.93))
    s = c * c
    result: Array = c * _polynomial(s, _ERF_P) / _polynomial(s, _ERF_Q)
    return result


def normal_cdf(x: Array) -> Array:
    """Φ(x), with an absolute error below 1e-7 in float32."""
    half = x.dtype.type(0.5)
    result: Array = half + half * erf(x * x.dtype.type(np.sqrt(0.5)))
    return result


def normal_quantile(p: Array) -> Array:
    """Φ⁻¹(p) for p in [0, 1]; ∓∞ at the ends, NaN outside. Relative error below 4e-7 in float32.

    A polynomial in w = −log(4 p (1 − p)), which grows like the square of the quantile.
    """
    one, half = p.dtype.type(1), p.dtype.type(0.5)
    side, v = np.minimum(p, one - p), p - half
    with np.errstate(divide="ignore", invalid="ignore"):
        w = -np.log(4 * side * (one - side))
        middle = v * _polynomial(w - p.dtype.type(2.5), MIDDLE)
        r = np.sqrt(w)
        tail = np.where(v < 0, -r, r) * _polynomial(one / r, TAIL)
    result: Array = np.where(w < 5, middle, tail)
    return result

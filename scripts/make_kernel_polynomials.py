"""Fit the polynomials of ``src/lamarr/transpile/c/kernels/functions.h`` and print their coefficients.

Each is a weighted least-squares fit at Chebyshev nodes, re-weighted (Lawson) towards the minimax error.
Rational functions are fitted linearised, with the last denominator in the weight (Sanathanan, Koerner).
The coefficients are rounded to float32 once; the tests state what error the compiled functions have.

    python scripts/make_kernel_polynomials.py
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf, ndtri


def nodes(low: float, high: float, n: int = 4000) -> np.ndarray:
    angle = (np.arange(n) + 0.5) * np.pi / n
    return 0.5 * (low + high) - 0.5 * (high - low) * np.cos(angle)


def minimax(columns, target, relative, rounds=60):
    """Coefficients c with max |columns c − target| · relative about minimal."""
    weight = np.ones(len(target))
    best = (np.inf, None)
    for _ in range(rounds):
        w = np.sqrt(weight) * relative
        c = np.linalg.lstsq(columns * w[:, None], target * w, rcond=None)[0]
        error = np.abs((columns @ c - target) * relative)
        if error.max() < best[0]:
            best = (error.max(), c)
        weight = weight * (error / error.max() + 1e-3)
        weight /= weight.sum()
    return best[1], best[0]


def polynomial(name, x, target, degree, relative):
    c, error = minimax(np.vander(x, degree + 1, increasing=True), target, relative)
    show(name, c, error)


def rational(name, x, target, p, q, relative):
    """P(x) / Q(x) with Q(0) = 1."""
    below = np.ones_like(x)
    top, bottom = np.vander(x, p + 1, increasing=True), np.vander(x, q + 1, increasing=True)[:, 1:]
    best = (np.inf, None)
    for _ in range(20):
        columns = np.concatenate([top, -target[:, None] * bottom], axis=1)
        scale = np.abs(columns).max(axis=0)
        c, _ = minimax(columns / scale, target, relative / below, rounds=20)
        c = c / scale
        below = 1 + bottom @ c[p + 1 :]
        error = np.abs((top @ c[: p + 1] / below - target) * relative).max()
        if error < best[0]:
            best = (error, c)
    error, c = best
    show(name + " P", c[: p + 1], error)
    show(name + " Q", np.concatenate([[1.0], c[p + 1 :]]), error)


def show(name, coefficients, error):
    print(f"{name}: error {error:.2e} = {error * 2**24:.2f} * 2**-24")
    print("  " + ", ".join(f"{np.float32(c):.9g}f" for c in coefficients))


def main() -> None:
    r = nodes(-0.3467, 0.3467)
    polynomial("exp (e^r - 1 - r) / r^2", r, (np.expm1(r) - r) / r**2, 4, r**2 / np.exp(r))
    f = nodes(-0.2930, 0.4143)
    f = f[np.abs(f) > 1e-3]
    rest = (np.log1p(f) - f + f * f / 2) / f**3
    polynomial("log (log(1+f) - f + f^2/2) / f^3", f, rest, 7, np.abs(f**3 / np.log1p(f)))
    x = nodes(1e-3, 1.0)
    polynomial("sinh (sinh x - x) / x^3 in x^2", x * x, (np.sinh(x) - x) / x**3, 2, x**3 / np.sinh(x))
    polynomial("exp, for tanh", r, (np.expm1(r) - r) / r**2, 3, r**2 / np.exp(r))
    x = nodes(1e-2, 0.62)
    polynomial("tanh (tanh x - x) / x^3 in x^2", x * x, (np.tanh(x) - x) / x**3, 4, x**3 / np.tanh(x))
    x = nodes(1e-3, 9.02)
    rational("short tanh x / x in x^2", x * x, np.tanh(x) / x, 4, 4, x / np.tanh(x))
    x = nodes(1e-3, 3.93)
    rational("erf x / x in x^2", x * x, erf(x) / x, 5, 5, x / erf(x))
    w = nodes(1e-6, 5.0)  # -log(4 p (1 - p)), v = p - 1/2
    v = 0.5 * np.sqrt(-np.expm1(-w))
    polynomial("quantile / v in w - 2.5", w - 2.5, ndtri(0.5 + v) / v, 8, v / ndtri(0.5 + v))
    r = nodes(np.sqrt(5.0), 9.4)  # sqrt of the same
    p = 0.5 * np.exp(-r * r) / (1 + np.sqrt(-np.expm1(-r * r)))
    t = 1 / r  # the quantile grows like sqrt(2) r
    polynomial("quantile / r in 1 / r", t, -ndtri(p) / r, 8, -r / ndtri(p))


if __name__ == "__main__":
    main()

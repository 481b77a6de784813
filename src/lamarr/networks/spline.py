"""Monotone rational-quadratic splines with fixed abscissae.

References
----------
C. Durkan et al., Neural Spline Flows (2019), arXiv:1906.04032, equations 4-8
J. Gregory, R. Delbourgo, Piecewise rational quadratic interpolation to monotonic data (1982)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, softmax, softplus

__all__ = ["MIN_HEIGHT", "MIN_SLOPE", "knots", "spline", "spline_inverse"]

MIN_HEIGHT = 1e-3
MIN_SLOPE = 1e-3
_UNIT = 0.5410832  # softplus(_UNIT) + MIN_SLOPE = 1: raw slopes of zero give the identity


def knots(raw: Tensor, bins: int, bound: float) -> tuple[Tensor, Tensor]:
    """Ordinates and slopes (..., bins + 1) of the knots from `raw` (..., 2 bins − 1).

    The abscissae are equidistant on ±bound, the ordinates end at ±bound, the outer slopes are 1. Raw
    numbers of zero give the identity.
    """
    share = MIN_HEIGHT + (1 - MIN_HEIGHT * bins) * softmax(raw[..., :bins], dim=-1)
    y = pad(2 * bound * torch.cumsum(share, dim=-1), (1, 0)) - bound
    inner = MIN_SLOPE + softplus(raw[..., bins:] + _UNIT)
    return y, pad(inner, (1, 1), value=1.0)


def _cell(table: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    return table.gather(-1, k[..., None])[..., 0], table.gather(-1, k[..., None] + 1)[..., 0]


def spline(u: Tensor, raw: Tensor, bins: int, bound: float) -> Tensor:
    """f(u) for `u` (...) and `raw` (..., 2 bins − 1); the identity outside of ±bound."""
    y, slope = knots(raw, bins, bound)
    width = 2 * bound / bins
    inside = u.clamp(-bound, bound)
    k = ((inside + bound) / width).floor().clamp(0, bins - 1).long()
    (y0, y1), (d0, d1) = _cell(y, k), _cell(slope, k)
    t = (inside + bound) / width - k
    s = (y1 - y0) / width
    top = (y1 - y0) * t * (s * t + d0 * (1 - t))
    value = y0 + top / (s + (d0 + d1 - 2 * s) * t * (1 - t))
    return torch.where(u.abs() < bound, value, u)


def spline_inverse(v: Tensor, raw: Tensor, bins: int, bound: float) -> tuple[Tensor, Tensor]:
    """Return u with f(u) = v, and log du/dv."""
    y, slope = knots(raw, bins, bound)
    width = 2 * bound / bins
    inside = v.clamp(-bound + 1e-6, bound - 1e-6)
    k = (inside[..., None] >= y[..., 1:-1]).sum(-1)
    (y0, y1), (d0, d1) = _cell(y, k), _cell(slope, k)
    h, rise = y1 - y0, inside - y0
    s = h / width
    curve = d0 + d1 - 2 * s
    a = h * (s - d0) + rise * curve
    b = h * d0 - rise * curve
    c = -s * rise
    t = 2 * c / (-b - torch.sqrt((b * b - 4 * a * c).clamp(min=1e-12)))
    t = t.clamp(0, 1)
    u = -bound + (k + t) * width
    below = s + curve * t * (1 - t)
    log_slope = (
        2 * torch.log(s)
        + torch.log(d1 * t * t + 2 * s * t * (1 - t) + d0 * (1 - t) ** 2)
        - 2 * torch.log(below)
    )
    outside = v.abs() >= bound
    return torch.where(outside, v, u), torch.where(outside, torch.zeros_like(v), -log_slope)

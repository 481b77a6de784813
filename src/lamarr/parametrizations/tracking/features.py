"""What the tracking networks see and give, as nodes of the model graph.

Networks are fed with normal scores of the conditions and of a few functions of them that matter to a
spectrometer (transverse momentum, charge times slope, position at the TT, distance from the beam), and
give normal scores of the outputs. The tables of the scores are fitted to the training sample.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.parametrizations.tracking.conditions import (
    BEAM_CONDITIONS,
    COVARIANCE_CONDITIONS,
    PRODUCTION_CONDITIONS,
)
from lamarr.transpile import GraphBuilder, Value

__all__ = [
    "DIAGONAL_SHARE",
    "Z_TT",
    "beam_columns",
    "beam_flags",
    "covariance_outputs",
    "production_columns",
    "production_flags",
    "resolution_outputs",
    "scores",
]

Tables = tuple[NDArray[np.float32], NDArray[np.float32]]

Z_TT: Final = 2500.0
"""z of the TT stations in mm."""

DIAGONAL_SHARE: Final = 1e-4
"""Correlations are multiplied by 1 − this number: no rounding can make the covariance indefinite."""


def _scaled(b: GraphBuilder, value: Value, scale: float, shift: float = 0.0) -> Value:
    return b.add("affine", value, scale=[scale], shift=[shift])


def _product(b: GraphBuilder, x: Value, y: Value) -> Value:
    return b.add("multiply", x, y)


def _squares(b: GraphBuilder, x: Value, y: Value) -> Value:
    return b.add("add", _product(b, x, x), _product(b, y, y))


def _log_pt(b: GraphBuilder, log_p: Value, t2: Value) -> Value:
    """log10 pT = log10 p + ½ log10(t² / (1 + t²))."""
    sine2 = b.add("divide", t2, _scaled(b, t2, 1.0, 1.0))
    return b.add("add", log_p, _scaled(b, b.add("log", sine2), 0.5 / math.log(10)))


def scores(b: GraphBuilder, columns: Value, tables: Tables) -> Value:
    """Append normal scores of columns, or values of scores, by tables of abscissae and ordinates."""
    return b.add("interpolate", columns, x=tables[0], y=tables[1])


def production_columns(b: GraphBuilder, x: Value) -> Value:
    """Twelve columns from the conditions of acceptance and efficiency, to be turned into scores."""

    def column(name: str) -> Value:
        return b.select(x, [PRODUCTION_CONDITIONS.index(name)])

    px, py, z, tx, ty = (column(n) for n in ("x", "y", "z", "tx", "ty"))
    lever = _scaled(b, z, -1.0, Z_TT)
    return b.concat(
        b.select(x, range(7)),
        _product(b, column("charge"), tx),
        _squares(b, px, py),
        _log_pt(b, column("log10_p"), _squares(b, tx, ty)),
        b.add("add", px, _product(b, tx, lever)),
        b.add("add", py, _product(b, ty, lever)),
    )


def production_flags(b: GraphBuilder, x: Value) -> Value:
    """Direction of the transverse momentum (cos φ, sin φ, charge × cos φ), species and charge."""
    t = b.select(x, [PRODUCTION_CONDITIONS.index("tx"), PRODUCTION_CONDITIONS.index("ty")])
    tx, ty = b.select(t, [0]), b.select(t, [1])
    direction = b.add("divide", t, b.add("sqrt", _squares(b, tx, ty)))
    charge = b.select(x, [PRODUCTION_CONDITIONS.index("charge")])
    flags = b.select(x, [PRODUCTION_CONDITIONS.index(n) for n in ("is_e", "is_mu", "is_h", "charge")])
    return b.concat(direction, _product(b, b.select(direction, [0]), charge), flags)


def beam_columns(b: GraphBuilder, x: Value) -> Value:
    """Nine columns from the conditions of resolution (first six) or covariance, and its fit quality."""
    px, py, tx, ty, log_p = (
        b.select(x, [BEAM_CONDITIONS.index(n)]) for n in ("x", "y", "tx", "ty", "log10_p")
    )
    t2 = _squares(b, tx, ty)
    columns = [b.select(x, range(6)), _log_pt(b, log_p, t2), t2, _squares(b, px, py)]
    if x.width == len(COVARIANCE_CONDITIONS):
        columns.append(b.select(x, range(6, 9)))
    return b.concat(*columns)


def beam_flags(b: GraphBuilder, x: Value) -> Value:
    """Species and track type."""
    return b.select(x, range(x.width - 6, x.width))


def resolution_outputs(b: GraphBuilder, x: Value, values: Value, low: float, high: float) -> Value:
    """From targets (n, 9) to the outputs of resolution.

    The sixth target is artanh(dp / p), so that |dp| < p always; dp is kept within the range [low, high] of
    the training sample.
    """
    p = b.add("exp", _scaled(b, b.select(x, [BEAM_CONDITIONS.index("log10_p")]), math.log(10)))
    dp = _product(b, p, b.add("tanh", b.select(values, [5])))
    dp = b.add("clip", dp, low=[low], high=[high])
    return b.concat(b.select(values, range(5)), dp, b.select(values, range(6, 9)))


def covariance_outputs(b: GraphBuilder, values: Value) -> Value:
    """From targets (n, 15) to log variances and correlations.

    The last ten targets are artanh of canonical partial correlations: any numbers give a positive definite
    matrix, kept so in float32 by :data:`DIAGONAL_SHARE`.
    """
    partial = b.add("tanh", b.select(values, range(5, 15)))
    correlation = b.add("vine", partial, attributes={"dimension": 5})
    return b.concat(b.select(values, range(5)), _scaled(b, correlation, 1 - DIAGONAL_SHARE))

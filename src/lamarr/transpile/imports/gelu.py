"""The approximation of GELU that torch and Keras offer."""

from __future__ import annotations

import numpy as np

from lamarr.transpile.graph import GraphBuilder, Value

__all__ = ["gelu_tanh"]


def gelu_tanh(b: GraphBuilder, x: Value) -> Value:
    """Append x sigmoid(2 sqrt(2/π) (x + 0.044715 x³)), which is x (1 + tanh(…)) / 2."""
    cube = b.add("multiply", x, b.add("multiply", x, x))
    inner = b.add("add", x, b.add("affine", cube, scale=[0.044715], shift=[0.0]))
    gate = b.add("sigmoid", b.add("affine", inner, scale=[2 * np.sqrt(2 / np.pi)], shift=[0.0]))
    return b.add("multiply", x, gate)

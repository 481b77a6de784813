"""Logit with offset, for probabilities that may be exactly 0 or 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.training.transforms.base import Array, Transform
from lamarr.transpile import GraphBuilder, Value
from lamarr.transpile.operators import sigmoid

__all__ = ["Logit"]


class Logit(Transform):
    """z = s log((y + ε) / (1 − y + ε)); the way back is clipped to [0, 1].

    Parameters
    ----------
    width : int
    offset : float
        ε, above 0: the largest |z| is s log(1 / ε).
    scale : float
        s.
    """

    kind = "logit"

    def __init__(self, width: int, offset: float = 1e-4, scale: float = 0.3) -> None:
        if not 0 < offset < 0.5 or not scale > 0:
            raise ConfigurationError(
                f"0 < offset < 0.5 and scale > 0 must hold, but got ({offset=}, {scale=})"
            )
        self.width, self.offset, self.scale = width, offset, scale

    @classmethod
    def fit(
        cls,
        sample: Array,
        weights: Array | None = None,  # noqa: ARG003
        *,
        offset: float = 1e-4,
        scale: float = 0.3,
    ) -> Logit:
        """Check that a sample (n, width) lies within [0, 1].

        Raises
        ------
        ConfigurationError
            If it does not.
        """
        low, high = float(np.min(sample)), float(np.max(sample))
        if not (low >= 0 and high <= 1):
            raise ConfigurationError(f"a logit takes values in [0, 1], but got {low:g} … {high:g}")
        return cls(sample.shape[1], offset, scale)

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Return logits."""
        y = np.asarray(x, np.float64)
        result: NDArray[np.float64] = self.scale * (np.log(y + self.offset) - np.log(1 - y + self.offset))
        return result

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Return values in [0, 1]."""
        y = sigmoid(np.asarray(z, np.float64) / self.scale) * (1 + 2 * self.offset) - self.offset
        return np.clip(y, 0, 1)

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append two logarithms and their scaled difference."""
        above, below = (
            b.add("log", b.add("affine", x, scale=[side], shift=[shift + self.offset]))
            for side, shift in ((1.0, 0.0), (-1.0, 1.0))
        )
        return b.add("affine", b.add("subtract", above, below), scale=[self.scale], shift=[0.0])

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append a sigmoid, stretched by the offset and clipped."""
        y = b.add("sigmoid", b.add("affine", z, scale=[1 / self.scale], shift=[0.0]))
        y = b.add("affine", y, scale=[1 + 2 * self.offset], shift=[-self.offset])
        return b.add("clip", y, low=[0.0], high=[1.0])

    def settings(self) -> dict[str, Any]:
        """Return width, offset and scale."""
        return {"width": self.width, "offset": self.offset, "scale": self.scale}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Logit:
        """Rebuild."""
        return cls(int(settings["width"]), float(settings["offset"]), float(settings["scale"]))

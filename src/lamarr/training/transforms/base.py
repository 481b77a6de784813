"""What every transform can do: forward and inverse in numpy, and both as nodes of the model graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lamarr.transpile import GraphBuilder, Value

__all__ = ["Array", "Transform"]

Array = NDArray[Any]


class Transform(ABC):
    """An invertible map of columns (n, width) to as many columns.

    ``forward`` may need random numbers: a value that many rows share (a point mass) becomes a small
    cloud, so that densities exist. The graph of the forward direction has none: there such a value becomes
    the centre of its cloud. The inverse is one map for both.

    Attributes
    ----------
    kind : str
        Name in files.
    width : int
        Number of columns.
    """

    kind: ClassVar[str]
    width: int

    @abstractmethod
    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:
        """Transform columns (n, width); `uniform` (n, width) in (0, 1) spreads point masses."""

    @abstractmethod
    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Undo :meth:`forward`."""

    @abstractmethod
    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append the forward map."""

    @abstractmethod
    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append the inverse map."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return everything that was fitted, as JSON data."""

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: dict[str, Any]) -> Transform:
        """Rebuild from :meth:`settings`."""

    def to_json(self) -> dict[str, Any]:
        """Return the kind and what was fitted, as JSON data; see :func:`lamarr.training.transforms.load`."""
        return {"kind": self.kind, **self.settings()}


def numbers(array: Array) -> Any:
    """Nested lists of Python floats that are exactly the numbers of an array."""
    return np.asarray(array, np.float64).tolist()

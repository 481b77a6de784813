"""Transforms one after the other, and side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.training.transforms.base import Array, Transform
from lamarr.transpile import GraphBuilder, Value

__all__ = ["Chain", "Parallel"]


class Chain(Transform):
    """The first transform, then the second, …; random numbers go to each that takes the original columns."""

    kind = "chain"

    def __init__(self, steps: Sequence[Transform]) -> None:
        if not steps or len({s.width for s in steps}) != 1:
            raise ConfigurationError(
                f"a chain needs transforms of one width, but got {[s.width for s in steps]}"
            )
        self.steps, self.width = tuple(steps), steps[0].width

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:
        """Apply all steps."""
        z = np.asarray(x, np.float64)
        for step in self.steps:
            z = step.forward(z, uniform)
        return z

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Undo all steps, the last one first."""
        x = np.asarray(z, np.float64)
        for step in reversed(self.steps):
            x = step.inverse(x)
        return x

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append all steps."""
        for step in self.steps:
            x = step.lower(b, x)
        return x

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append the inverses, the last one first."""
        for step in reversed(self.steps):
            z = step.lower_inverse(b, z)
        return z

    def settings(self) -> dict[str, Any]:
        """Return the steps."""
        return {"steps": [s.to_json() for s in self.steps]}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Chain:
        """Rebuild."""
        from lamarr.training.transforms import load

        return cls([load(s) for s in settings["steps"]])


class Parallel(Transform):
    """Each transform acts on columns of its own; the order of columns stays.

    Parameters
    ----------
    parts : sequence of (columns, Transform)
        The columns of all parts are 0 … width − 1, each once.
    """

    kind = "parallel"

    def __init__(self, parts: Sequence[tuple[Sequence[int], Transform]]) -> None:
        self.parts = [(list(map(int, columns)), part) for columns, part in parts]
        taken = [c for columns, _ in self.parts for c in columns]
        self.width = len(taken)
        fits = all(len(columns) == part.width for columns, part in self.parts)
        if sorted(taken) != list(range(self.width)) or not fits:
            raise ConfigurationError(f"every column must be transformed once, but the parts take {taken}")

    def _apply(
        self, x: Array, how: Callable[[Transform, list[int], Array], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        out = np.empty(np.shape(x))
        for columns, part in self.parts:
            out[:, columns] = how(part, columns, x[:, columns])
        return out

    def forward(self, x: Array, uniform: Array | None = None) -> NDArray[np.float64]:
        """Transform all parts."""
        return self._apply(
            x, lambda part, at, v: part.forward(v, None if uniform is None else uniform[:, at])
        )

    def inverse(self, z: Array) -> NDArray[np.float64]:
        """Undo all parts."""
        return self._apply(z, lambda part, _, v: part.inverse(v))

    def _lowered(self, b: GraphBuilder, x: Value, inverse: bool) -> Value:
        if len(self.parts) == 1 and self.parts[0][0] == list(range(self.width)):
            part = self.parts[0][1]
            return part.lower_inverse(b, x) if inverse else part.lower(b, x)
        done = []
        for columns, part in self.parts:
            value = b.select(x, columns)
            done.append(part.lower_inverse(b, value) if inverse else part.lower(b, value))
        joined = b.concat(*done)
        taken = [c for columns, _ in self.parts for c in columns]
        if taken == list(range(self.width)):
            return joined
        return b.select(joined, [taken.index(c) for c in range(self.width)])

    def lower(self, b: GraphBuilder, x: Value) -> Value:
        """Append all parts and put their columns in order."""
        return self._lowered(b, x, inverse=False)

    def lower_inverse(self, b: GraphBuilder, z: Value) -> Value:
        """Append all inverses and put their columns in order."""
        return self._lowered(b, z, inverse=True)

    def settings(self) -> dict[str, Any]:
        """Return columns and transforms of the parts."""
        return {"parts": [{"columns": columns, "transform": part.to_json()} for columns, part in self.parts]}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Parallel:
        """Rebuild."""
        from lamarr.training.transforms import load

        return cls([(p["columns"], load(p["transform"])) for p in settings["parts"]])

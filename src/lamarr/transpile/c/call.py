"""A node with its surroundings, as the writers of C see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.transpile.graph import Node

__all__ = ["Call", "number"]

Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A node with its surroundings: places and widths of arguments and result, and its constants.

    `table` appends constants to the table of the library and returns the C expression that points to them.
    `of` has the number of the extent of each argument and, last, of the result; −1 for rows.
    """

    node: Node
    inputs: Sequence[int]
    widths: Sequence[int]
    output: int
    constants: Mapping[str, Array]
    table: Callable[[ArrayLike], str]
    of: Sequence[int] = ()

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the node."""
        return self.node.attributes

    def column(self, name: str) -> Array:
        """Return a constant by column, repeated if it was given once."""
        return np.broadcast_to(self.constants[name], (self.node.width,))

    def set(self, argument: int = -1) -> str:
        """C expression that points to the objects of an argument (default: the result)."""
        return f"e->of + {self.of[argument]}"


def number(value: float) -> str:
    """Return a float32 as C writes it."""
    text = f"{np.float32(value):.9g}"
    return f"{text if any(c in text for c in '.en') else text + '.'}f"

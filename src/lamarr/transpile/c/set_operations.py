"""What the operators on sets become in C: they see the whole event, where other operators see a tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamarr.errors import ModelError
from lamarr.transpile.c.call import Call, number

__all__ = ["MAX_OBJECTS", "SET_OPERATIONS"]

MAX_OBJECTS = 256
"""Objects of a row in C; kernels/sets.h counts on it."""

CHUNK = 48
"""Objects of a chunk in the widest tile; kernels/rows.h: narrower ones divide it."""


def _objects(c: Call) -> list[str]:
    return [f"objects(e->row, {c.set()}, {c.inputs[0]}, {c.output}, {c.node.width});"]


def _spread(c: Call) -> list[str]:
    return [f"spread(e->row, {c.set()}, {c.inputs[0]}, {c.output}, {c.node.width});"]


def _positions(c: Call) -> list[str]:
    table = c.constants["table"]
    room = -(-len(table) // CHUNK) * CHUNK
    padded = np.concatenate([table, np.repeat(table[-1:], room - len(table), axis=0)])
    at = c.table(np.ascontiguousarray(padded.T))
    return [f"positions({c.set()}, {c.output}, {c.node.width}, {room}, {at});"]


def _attention(c: Call) -> list[str]:
    heads, (q, k, v, _) = int(c.attributes["heads"]), c.inputs
    d, dv = c.widths[0] // heads, c.widths[2] // heads
    places = f"{q}, {k}, {d}, {v}, {dv}, {c.output}"
    causal = int(bool(c.attributes.get("causal")))
    return [f"attention({c.set(0)}, {c.set(1)}, {places}, {heads}, {number(d**-0.5)}, {causal});"]


def _pool(c: Call) -> list[str]:
    kind = c.attributes["kind"]
    places = f"e->row, {c.set(0)}, {c.inputs[0]}, {c.inputs[1]}, {c.output}, {c.node.width}"
    return [f"pool_max({places});"] if kind == "max" else [f"pool_sum({places}, {int(kind == 'mean')});"]


def _flatten(c: Call) -> list[str]:
    places = f"{c.inputs[0]}, {c.inputs[1]}, {c.output}, {c.widths[0]}"
    return [f"flatten(e->row, {c.set(0)}, {places}, {c.attributes['max']});"]


SET_OPERATIONS: dict[str, Callable[[Call], list[str]]] = {
    "objects": _objects,
    "spread": _spread,
    "positions": _positions,
    "attention": _attention,
    "pool": _pool,
    "flatten": _flatten,
}


def check_sets(name: str, sizes: list[int]) -> None:
    """Refuse more objects or extents than C has room for.

    Raises
    ------
    ModelError
        If there are too many; `sizes` are the largest numbers of objects, by extent.
    """
    if max(sizes, default=0) > MAX_OBJECTS or len(sizes) > 8:
        raise ModelError(
            f"model '{name}' has sets of up to {sizes} objects, the C back end has 8 kinds of up to "
            f"{MAX_OBJECTS}: use the numpy back end"
        )

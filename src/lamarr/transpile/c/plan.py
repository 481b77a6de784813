"""Where the values of a graph lie while it runs: places in a small arena, reused when values die.

Objects of an extent have an arena of their own. A place counts features. Selections of neighbouring columns
are views; an operator that treats each number alone writes over its argument when nobody needs that again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lamarr.transpile.c.operations import IN_PLACE
from lamarr.transpile.graph import Graph, Node
from lamarr.transpile.sets import Extent

__all__ = ["GRAIN", "Plan", "plan"]

GRAIN = 16
"""Places are multiples of this, so that vectors of features may run over the end of a value."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`place` of every value, sizes of the arenas of rows and objects, and the nodes that are `views`."""

    place: dict[str, int]
    size: int
    objects_size: dict[Extent, int]
    views: frozenset[str]


def _is_view(node: Node) -> bool:
    columns = node.attributes.get("columns", ())
    return node.op == "select" and list(columns) == list(range(columns[0], columns[0] + len(columns)))


def _roots(inputs: Iterable[str], nodes: Sequence[Node]) -> tuple[dict[str, tuple[str, int]], frozenset[str]]:
    """Every value as (value that owns its memory, offset in it); and the views."""
    roots = {name: (name, 0) for name in inputs}
    views = set()
    for node in nodes:
        roots[node.output] = (node.output, 0)
        if _is_view(node):
            owner, offset = roots[node.inputs[0]]
            roots[node.output] = (owner, offset + node.attributes["columns"][0])
            views.add(node.output)
    return roots, frozenset(views)


class _Arena:
    """First fit among the gaps between blocks in use."""

    def __init__(self) -> None:
        self.blocks: dict[str, tuple[int, int]] = {}
        self.size = 0

    def add(self, name: str, width: int) -> int:
        room = -(-width // GRAIN) * GRAIN
        start = 0
        for low, high in sorted(self.blocks.values()):
            if low - start >= room:
                break
            start = max(start, high)
        self.blocks[name] = (start, start + room)
        self.size = max(self.size, start + room)
        return start


def _last_uses(nodes: Sequence[Node], roots: dict[str, tuple[str, int]]) -> dict[str, int]:
    last = {owner: -1 for owner, _ in roots.values()}
    for i, node in enumerate(nodes):
        for value in (node.output, *node.inputs):
            last[roots[value][0]] = i
    return last


def _over(
    node: Node, index: int, widths: dict[str, int], last: dict[str, int], owners: Sequence[str]
) -> str | None:
    """Name the argument that `node` may write over."""
    for value, owner in zip(node.inputs, owners, strict=True):
        if node.op in IN_PLACE and value == owner and last[owner] == index and widths[value] == node.width:
            return value
    return None


def plan(graph: Graph, nodes: Sequence[Node]) -> Plan:
    """Give every value its place; `nodes` are those of `graph`, as ``fuse`` left them."""
    roots, views = _roots(graph.inputs, nodes)
    last = _last_uses(nodes, roots)
    last[roots[graph.output][0]] = len(nodes)
    widths = {**graph.inputs, **{n.output: n.width for n in nodes}}
    of = graph.extents
    arenas = {extent: _Arena() for extent in (None, *of.values())}
    place = {name: arenas[None].add(name, width) for name, width in graph.inputs.items()}
    for i, node in enumerate(nodes):
        if node.output in views:
            owner, offset = roots[node.output]
            place[node.output] = place[owner] + offset
            continue
        arena = arenas[of[node.output]]
        over = _over(node, i, widths, last, [roots[v][0] for v in node.inputs])
        if over is not None:
            arena.blocks[node.output] = arena.blocks.pop(over)
            place[node.output] = place[over]
        else:
            place[node.output] = arena.add(node.output, node.width)
        for each in arenas.values():
            for owner in [o for o in each.blocks if last[o] <= i]:
                del each.blocks[owner]
    objects = {extent: arena.size for extent, arena in arenas.items() if extent is not None}
    return Plan(place=place, size=arenas[None].size, objects_size=objects, views=views)

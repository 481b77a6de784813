"""Joins neighbouring nodes that one kernel does together."""

from __future__ import annotations

from collections import Counter

from lamarr.transpile.graph import Graph, Node

__all__ = ["FUSED", "fuse"]

FUSED = {"tanh": "add_tanh", "silu": "add_silu", "relu": "add_relu"}
"""Activation → kernel that adds it to another value."""


def fuse(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes of a graph, with each activation joined to the addition that alone reads it."""
    uses = Counter(v for n in graph.nodes for v in n.inputs)
    uses[graph.output] += 1
    nodes: list[Node] = []
    for node in graph.nodes:
        before = nodes[-1] if nodes else None
        if (
            before is not None
            and node.op == "add"
            and before.op in FUSED
            and before.output in node.inputs
            and uses[before.output] == 1
            and before.width == node.width
        ):
            (other,) = (v for v in node.inputs if v != before.output)
            joined = Node(
                op=FUSED[before.op], inputs=(before.inputs[0], other), output=node.output, width=node.width
            )
            nodes[-1] = joined
        else:
            nodes.append(node)
    return tuple(nodes)

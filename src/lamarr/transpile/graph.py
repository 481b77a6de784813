"""The model graph (IR): what a model computes, as named nodes over row-wise vectors.

A value is an array (n, width): n independent rows, or the objects of n rows (:mod:`lamarr.transpile.sets`).
A node applies one operator of :mod:`lamarr.transpile.operators` to the values that it names and gives one
value. Constants (weights, tables) live beside the graph as named arrays. Nothing here knows torch, C or ONNX.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import lamarr.transpile.more_operators  # noqa: F401  defines its operators
from lamarr.errors import ModelError
from lamarr.transpile.operators import operator
from lamarr.transpile.sets import Extent, extents

__all__ = ["Graph", "GraphBuilder", "Node", "Value"]


@dataclass(frozen=True, kw_only=True)
class Node:
    """`output` = operator `op` of `inputs`, with scalar `attributes` and named `constants`."""

    op: str
    inputs: tuple[str, ...]
    output: str
    width: int
    attributes: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A directed acyclic graph in topological order.

    Attributes
    ----------
    inputs : mapping of str to int
        Names and widths of the graph's inputs; by convention ``x`` (conditions) and ``noise`` (N(0, 1)).
    output : str
        Name of the value that the graph gives.
    nodes : tuple of Node
        Every node comes after those that it reads.
    constants : mapping of str to array
        float32 arrays by name.
    """

    inputs: dict[str, int]
    output: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, NDArray[np.float32]]

    def __post_init__(self) -> None:
        """Check every node.

        Raises
        ------
        ModelError
            If a node reads what is not there, names no operator, or its widths do not fit.
        """
        widths = dict(self.inputs)
        for node in self.nodes:
            lacking = [v for v in node.inputs if v not in widths]
            lacking += [c for c in node.constants.values() if c not in self.constants]
            if lacking:
                raise ModelError(
                    f"node '{node.output}' ({node.op}) reads {lacking}, which nothing before it gives"
                )
            if node.output in widths:
                raise ModelError(f"two nodes give a value called '{node.output}'")
            constants = {k: self.constants[c] for k, c in node.constants.items()}
            operator(node.op).check(node.output, constants, node.attributes)
            width = operator(node.op).width([widths[v] for v in node.inputs], constants, node.attributes)
            if width != node.width:
                raise ModelError(
                    f"node '{node.output}' ({node.op}) must have width {width}, but got {node.width}"
                )
            widths[node.output] = width
        if self.output not in widths:
            raise ModelError(f"the graph gives '{self.output}', but no node makes it")
        if self.extents[self.output] is not None:
            raise ModelError(f"the graph gives the objects '{self.output}': 'pool' or 'flatten' them to rows")

    @property
    def extents(self) -> dict[str, Extent | None]:
        """Extent of every value; None for values of rows."""
        return extents(self.inputs, self.nodes)

    @property
    def width(self) -> int:
        """Width of the output."""
        return {**self.inputs, **{node.output: node.width for node in self.nodes}}[self.output]

    @property
    def multiplications(self) -> int:
        """Multiplications per row in the dense layers; for objects, of a row that is full of them."""
        of = self.extents
        return sum(
            self.constants[n.constants["weight"]].size * (extent.max if (extent := of[n.output]) else 1)
            for n in self.nodes
            if n.op == "dense"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the graph without its constants as plain JSON data."""
        return {
            "inputs": self.inputs,
            "output": self.output,
            "nodes": [
                {
                    "op": n.op,
                    "inputs": list(n.inputs),
                    "output": n.output,
                    "width": n.width,
                    **({"attributes": n.attributes} if n.attributes else {}),
                    **({"constants": n.constants} if n.constants else {}),
                }
                for n in self.nodes
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], constants: Mapping[str, NDArray[np.float32]]) -> Graph:
        """Rebuild a graph from :meth:`to_json` and its constants."""
        try:
            nodes = tuple(Node(**{**n, "inputs": tuple(n["inputs"])}) for n in data["nodes"])
            return cls(inputs=dict(data["inputs"]), output=data["output"], nodes=nodes, constants=constants)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"the graph in the card is malformed: {error!r}") from error


@dataclass(frozen=True)
class Value:
    """A value under construction: its name and width."""

    name: str
    width: int


class GraphBuilder:
    """Builds a :class:`Graph` node by node.

    Examples
    --------
    >>> b = GraphBuilder(x=2)
    >>> y = b.add("tanh", b.dense(b.input("x"), [[1.0], [1.0]], [0.0]))
    >>> b.finish(y).multiplications
    2
    """

    def __init__(self, **inputs: int) -> None:
        self._inputs = {name: width for name, width in inputs.items() if width}
        self._nodes: list[Node] = []
        self._constants: dict[str, NDArray[np.float32]] = {}

    def input(self, name: str) -> Value:
        """Return an input of the graph."""
        if name not in self._inputs:
            raise ModelError(f"the graph has the inputs {list(self._inputs)}, but got '{name}'")
        return Value(name, self._inputs[name])

    def add(
        self, op: str, *values: Value, attributes: dict[str, Any] | None = None, **constants: ArrayLike
    ) -> Value:
        """Append a node and return its value."""
        name = f"{op}_{len(self._nodes)}"
        arrays = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in constants.items()}
        operator(op).check(name, arrays, attributes or {})
        width = operator(op).width([v.width for v in values], arrays, attributes or {})
        names = {k: f"{name}.{k}" for k in arrays}
        self._constants.update({names[k]: a for k, a in arrays.items()})
        self._nodes.append(
            Node(
                op=op,
                inputs=tuple(v.name for v in values),
                output=name,
                width=width,
                attributes=attributes or {},
                constants=names,
            )
        )
        return Value(name, width)

    def dense(self, value: Value, weight: ArrayLike, bias: ArrayLike) -> Value:
        """Append y = x W + b, with W (inputs, outputs)."""
        return self.add("dense", value, weight=weight, bias=bias)

    def select(self, value: Value, columns: Sequence[int]) -> Value:
        """Append the given columns of a value."""
        return self.add("select", value, attributes={"columns": [int(c) for c in columns]})

    def concat(self, *values: Value) -> Value:
        """Append the values side by side."""
        return self.add("concat", *values)

    def objects(self, value: Value, count: Value, most: int) -> Value:
        """Append `value` as up to `most` objects side by side, of which `count` are there."""
        return self.add("objects", value, count, attributes={"max": most})

    def finish(self, output: Value) -> Graph:
        """Return the graph that gives `output`."""
        return Graph(
            inputs=self._inputs, output=output.name, nodes=tuple(self._nodes), constants=self._constants
        )

"""Calibration of drawn scores by species, type of track and momentum.

A trained density is a little wrong everywhere, and where it is wrong depends on species, type of track and
momentum most. In bins of these the quantiles of the scores z that a model draws are put beside those of the
teacher's draws for the same tracks, at a few distances u from the median in half widths of the bin:

    z' = z + f_0 + sum_k c_k max(u - u_k, 0),    u = (z - median) / half width

a shift that is linear between the u_k and constant beyond the outermost. The bins are leaves of one tree: a
row costs a walk through it and a few additions per output. Maps rise with z in each output, so a calibrated
covariance stays positive definite and |dp| < p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, ModelError
from lamarr.transpile import Graph, GraphBuilder, Model, Value
from lamarr.transpile.graph import Node

__all__ = ["GROUPS", "Calibration", "calibrated", "drawing", "target_tables"]

Array = NDArray[Any]

GROUPS: Final = tuple(
    (species, kind) for species in ("is_e", "is_mu", "is_h") for kind in ("long", "upstream", "downstream")
)
"""Species and type of track: flags among the conditions."""

KNOTS: Final = (-2.3, -1.0, -0.35, 0.35, 1.0, 2.3)
"""Distances from the median, in half widths of the central 68 %, at which quantiles are matched."""

_LEVELS: Final = tuple(NormalDist().cdf(s) for s in np.linspace(-3, 3, 49))

BINS: Final = 12
SMALLEST: Final = 2000
"""Tracks in a bin: a group with fewer than :data:`BINS` times as many has fewer bins, or none."""

_NARROWEST: Final = 1e-3
"""Least half width of drawn scores, and least slope of a map."""


@dataclass(frozen=True)
class Calibration:
    """Shifts of scores in bins of log10 p for each of :data:`GROUPS`.

    Attributes
    ----------
    columns : tuple of int
        Columns of the conditions: the flags e, mu and long, upstream, and log10 p.
    edges : tuple of arrays
        Inner edges of the bins of each group; None for a group that stays as it is.
    median, half_width : arrays (bins, outputs)
        Of the drawn scores in all bins, group by group.
    shifts : array (bins, knots, outputs)
        At :data:`KNOTS`.
    """

    columns: tuple[int, ...]
    edges: tuple[Array | None, ...]
    median: Array
    half_width: Array
    shifts: Array

    @classmethod
    def fit(cls, inputs: Sequence[str], conditions: Array, drawn: Array, true: Array) -> Calibration:
        """Match the quantiles of drawn scores to those of true ones.

        Parameters
        ----------
        conditions : array (n, inputs)
        drawn : array (passes, n, outputs)
            Draws of the model for these conditions.
        true : array (n, outputs)

        Raises
        ------
        ConfigurationError
            If no group has enough tracks.
        """
        log_p = conditions[:, inputs.index("log10_p")]
        edges: list[Array | None] = []
        found: list[tuple[Array, Array, Array]] = []
        for flags in GROUPS:
            of = np.flatnonzero((conditions[:, [inputs.index(f) for f in flags]] > 0).all(axis=1))
            bins = min(BINS, len(of) // SMALLEST)
            if not bins:
                edges.append(None)
                continue
            inner = np.quantile(log_p[of], np.arange(1, bins) / bins).astype(np.float32)
            edges.append(inner)
            bin_of = np.searchsorted(inner, log_p[of])
            for b in range(bins):
                rows = of[bin_of == b]
                found.append(_matched(drawn[:, rows].reshape(-1, true.shape[1]), true[rows]))
        if not found:
            raise ConfigurationError(
                f"a species and type of track must have at least {SMALLEST} tracks to be calibrated, but "
                f"the sample has {len(conditions)} tracks in all"
            )
        names = ("is_e", "is_mu", "long", "upstream", "log10_p")
        columns = tuple(inputs.index(n) for n in names)
        return cls(columns, tuple(edges), *(np.stack(a) for a in zip(*found, strict=True)))

    def leaves(self) -> Array:
        """Return median, 1 / half width, f_0 and c_k of all bins and, last, of none: (bins + 1, …)."""
        slope = np.diff(self.shifts, axis=1) / np.diff(KNOTS)[:, None]
        none = np.zeros_like(slope[:, :1])
        change = np.diff(np.concatenate([none, slope, none], axis=1), axis=1)
        columns = [self.median[:, None], 1 / self.half_width[:, None], self.shifts[:, :1], change]
        found = np.concatenate(columns, axis=1).reshape(len(change), -1)
        return np.concatenate([found, np.zeros_like(found[:1])])

    def tree(self) -> dict[str, Array]:
        """Constants of the operator ``trees``: flags first, then momentum."""
        values = self.leaves()
        nodes: list[list[float]] = []
        leaf: list[int] = []
        first = np.cumsum([0, *(0 if e is None else len(e) + 1 for e in self.edges)])

        def node(column: int, threshold: float) -> int:
            nodes.append([column, threshold, len(nodes), len(nodes)])
            leaf.append(len(values) - 1)
            return len(nodes) - 1

        def branch(column: int, threshold: float, low: Any, high: Any) -> int:
            at = node(column, threshold)
            nodes[at][2], nodes[at][3] = low(), high()
            return at

        def momentum(edges: Array, begin: int) -> int:
            if not len(edges):
                at = node(4, 0.0)
                leaf[at] = begin
                return at
            m = len(edges) // 2
            return branch(
                4,
                float(edges[m]),
                lambda: momentum(edges[:m], begin),
                lambda: momentum(edges[m + 1 :], begin + m + 1),
            )

        def group(number: int) -> int:
            edges = self.edges[number]
            return node(4, 0.0) if edges is None else momentum(edges, int(first[number]))

        def kind(species: int) -> int:
            own = 3 * species
            return branch(
                2,
                0.5,
                lambda: branch(3, 0.5, lambda: group(own + 2), lambda: group(own + 1)),
                lambda: group(own),
            )

        branch(0, 0.5, lambda: branch(1, 0.5, lambda: kind(2), lambda: kind(1)), lambda: kind(0))
        return {
            "nodes": np.array(nodes, np.float32),
            "value": values[leaf].astype(np.float32),
            "roots": np.zeros(1, np.float32),
        }

    def lower(self, b: GraphBuilder, x: Value, z: Value) -> Value:
        """Append the calibrated scores of `z` (n, outputs) for conditions `x`."""
        deepest = 4 + (BINS - 1).bit_length()
        row = b.add("trees", b.select(x, self.columns), attributes={"depth": deepest}, **self.tree())
        width = z.width

        def part(k: int) -> Value:
            return b.select(row, range(k * width, (k + 1) * width))

        u = b.add("multiply", b.add("subtract", z, part(0)), part(1))
        total = b.add("add", z, part(2))
        for k, knot in enumerate(KNOTS):
            above = b.add("relu", b.add("affine", u, scale=[1.0] * width, shift=[-knot] * width))
            total = b.add("add", total, b.add("multiply", part(3 + k), above))
        return total


def _matched(drawn: Array, true: Array) -> tuple[Array, Array, Array]:
    """Median and half width of drawn scores (n, outputs), and shifts (knots, outputs) to the true ones."""
    ours, theirs = (np.quantile(z, _LEVELS, axis=0) for z in (drawn, true))
    low, median, high = np.quantile(drawn, [NormalDist().cdf(s) for s in (-1, 0, 1)], axis=0)
    half = np.maximum((high - low) / 2, _NARROWEST)
    at = median + np.array(KNOTS)[:, None] * half
    shifts = np.empty_like(at)
    for j in range(at.shape[1]):
        shifts[:, j] = np.interp(at[:, j], ours[:, j], theirs[:, j] - ours[:, j])
    # between knots the map must rise
    step = np.maximum(np.diff(at + shifts, axis=0), _NARROWEST * np.diff(at, axis=0))
    image = np.concatenate([at[:1] + shifts[:1], at[:1] + shifts[:1] + np.cumsum(step, axis=0)])
    return median, half, image - at


def _table(graph: Graph) -> Node:
    """Return the node that turns scores into values: the last piecewise linear map.

    Raises
    ------
    ModelError
        If there is none, or one for each type of track.
    """
    maps = [n for n in graph.nodes if n.op == "interpolate"]
    if not maps or any(n.inputs == maps[-1].inputs for n in maps[:-1]):
        raise ModelError("a model must have one table of scores per output to be calibrated")
    return maps[-1]


def target_tables(model: Model) -> tuple[Array, Array]:
    """Scores and values (outputs, knots) of the tables of a model."""
    node = _table(model.graph)
    scores, values = (model.graph.constants[node.constants[k]] for k in ("x", "y"))
    return scores, values


def drawing(model: Model) -> Model:
    """Return the model that gives scores where `model` gives values."""
    graph, output = model.graph, _table(model.graph).inputs[0]
    wanted, nodes = {output}, list[Node]()
    for node in reversed(graph.nodes):
        if node.output in wanted:
            nodes.insert(0, node)
            wanted.update(node.inputs)
    constants = {c: graph.constants[c] for n in nodes for c in n.constants.values()}
    short = Graph(inputs=graph.inputs, output=output, nodes=tuple(nodes), constants=constants)
    names = tuple(f"score_{k}" for k in range(short.width))
    return replace(model, outputs=names, graph=short)


def calibrated(model: Model, calibration: Calibration) -> Model:
    """Return the model with calibrated scores."""
    graph, table = model.graph, _table(model.graph)
    b = GraphBuilder(x=graph.inputs["x"], z=table.width)
    added = b.finish(calibration.lower(b, b.input("x"), b.input("z")))
    names = {"x": "x", "z": table.inputs[0]}
    for node in added.nodes:
        names[node.output] = f"calibration_{node.output}"
    new = [
        replace(
            n,
            inputs=tuple(names[i] for i in n.inputs),
            output=names[n.output],
            constants={k: f"calibration_{c}" for k, c in n.constants.items()},
        )
        for n in added.nodes
    ]
    at = graph.nodes.index(table)
    nodes = (*graph.nodes[:at], *new, replace(table, inputs=(names[added.output],)), *graph.nodes[at + 1 :])
    constants = {**graph.constants, **{f"calibration_{c}": a for c, a in added.constants.items()}}
    return replace(
        model,
        graph=Graph(inputs=graph.inputs, output=graph.output, nodes=nodes, constants=constants),
    )

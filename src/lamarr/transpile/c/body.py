"""The C of one model: a function per layer, and one that takes a batch through them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from string import Template

from lamarr.errors import ModelError
from lamarr.transpile.c.call import Call
from lamarr.transpile.c.fuse import fuse
from lamarr.transpile.c.operations import operation
from lamarr.transpile.c.pack import Table
from lamarr.transpile.c.plan import Plan, plan
from lamarr.transpile.c.set_operations import SET_OPERATIONS, check_sets
from lamarr.transpile.graph import Graph, Node
from lamarr.transpile.model import Model
from lamarr.transpile.sets import Extent

__all__ = ["body", "template"]

TILE = 48
"""Rows or objects of the widest tile."""

MAX_ARENA = TILE * 20_000
"""Numbers on the stack: 4 MB of float32."""


def template(name: str) -> Template:
    """Return a template of this package."""
    return Template(resources.files(__package__).joinpath("templates", name).read_text())


class _Body:
    """Writes the layers of a model; `extents` are numbered."""

    def __init__(self, model: Model, table: Table, weights: str) -> None:
        self.model, self.graph, self.table, self.weights = model, model.graph, table, weights
        self.nodes = fuse(model.graph)
        self.where: Plan = plan(model.graph, self.nodes)
        self.of = model.graph.extents
        self.extents: list[Extent] = list(dict.fromkeys(e for e in self.of.values() if e))
        self.widths = _widths(model.graph)

    def layers(self) -> list[tuple[int, Node]]:
        return [(i, n) for i, n in enumerate(self.nodes) if n.output not in self.where.views]

    def number(self, value: str) -> int:
        extent = self.of[value]
        return self.extents.index(extent) if extent else -1

    def layer(self, index: int, node: Node) -> str:
        """Write the function of a layer."""
        call = Call(
            node=node,
            inputs=[self.where.place[v] for v in node.inputs],
            widths=[self.widths[v] for v in node.inputs],
            output=self.where.place[node.output],
            constants={k: self.graph.constants[c] for k, c in node.constants.items()},
            table=lambda values: f"{self.weights} + {self.table.add(values)}",
            of=[self.number(v) for v in (*node.inputs, node.output)],
        )
        arguments = ", ".join(f"{v} ({self.widths[v]})" for v in node.inputs)
        lines = "\n".join(f"  {line}" for line in operation(node.op)(call))
        argument = "const event *e" if node.op in SET_OPERATIONS else "tile t"
        return (
            f"/* {node.op}: {arguments} -> {node.output} ({node.width}) */\n"
            f"static void model_{self.model.name}_{index}({argument}) {{\n{lines}\n}}\n"
        )

    def call(self, index: int, node: Node) -> str:
        """Write the call of a layer, for a tile of rows or for an event with objects."""
        name, extent = f"model_{self.model.name}_{index}", self.of[node.output]
        if not self.extents:
            rows = "" if node.op == "dense" else "EACH_ROW(r, t) "
            return f"  {rows}{name}({'t' if not rows else 'one_row(t, r)'});"
        if extent is not None and node.op in ("objects", "spread", "positions"):
            place = self.where.place[node.inputs[-1]]
            count = f"  e->of[{self.number(node.output)}].n = present(e->row, {place}, {extent.max});\n"
            return f"{count}  {name}(e);"
        if node.op in SET_OPERATIONS:
            return f"  {name}(e);"
        if extent is None:
            return f"  {name}(e->row);"
        objects = f"e->of + {self.number(node.output)}"
        return f"  EACH_CHUNK(first, {objects}) {name}(chunk({objects}, first));"

    def arenas(self) -> tuple[str, str]:
        """Declare the memory of objects; and the C that points to it."""
        declared, pointers = [], []
        for i, extent in enumerate(self.extents):
            size = self.where.objects_size[extent]
            declared.append(f"objects_{i}[{size} * (({extent.max} + TILE - 1) / TILE) * TILE + VL]")
            pointers.append(f"{{objects_{i}, {size} * TILE, 0}}")
        return ", ".join(declared), ", ".join(pointers)


_CYCLES = {
    "softmax": 20,
    "interpolate": 25,
    "vine": 20,
    "layer_norm": 6,
    "one_hot": 2,
    "spline": 200,
    "pick": 10,
}
"""Cycles that a number of their result takes, for a row as for a vector of rows."""


def rowwise_cycles(nodes: Sequence[Node]) -> int:
    """Cycles for which a row alone takes as long as a vector of rows; of each node, some 40 (measured)."""
    return sum(_CYCLES.get(n.op, 0) * n.width + 40 for n in nodes)


def _widths(graph: Graph) -> dict[str, int]:
    return {**graph.inputs, **{n.output: n.width for n in graph.nodes}}


def _check_size(name: str, where: Plan) -> None:
    """Refuse what does not fit: a tile of rows, or one row and its objects in whole tiles."""
    objects = sum(size * -(-e.max // TILE) for e, size in where.objects_size.items())
    need = where.size + TILE * objects if where.objects_size else TILE * where.size
    if need > MAX_ARENA:
        raise ModelError(
            f"model '{name}' needs room for {need} numbers, the C back end has {MAX_ARENA}: use the numpy "
            "back end"
        )


def body(model: Model, table: Table, weights: str) -> str:
    """Return the C of a model; its constants go into `table`, which the code calls `weights`.

    Raises
    ------
    ModelError
        If it has an operator that C does not know, or needs too much room.
    """
    writer = _Body(model, table, weights)
    where, sizes = writer.where, [e.max for e in writer.extents]
    check_sets(model.name, sizes)
    _check_size(model.name, where)
    fields = {
        "name": model.name,
        "size": where.size,
        "inputs": len(model.inputs),
        "noise": model.n_noise,
        "outputs": len(model.outputs),
        "x_at": where.place["x"],
        "noise_at": where.place.get("noise", 0),
        "y_at": where.place[model.graph.output],
        "multiplications": model.graph.multiplications,
        "rowwise": rowwise_cycles(writer.nodes),
        "calls": "\n".join(writer.call(i, n) for i, n in writer.layers()),
    }
    arenas, pointers = writer.arenas()
    run = template("objects.c" if sizes else "rows.c")
    return template("model.c").substitute(
        fields,
        layers="\n".join(writer.layer(i, n) for i, n in writer.layers()),
        run=run.substitute(fields, arenas=arenas, pointers=pointers),
    )

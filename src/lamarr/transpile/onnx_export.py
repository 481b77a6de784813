"""Writes a model graph as ONNX (opset 17), for run times outside of Lamarr; needs the extra ``onnx``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lamarr.errors import MissingExtraError, ModelError
from lamarr.publishing import beside
from lamarr.transpile.graph import Graph, Node
from lamarr.transpile.model import Model
from lamarr.transpile.onnx_operators import EXPORT

__all__ = ["Writer", "export_onnx", "models_to_onnx", "to_onnx"]

OPSET = 17


class Writer:
    """Collects ONNX nodes and constants, named after the values of the graph."""

    def __init__(self, graph: Graph) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self.graph, self.extents = graph, graph.extents
        self._widths = {**graph.inputs, **{n.output: n.width for n in graph.nodes}}
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def const(self, values: ArrayLike, dtype: Any = np.float32) -> str:
        """Append a constant; return its name."""
        name = f"const_{len(self.initializers)}"
        self.initializers.append(self._numpy.from_array(np.ascontiguousarray(values, dtype), name))
        return name

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Append an ONNX node; return the name of its output."""
        output = name or f"{kind.lower()}__{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def width(self, value: str) -> int:
        """Width of a value of the graph."""
        return self._widths[value]

    def constant_of(self, node: Node, name: str) -> Any:
        """Return a constant of a node."""
        return self.graph.constants[node.constants[name]]

    def columns(self, value: str, first: int, last: int) -> str:
        """Append the columns `first` … `last` − 1."""
        bounds = (self.const([i], np.int64) for i in (first, last, 1))
        return self.op("Slice", value, *bounds)


def to_onnx(model: Model) -> Any:
    """Return the model as ``onnx.ModelProto``: inputs ``x`` and ``noise``, output ``y``.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    ModelError
        If an operator has no translation.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise MissingExtraError("ONNX needs the extra 'onnx': pip install 'lamarr[onnx]'") from error

    graph = model.graph
    w = Writer(graph)
    for node in graph.nodes:
        if node.op not in EXPORT:
            raise ModelError(f"operator '{node.op}' of model '{model.name}' has no translation to ONNX")
        w.op("Identity", EXPORT[node.op](w, node), name=node.output)
    w.op("Identity", graph.output, name="y")
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
        for name, width in graph.inputs.items()
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", graph.width])
    body = helper.make_graph(w.nodes, model.name, inputs, [output], w.initializers)
    result = helper.make_model(
        body,
        opset_imports=[helper.make_opsetid(*o) for o in (("", OPSET), ("ai.onnx.ml", 3))],
        producer_name="lamarr",
    )
    result.ir_version = 8
    helper.set_model_props(result, {"inputs": " ".join(model.inputs), "outputs": " ".join(model.outputs)})
    return result


def models_to_onnx(models: Sequence[Model], name: str = "models") -> Any:
    """Return models side by side as one ``onnx.ModelProto``, for instance those of a set.

    Inputs are ``NAME_x`` and ``NAME_noise``, outputs ``NAME_y``; what a pipeline computes between its models
    is not in it.

    Raises
    ------
    MissingExtraError, ModelError
        See :func:`to_onnx`.
    """
    parts = [to_onnx(m) for m in models]
    from onnx import compose, helper

    named = [compose.add_prefix(p, f"{m.name}_").graph for p, m in zip(parts, models, strict=True)]
    nodes, inputs, outputs, constants = (
        [each for g in named for each in getattr(g, field)]
        for field in ("node", "input", "output", "initializer")
    )
    body = helper.make_graph(nodes, name, inputs, outputs, constants)
    result = helper.make_model(body, opset_imports=parts[0].opset_import, producer_name="lamarr")
    result.ir_version = parts[0].ir_version
    return result


def export_onnx(model: Model | Sequence[Model], path: Path | str) -> Path:
    """Write a model, or several side by side, as an ONNX file, after ONNX's own check; return its path."""
    file = Path(path)
    result = to_onnx(model) if isinstance(model, Model) else models_to_onnx(model, file.stem)
    from onnx import checker

    checker.check_model(result, full_check=True)
    with beside(file) as part:
        part.write_bytes(result.SerializeToString())
    return file

"""ONNX graphs over rows as model graphs, within the operators that there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import InputFileError, MissingExtraError, ModelError, near_misses
from lamarr.transpile.graph import Graph, GraphBuilder, Value
from lamarr.transpile.imports.onnx_nodes import NODES, OnnxNode

__all__ = ["import_onnx"]


def _load(path: Path) -> Any:
    if not path.is_file():
        raise InputFileError(f"no file is called '{path}'")
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("ONNX needs the extra 'onnx': pip install 'lamarr[onnx]'") from error
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:  # the parser of protocol buffers has errors of its own
        raise InputFileError(f"'{path}' must be an ONNX model, but: {error}") from error
    return model


def _width(path: Path, info: Any) -> int:
    dims = [d.dim_value or None for d in info.type.tensor_type.shape.dim]
    if len(dims) != 2 or dims[1] is None:
        raise ModelError(
            f"{path}: input '{info.name}' must be rows of numbers (rows, columns), but got the shape {dims}"
        )
    return int(dims[1])


def _nodes(graph: Any, constants: dict[str, NDArray[Any]]) -> Iterator[OnnxNode]:
    from onnx import helper

    for proto in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
        yield OnnxNode(
            kind=proto.op_type,
            name=proto.name or proto.output[0],
            inputs=tuple(proto.input),
            outputs=tuple(proto.output),
            attributes=attributes,
            constants=constants,
        )


def _constant(node: OnnxNode) -> NDArray[Any]:
    from onnx import numpy_helper

    if "value" in node.attributes:
        return np.asarray(numpy_helper.to_array(node.attributes["value"]))
    for name in ("value_float", "value_floats", "value_int", "value_ints"):
        if name in node.attributes:
            return np.asarray(node.attributes[name])
    raise ModelError(f"ONNX node '{node.name}' (Constant) must hold numbers")


def _run(builder: GraphBuilder, graph: Any, known: dict[str, Value], path: Path) -> None:
    from onnx import numpy_helper

    constants = {i.name: np.asarray(numpy_helper.to_array(i)) for i in graph.initializer}
    for node in _nodes(graph, constants):
        if node.kind == "Constant":
            constants[node.outputs[0]] = _constant(node)
            continue
        if node.kind not in NODES:
            hint = near_misses(node.kind, NODES) or sorted(NODES)
            raise ModelError(
                f"{path}: ONNX operator {node.kind} ('{node.name}') cannot be imported; these can: "
                f"{', '.join(hint)}. Leave it out of the exported model, or express it by those"
            )
        values = [known.get(name) for name in node.inputs]
        known |= dict(zip(node.outputs, NODES[node.kind](builder, node, values), strict=False))


def import_onnx(path: Path | str) -> Graph:
    """Return the model of an ONNX file as a graph.

    Its first input is ``x``, its second, if there is one, ``noise``; outputs lie side by side.

    Raises
    ------
    InputFileError
        If the file is missing or damaged.
    ModelError
        If an operator, or one of its settings, cannot be imported; it is named.
    """
    file = Path(path)
    graph = _load(file).graph
    held = {i.name for i in graph.initializer}
    inputs = [i for i in graph.input if i.name not in held]
    if not 1 <= len(inputs) <= 2:
        raise ModelError(f"{path} must have one input, or conditions and noise, but has {len(inputs)}")
    names = ("x", "noise")[: len(inputs)]
    builder = GraphBuilder(**{n: _width(file, i) for n, i in zip(names, inputs, strict=True)})
    known = {i.name: builder.input(n) for n, i in zip(names, inputs, strict=True)}
    _run(builder, graph, known, file)
    lacking = [o.name for o in graph.output if o.name not in known]
    if lacking:
        raise ModelError(f"{path}: the outputs {lacking} do not depend on the input")
    outputs = [known[o.name] for o in graph.output]
    y = outputs[0] if len(outputs) == 1 else builder.concat(*outputs)
    return builder.finish(builder.select(y, range(y.width)) if y in known.values() and y.name in names else y)

"""From an imported graph to a model with named columns, ready to be saved, compiled or exported."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lamarr.errors import ModelError, raise_unknown
from lamarr.transpile.graph import Graph, Node
from lamarr.transpile.imports.keras import import_keras
from lamarr.transpile.imports.onnx import import_onnx
from lamarr.transpile.model import Model

__all__ = ["import_file", "model_from", "with_noise"]

_READERS = {".onnx": import_onnx, ".keras": import_keras, ".h5": import_keras, ".hdf5": import_keras}


def with_noise(graph: Graph, n: int) -> Graph:
    """Return a graph whose last `n` columns of ``x`` come from an input ``noise``.

    Raises
    ------
    ModelError
        If it has an input ``noise`` already, or no columns would be left.
    """
    if "noise" in graph.inputs:
        raise ModelError("the graph has an input for noise already")
    width = graph.inputs["x"]
    if not 0 < n < width:
        raise ModelError(f"0 < noise < {width} columns must hold, but got (noise={n})")
    joined = Node(op="concat", inputs=("x", "noise"), output="conditions_and_noise", width=width)
    nodes = [
        replace(node, inputs=tuple(joined.output if v == "x" else v for v in node.inputs))
        for node in graph.nodes
    ]
    output = joined.output if graph.output == "x" else graph.output
    return Graph(
        inputs={"x": width - n, "noise": n},
        output=output,
        nodes=(joined, *nodes),
        constants=graph.constants,
    )


def _names(given: Sequence[str] | None, kind: str, n: int) -> tuple[str, ...]:
    names = tuple(given or (f"{kind}{i}" for i in range(n)))
    if len(names) != n or len(set(names)) != n:
        raise ModelError(f"{n} different names of {kind} columns must be given, but got {list(names)}")
    return names


def model_from(
    graph: Graph,
    name: str,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    noise: int = 0,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    card: Mapping[str, Any] | None = None,
) -> Model:
    """Return a model of an imported graph.

    Parameters
    ----------
    graph : Graph
        What an importer gave.
    name : str
        Name of the model, an identifier.
    inputs, outputs : sequence of str, optional
        Names of the columns; by default ``in0``, …, and ``out0``, ….
    noise : int
        So many of the last columns of the input are N(0, 1) noise, which the model gets apart.
    ranges : mapping, optional
        Range of each input in the training sample; rows outside are flagged.
    card : mapping, optional
        What else is known: training sample, metrics, licence.

    Raises
    ------
    ModelError
        If the names do not fit to the columns.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ModelError(f"a model must have a name that C can use (letters, digits, _), but got '{name}'")
    if noise:
        graph = with_noise(graph, noise)
    return Model(
        name=name,
        inputs=_names(inputs, "in", graph.inputs["x"]),
        outputs=_names(outputs, "out", graph.width),
        n_noise=graph.inputs.get("noise", 0),
        ranges=dict(ranges or {}),
        graph=graph,
        card=dict(card or {}),
    )


def import_file(path: Path | str) -> Graph:
    """Return the model of a file as a graph: ``.onnx``, ``.keras``, ``.h5``.

    Raises
    ------
    InputFileError, ModelError
        See the importers.
    UnknownNameError
        If the suffix is none of these.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        raise_unknown("kind of model file", suffix, _READERS, ModelError)
    return _READERS[suffix](path)

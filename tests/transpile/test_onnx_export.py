"""ONNX against the interpreter, by onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from transpile_graphs import OPS, RandomGraph, graphs, inputs_of, model_of

from lamarr.transpile import OPERATORS, Graph, evaluate
from lamarr.transpile.onnx_export import _EXPORT, export_onnx, to_onnx

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def run(content: bytes, inputs: dict[str, np.ndarray]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}
    return session.run(None, {k: v for k, v in inputs.items() if k in wanted})[0]


def check(graph: Graph) -> None:
    inputs = inputs_of(graph, 300)
    got = run(to_onnx(model_of(graph)).SerializeToString(), inputs)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, **inputs).astype(np.float64)
        exact = evaluate(graph, dtype=np.float64, **inputs)
    spread = np.maximum(expected.std(axis=0), 1e-3 * np.abs(expected).max(axis=0))
    near = np.abs(got - expected) <= 1e-5 * spread + 4 * np.abs(expected - exact).max(axis=0)
    assert (~near.all(axis=1)).sum() <= 2 * any(n.op in {"pick", "trees", "one_hot"} for n in graph.nodes)


def test_every_operator_has_a_translation() -> None:
    assert set(_EXPORT) == set(OPERATORS)


@pytest.mark.parametrize("op", OPS)
def test_each_operator(op: str) -> None:
    growing = RandomGraph(4, 5, noise=True)
    for step in ("dense", op):
        growing.step(step)
    check(growing.finish())


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(graphs())
def test_random_graphs(graph: Graph) -> None:
    check(graph)


def test_file_is_checked_and_named(tmp_path: Path) -> None:
    growing = RandomGraph(4, 5, noise=True)
    growing.step("dense")
    path = export_onnx(model_of(growing.finish()), tmp_path / "model.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert run(path.read_bytes(), inputs_of(growing.finish(), 3)).shape[0] == 3

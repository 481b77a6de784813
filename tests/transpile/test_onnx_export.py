"""ONNX against the interpreter, by onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from transpile_graphs import OPS, RandomGraph, chooses, graphs, inputs_of, model_of, spread_and_rounding

from lamarr.parametrizations.sets import load_set
from lamarr.transpile import OPERATORS, Graph, evaluate
from lamarr.transpile.onnx_export import export_onnx, to_onnx
from lamarr.transpile.onnx_operators import EXPORT

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
    spread, rounding = spread_and_rounding(graph, expected, exact)
    near = np.abs(got - expected) <= 1e-5 * spread + 4 * rounding
    assert (~near.all(axis=1)).sum() <= 2 * chooses(graph)


def test_every_operator_has_a_translation() -> None:
    assert set(EXPORT) == set(OPERATORS)


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


def test_the_models_of_a_set_in_one_file(tmp_path: Path) -> None:
    models = list(load_set("lhcb2016-magup").models.values())
    path = export_onnx(models, tmp_path / "set.onnx")
    rng = np.random.default_rng(1)
    inputs = {}
    for m in models:
        x = rng.integers(0, 2, (200, len(m.inputs))).astype(np.float32)
        for name, (low, high) in m.ranges.items():
            x[:, m.inputs.index(name)] = rng.uniform(low, high, 200)
        inputs |= {f"{m.name}_x": x}
        if m.n_noise:
            inputs |= {f"{m.name}_noise": rng.normal(size=(200, m.n_noise)).astype(np.float32)}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert {i.name for i in session.get_inputs()} == set(inputs)
    for output, got in zip(session.get_outputs(), session.run(None, inputs), strict=True):
        m = next(m for m in models if output.name == f"{m.name}_y")
        given = {k.removeprefix(f"{m.name}_"): v for k, v in inputs.items() if k.startswith(f"{m.name}_")}
        off = np.abs(got - evaluate(m.graph, **given)) / evaluate(m.graph, **given).std(axis=0)
        assert np.median(off.max(axis=1)) < 1e-4
        assert (off.max(axis=1) > 1e-2).sum() <= 2  # a category drawn within the rounding of its probability


def test_file_is_checked_and_named(tmp_path: Path) -> None:
    growing = RandomGraph(4, 5, noise=True)
    growing.step("dense")
    path = export_onnx(model_of(growing.finish()), tmp_path / "model.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert run(path.read_bytes(), inputs_of(growing.finish(), 3)).shape[0] == 3

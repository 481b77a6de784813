"""ONNX files as graphs: what Lamarr writes, what others write, and what cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transpile_graphs import RandomGraph, inputs_of, model_of

from lamarr.errors import InputFileError, ModelError
from lamarr.transpile import evaluate
from lamarr.transpile.imports import import_onnx
from lamarr.transpile.onnx_export import export_onnx

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(7)
X = RNG.normal(size=(40, 4)).astype(np.float32)
SAME = (
    *("absolute", "add", "affine", "asinh", "clip", "concat", "dense", "divide", "exp", "leaky_relu", "log"),
    *("multiply", "relu", "select", "sigmoid", "silu", "sinh", "softmax", "softplus", "sqrt", "subtract"),
    *("tanh", "elu", "selu", "gelu", "prelu", "layer_norm", "normal_cdf", "trees"),
)


@pytest.mark.parametrize("op", SAME)
def test_what_lamarr_writes_it_reads(op: str, tmp_path: Path) -> None:
    growing = RandomGraph(4, 5, noise=True)
    for step in ("dense", op):
        growing.step(step)
    noise = growing.b.add("affine", growing.values[1], scale=[0.01], shift=[0.0])
    growing.values.append(growing.b.concat(growing.values[-1], noise))
    graph = growing.finish()
    read = import_onnx(export_onnx(model_of(graph), tmp_path / "g.onnx"))
    inputs = inputs_of(graph, 200)
    np.testing.assert_allclose(evaluate(read, **inputs), evaluate(graph, **inputs), rtol=1e-5, atol=1e-5)


def write(path: Path, *nodes: Any, outputs: tuple[str, ...] = ("y",), **constants: Any) -> Path:
    held = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    ends = [helper.make_tensor_value_info(o, TensorProto.FLOAT, ["n", "m"]) for o in outputs]
    start = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])]
    graph = helper.make_graph(list(nodes), "g", start, ends, held)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def node(kind: str, *inputs: str, out: tuple[str, ...] = ("y",), **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), list(out), **attributes)


def f32(*values: float) -> Any:
    return np.array(values, np.float32)


NODES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "gemm": (
        [node("Gemm", "x", "w", "c", transB=1, alpha=0.5, beta=2.0)],
        {"w": RNG.normal(size=(3, 4)).astype(np.float32), "c": f32(1, 2, 3)},
    ),
    "matmul": ([node("MatMul", "x", "w")], {"w": RNG.normal(size=(4, 2)).astype(np.float32)}),
    "minus": ([node("Sub", "c", "x")], {"c": f32(1, 2, 3, 4)}),
    "over": ([node("Div", "c", "x")], {"c": f32(2)}),
    "clip": ([node("Clip", "x", "", "c")], {"c": np.float32(0.3)}),
    "max": ([node("Max", "c", "x")], {"c": f32(0.1)}),
    "gather": ([node("Gather", "x", "c", axis=1)], {"c": np.array([2, -1])}),
    "power": ([node("Pow", "x", "c")], {"c": np.float32(3)}),
    "sum": ([node("ReduceSum", "x", "c", keepdims=1)], {"c": np.array([1])}),
    "mean": ([node("ReduceMean", "x", "c", keepdims=1)], {"c": np.array([-1])}),
    "gelu": ([node("Gelu", "x", approximate="tanh")], {}),
    "negative": ([node("Neg", "x")], {}),
    "reshape": ([node("Reshape", "x", "c")], {"c": np.array([-1, 4])}),
    "slice": (
        [node("Slice", "x", "a", "b", "c", "d")],
        {"a": np.array([3]), "b": np.array([-9]), "c": np.array([1]), "d": np.array([-2])},
    ),
    "split": (
        [node("Split", "x", "c", out=("a", "b"), axis=1), node("Concat", "b", "a", axis=1)],
        {"c": np.array([1, 3])},
    ),
    "constant": (
        [node("Constant", out=("c",), value=numpy_helper.from_array(f32(1, 2, 3, 4))), node("Mul", "x", "c")],
        {},
    ),
    "batch_norm": (
        [node("BatchNormalization", "x", "a", "b", "c", "d", epsilon=0.01)],
        {k: np.abs(RNG.normal(size=4)).astype(np.float32) for k in "abcd"},
    ),
    "scaler": (
        [node("Scaler", "x", domain="ai.onnx.ml", offset=[1.0, 2.0, 3.0, 4.0], scale=[0.5, 1.0, 2.0, 3.0])],
        {},
    ),
}


def check(path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    want = np.concatenate(session.run(None, {session.get_inputs()[0].name: X}), axis=1)
    np.testing.assert_allclose(evaluate(import_onnx(path), x=X), want, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", NODES)
def test_what_others_write(name: str, tmp_path: Path) -> None:
    nodes, constants = NODES[name]
    check(write(tmp_path / "m.onnx", *nodes, **constants))


def test_outputs_lie_side_by_side(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", out=("a",)), node("Identity", "x", out=("b",))]
    check(write(tmp_path / "m.onnx", *nodes, outputs=("a", "b")))


@pytest.mark.filterwarnings("ignore")
def test_a_network_that_torch_exports(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript", reason="torch needs it to export")
    nn = torch.nn
    network = nn.Sequential(
        nn.Linear(4, 8), nn.GELU(), nn.BatchNorm1d(8), nn.Linear(8, 3), nn.Softmax(-1)
    ).eval()
    rows = {0: torch.export.Dim("n")}
    torch.onnx.export(
        network, (torch.from_numpy(X),), tmp_path / "t.onnx", dynamic_shapes=(rows,), dynamo=True
    )
    check(tmp_path / "t.onnx")


@pytest.mark.parametrize(
    ("one", "words", "constants"),
    [
        (node("Sin", "x"), r"operator Sin \('y'\).*(near|these can)", {}),
        (node("Softmax", "x", axis=0), "axis 1", {}),
        (node("MatMul", "x", "x"), "must be a constant", {}),
        (node("Reshape", "x", "c"), "must stay as they are", {"c": np.array([-1, 2])}),
        (node("Pow", "x", "c"), "exponent", {"c": np.float32(2.5)}),
        (node("Add", "x", "c"), "does not fit", {"c": f32(1, 2, 3)}),
    ],
)
def test_what_cannot_be_imported_is_named(one: Any, words: str, constants: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        import_onnx(write(tmp_path / "m.onnx", one, **constants))


def test_files_that_are_no_onnx(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no file is called"):
        import_onnx(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(InputFileError, match="must be an ONNX model"):
        import_onnx(tmp_path / "text.onnx")

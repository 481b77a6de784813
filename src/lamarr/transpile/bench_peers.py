"""What ``lamarr bench`` compares with: published networks, scalar code, numpy's sgemm, onnxruntime."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.transpile.c import CompiledModel
from lamarr.transpile.c.compiler import compiler
from lamarr.transpile.graph import GraphBuilder
from lamarr.transpile.model import Model

__all__ = ["WIDTH", "Scalar", "network", "onnx_call", "published_chain", "sgemm", "speed_of"]

WIDTH = 128


def network(
    name: str,
    layers: int,
    outputs: int,
    *,
    inputs: int = 12,
    noise: int = 0,
    last: str | None = None,
    seed: int = 1,
) -> Model:
    """Build (inputs + noise) → 128 → `layers` × (residual 128, tanh) → outputs, with random weights."""
    rng = np.random.default_rng(seed)

    def weights(n: int, m: int, scale: float) -> tuple[NDArray[Any], NDArray[Any]]:
        return rng.normal(0, scale / n**0.5, (n, m)), rng.normal(0, 0.1, m)

    b = GraphBuilder(x=inputs, noise=noise)
    x = b.concat(b.input("x"), b.input("noise")) if noise else b.input("x")
    h = b.add("tanh", b.dense(x, *weights(x.width, WIDTH, 1.0)))
    for _ in range(layers):
        h = b.add("add", h, b.add("tanh", b.dense(h, *weights(WIDTH, WIDTH, 0.5))))
    y = b.dense(h, *weights(WIDTH, outputs, 0.3))
    y = b.add(last, y) if last else y
    columns = tuple(f"in{i}" for i in range(inputs)), tuple(f"out{i}" for i in range(outputs))
    return Model(
        name=name, inputs=columns[0], outputs=columns[1], n_noise=noise, ranges={}, graph=b.finish(y), card={}
    )


def published_chain() -> list[Model]:
    """LHCb's tracking chain at its published sizes: 10, 5, 10 and 8 residual layers of 128."""
    return [
        network("acceptance", 10, 1, last="sigmoid"),
        network("efficiency", 5, 4, last="softmax", seed=2),
        network("resolution", 10, 9, noise=128, seed=3),
        network("covariance", 8, 15, inputs=15, noise=128, seed=4),
    ]


_SIZE = 1024


def sgemm() -> Callable[[], object]:
    """Return numpy's matrix product of float32, 1024 × 1024."""
    a = np.random.default_rng(1).random((_SIZE, _SIZE), dtype=np.float32)
    return lambda: a @ a


def speed_of(seconds: float) -> float:
    """GFLOP/s of sgemm that took so long."""
    return 2 * _SIZE**3 / seconds / 1e9


class Scalar:
    """The compiled scalar code, and the loop that calls plug-ins."""

    def __init__(self, folder: Path) -> None:
        source = resources.files("lamarr.transpile.c").joinpath("bench", "scalar.c").read_bytes()
        (folder / "scalar.c").write_bytes(source)
        library = folder / "scalar.so"
        command = [*compiler(), "-O2", "-shared", "-fPIC", f"{folder}/scalar.c", "-o", str(library), "-lm"]
        subprocess.run(command, check=True, capture_output=True)
        self.library = ctypes.CDLL(str(library))

    def rows(self, model: Model, layers: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Evaluate :func:`network` row by row."""
        parts = []
        for node in model.graph.nodes:
            if node.op == "dense":
                weight, bias = (model.graph.constants[node.constants[k]] for k in ("weight", "bias"))
                parts.append(np.concatenate([weight, bias[None]]).T.ravel())
        w, y = np.concatenate(parts), np.empty((len(x), 1), np.float32)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (w, x, y)]
        self.library.scalar_rows(ctypes.c_size_t(len(x)), pointers[0], x.shape[1], layers, *pointers[1:])
        return y

    def plug_in(self, compiled: CompiledModel, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Call a compiled model row by row through LHCb's interface."""
        y = np.empty((len(x), len(compiled.outputs)), np.float32)
        function = ctypes.cast(getattr(ctypes.CDLL(str(compiled.path)), compiled.name), ctypes.c_void_p)
        sizes = ctypes.c_size_t(len(x)), x.shape[1], y.shape[1]
        self.library.call_rows(
            function, *sizes, ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data)
        )
        return y


def onnx_call(model: Model) -> Callable[[NDArray[np.float32]], object] | None:
    """Return a call of onnxruntime with one thread, if it is installed."""
    try:
        import onnxruntime  # type: ignore[import-untyped,unused-ignore]

        from lamarr.transpile.onnx_export import to_onnx

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            to_onnx(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except ImportError:
        return None
    return lambda x: session.run(None, {"x": x})

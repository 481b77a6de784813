"""Measures compiled models beside sgemm, scalar code and onnxruntime, in one run with one thread.

Times are CPU times of the thread, best of several, so that a busy machine disturbs little; what counts are
ratios. ``lamarr bench`` runs this module in a process of its own, where the matrix library has one thread.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.transpile.c import CompiledModel, compile_models
from lamarr.transpile.c.compiler import compiler
from lamarr.transpile.graph import GraphBuilder
from lamarr.transpile.model import Model, load_model

__all__ = ["Measurement", "measure", "network", "run", "table"]

_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "BLIS")}
WIDTH = 128


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One line of the table: µs per row, GFLOP/s where it has a meaning, and a remark."""

    what: str
    microseconds: float
    gflops: float | None = None
    remark: str = ""


def best(function: Callable[[], object], seconds: float = 0.4) -> float:
    """Return the smallest CPU time of a call in s, among those that fit into `seconds`, at least three."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.thread_time()
        function()
        times.append(time.thread_time() - start)
    return min(times)


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


def sgemm() -> float:
    """GFLOP/s of numpy's matrix product of float32."""
    a = np.random.default_rng(1).random((1024, 1024), dtype=np.float32)
    return 2 * 1024**3 / best(lambda: a @ a, 1.5) / 1e9


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


def _onnx(model: Model) -> Callable[[NDArray[np.float32]], object] | None:
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


def _one_network(speed: float) -> Iterator[Measurement]:
    layers = 10
    model = network("network", layers, 1)
    compiled = compile_models([model], "bench_network")["network"]
    flop, x = (
        2 * model.graph.multiplications,
        np.random.default_rng(2).normal(size=(10_000, 12)).astype(np.float32),
    )

    def line(what: str, seconds: float, remark: str = "") -> Measurement:
        return Measurement(what=what, microseconds=seconds * 1e6, gflops=flop / seconds / 1e9, remark=remark)

    with tempfile.TemporaryDirectory() as folder:
        scalar = Scalar(Path(folder))
        few = x[:100]
        slow = best(lambda: scalar.rows(model, layers, few)) / len(few)
        single = best(lambda: scalar.plug_in(compiled, few)) / len(few)
    batch = {n: best(lambda n=n: compiled(x[:n])) / n for n in (10_000, 100, 1)}  # type: ignore[misc]
    runtime = _onnx(model)
    peer = {n: best(lambda n=n: runtime(x[:n])) / n for n in batch} if runtime else {}  # type: ignore[misc]

    def against(n: int) -> str:
        return f", {peer[n] / batch[n]:.2f} × as fast as onnxruntime" if peer else ""

    share = flop / batch[10_000] / 1e9 / speed
    yield line(
        "C, batches of 10,000",
        batch[10_000],
        f"{share:.0%} of sgemm, {slow / batch[10_000]:.0f} × scalar" + against(10_000),
    )
    yield line(
        "C, batches of 100", batch[100], f"{flop / batch[100] / 1e9 / speed:.0%} of sgemm" + against(100)
    )
    yield line("C, one row, plug-in", single, f"{slow / single:.1f} × scalar")
    yield line("C, one row, from Python", batch[1], against(1)[2:])
    yield line("scalar C, one row", slow)
    for n, seconds in peer.items():
        yield line(f"onnxruntime, batches of {n:,}", seconds, f"{flop / seconds / 1e9 / speed:.0%} of sgemm")


def _chain(title: str, models: list[Model], speed: float) -> Iterator[Measurement]:
    start = time.perf_counter()
    compiled = compile_models(models, f"bench_{title.split()[0]}")
    took = time.perf_counter() - start
    rng, n, total, flop = np.random.default_rng(3), 10_000, 0.0, 0
    event, particle = np.divmod(np.arange(n), 7)
    for m in models:
        x = rng.normal(size=(n, len(m.inputs))).astype(np.float32)
        c = compiled[m.name]

        def call(c: CompiledModel = c, x: NDArray[np.float32] = x) -> NDArray[np.float32]:
            if c.n_noise:
                return c.seeded(x, seed=1, stage="bench", event=event, particle=particle)
            return c(x)

        total += best(call) / n
        flop += 2 * m.graph.multiplications
    needed = flop / speed / 1e9
    size = next(iter(compiled.values())).path.stat().st_size
    weights = 4 * sum(a.size for m in models for a in m.graph.constants.values())
    yield Measurement(
        what=f"{title} chain, noise included",
        microseconds=total * 1e6,
        gflops=flop / total / 1e9,
        remark=f"{total / needed:.2f} × the time of sgemm for the same multiplications; "
        f"library {size / weights:.1f} × its weights, ready after {took:.1f} s",
    )


def _shipped() -> list[Model]:
    folder = Path(str(resources.files("lamarr"))) / "parametrizations" / "sets" / "lhcb2016-magup"
    wanted = ("acceptance", "efficiency", "resolution", "covariance")
    return (
        [load_model(folder, name) for name in wanted]
        if all((folder / f"{w}.json").exists() for w in wanted)
        else []
    )


def measure() -> Iterator[Measurement]:
    """Measure all; this process must have one thread in its matrix library."""
    speed = sgemm()
    yield Measurement(what="sgemm of numpy, 1024 × 1024", microseconds=float("nan"), gflops=speed)
    yield from _one_network(speed)
    yield from _chain("published", published_chain(), speed)
    if shipped := _shipped():
        yield from _chain("shipped", shipped, speed)


def table(lines: Iterator[Measurement]) -> Iterator[str]:
    """Yield the table line by line."""
    yield f"{'':36s}{'µs/row':>10s}{'GFLOP/s':>10s}"
    for m in lines:
        time_ = "" if np.isnan(m.microseconds) else f"{m.microseconds:.2f}"
        speed = "" if m.gflops is None else f"{m.gflops:.1f}"
        yield f"{m.what:36s}{time_:>10s}{speed:>10s}   {m.remark}".rstrip()


def run() -> int:
    """Measure in a process of its own, with one thread; return its exit status."""
    command = [sys.executable, "-m", "lamarr.transpile.bench"]
    return subprocess.run(command, env={**os.environ, **_ONE_THREAD}, check=False).returncode


if __name__ == "__main__":
    for text in table(measure()):
        print(text, flush=True)

"""Measures compiled models beside sgemm, scalar code and onnxruntime, in one run with one thread.

Times are CPU times of the thread, best of several, so that a busy machine disturbs little; what counts are
ratios. ``lamarr bench`` runs this module in a process of its own, where the matrix library has one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lamarr.transpile.bench_peers import Scalar, network, onnx_call, published_chain, sgemm, speed_of
from lamarr.transpile.c import CompiledModel, compile_models
from lamarr.transpile.model import Model, load_model

__all__ = ["Measurement", "best", "measure", "run", "table"]

_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "BLIS")}


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One line of the table: µs per row (or what it names), GFLOP/s where it has a meaning, and a remark."""

    what: str
    microseconds: float
    gflops: float | None = None
    remark: str = ""


def best(calls: Mapping[str, Callable[[], object]], seconds: float = 2.0) -> dict[str, float]:
    """Return the smallest CPU time in s of each call; the calls take turns, at least three times."""
    times = dict.fromkeys(calls, float("inf"))
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < 3 or time.perf_counter() < end:
        rounds += 1
        for name, call in calls.items():
            start = time.thread_time()
            call()
            times[name] = min(times[name], time.thread_time() - start)
    return times


def _times(rows: int) -> int:
    """How often to call with so few rows that weights must be in the cache for a steady time."""
    return max(1, 2000 // max(rows, 10))


def _often(call: Callable[[NDArray[np.float32]], object], x: NDArray[np.float32]) -> Callable[[], object]:
    def calls() -> None:
        for _ in range(_times(len(x))):
            call(x)

    return calls


def _one_network() -> Iterator[Measurement]:
    layers, sizes = 10, (10_000, 100, 1)
    model = network("network", layers, 1)
    compiled = compile_models([model], "bench_network")["network"]
    x = np.random.default_rng(2).normal(size=(10_000, 12)).astype(np.float32)
    flop, few, runtime = 2 * model.graph.multiplications, x[:100], onnx_call(model)
    with tempfile.TemporaryDirectory() as folder:
        scalar = Scalar(Path(folder))
        calls: dict[str, Callable[[], object]] = {
            "sgemm": sgemm(),
            "scalar": lambda: scalar.rows(model, layers, few),
            "plug-in": lambda: scalar.plug_in(compiled, few),
            **{f"c {n}": _often(compiled, x[:n]) for n in sizes},
        }
        if runtime:
            calls |= {f"onnx {n}": _often(runtime, x[:n]) for n in sizes}
        times = best(calls, 8.0)
    speed = speed_of(times.pop("sgemm"))
    rows = {"scalar": len(few), "plug-in": len(few)}
    rows |= {f"{k} {n}": n * _times(n) for k in ("c", "onnx") for n in sizes}
    each = {what: seconds / rows[what] for what, seconds in times.items()}

    def line(what: str, key: str, *remarks: str) -> Measurement:
        gflops = flop / each[key] / 1e9
        text = ", ".join([f"{gflops / speed:.0%} of sgemm", *remarks])
        return Measurement(what=what, microseconds=each[key] * 1e6, gflops=gflops, remark=text)

    def against(n: int) -> list[str]:
        return [f"{each[f'onnx {n}'] / each[f'c {n}']:.2f} × as fast as onnxruntime"] if runtime else []

    yield Measurement(what="sgemm of numpy, 1024 × 1024", microseconds=float("nan"), gflops=speed)
    ratio = each["scalar"] / each["c 10000"], each["scalar"] / each["plug-in"]
    yield line("C, batches of 10,000", "c 10000", f"{ratio[0]:.0f} × as fast as scalar", *against(10_000))
    yield line("C, batches of 100", "c 100", *against(100))
    yield line("C, one row, plug-in", "plug-in", f"{ratio[1]:.1f} × as fast as scalar")
    yield line("C, one row, from Python", "c 1", *against(1))
    yield line("scalar C, one row", "scalar")
    for n in sizes if runtime else ():
        yield line(f"onnxruntime, batches of {n:,}", f"onnx {n}")


def _chain(title: str, models: list[Model]) -> Measurement:
    start = time.perf_counter()
    compiled = compile_models(models, f"bench_{title}")
    took = time.perf_counter() - start
    rng, n = np.random.default_rng(3), 10_000
    event, particle = np.divmod(np.arange(n), 7)

    def call(c: CompiledModel) -> Callable[[], object]:
        x = rng.normal(size=(n, len(c.inputs))).astype(np.float32)
        if c.n_noise:
            return lambda: c.seeded(x, seed=1, stage="bench", event=event, particle=particle)
        return lambda: c(x)

    times = best({"sgemm": sgemm(), **{m.name: call(compiled[m.name]) for m in models}}, 4.0)
    speed = speed_of(times.pop("sgemm"))
    total = sum(times.values()) / n
    flop = 2 * sum(m.graph.multiplications for m in models)
    size = next(iter(compiled.values())).path.stat().st_size
    weights = 4 * sum(a.size for m in models for a in m.graph.constants.values())
    return Measurement(
        what=f"{title} chain, noise included",
        microseconds=total * 1e6,
        gflops=flop / total / 1e9,
        remark=f"{total * speed * 1e9 / flop:.2f} × the time of sgemm for its {flop / 1e6:.2f} MFLOP, "
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
    yield from _one_network()
    yield _chain("published", published_chain())
    if shipped := _shipped():
        yield _chain("shipped", shipped)


def table(lines: Iterator[Measurement]) -> Iterator[str]:
    """Yield the table line by line."""
    yield f"{'':36s}{'µs':>10s}{'GFLOP/s':>10s}"
    for m in lines:
        time_ = "" if np.isnan(m.microseconds) else f"{m.microseconds:.2f}"
        speed = "" if m.gflops is None else f"{m.gflops:.1f}"
        yield f"{m.what:36s}{time_:>10s}{speed:>10s}   {m.remark}".rstrip()


def run(module: str = "lamarr.transpile.bench", *arguments: str) -> int:
    """Run a module that measures in a process of its own, with one thread; return its exit status."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env={**os.environ, **_ONE_THREAD}, check=False).returncode


if __name__ == "__main__":
    for text in table(measure()):
        print(text, flush=True)

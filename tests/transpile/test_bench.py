"""The parts of the benchmark compute what they are compared for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lamarr.transpile.bench import Measurement, _often, best, table
from lamarr.transpile.bench_peers import Scalar, network, published_chain
from lamarr.transpile.c import compile_models
from lamarr.transpile.c.fuse import fuse

X = np.random.default_rng(1).normal(size=(40, 12)).astype(np.float32)


def test_scalar_plug_in_and_batch_are_the_same_network(tmp_path: Path) -> None:
    model = network("net", 3, 1)
    compiled = compile_models([model])["net"]
    scalar = Scalar(tmp_path)
    expected = model(X)
    np.testing.assert_allclose(compiled(X), expected, atol=2e-6)
    np.testing.assert_allclose(scalar.rows(model, 3, X), expected, atol=2e-6)
    assert (scalar.plug_in(compiled, X) == compiled(X)).all()


def test_residual_layers_are_fused() -> None:
    ops = [n.op for n in fuse(network("net", 3, 1).graph)]
    assert ops.count("add_tanh") == 3
    assert ops.count("add") == 0


def test_published_sizes() -> None:
    chain = published_chain()
    assert [m.graph.multiplications for m in chain] == [165504, 83968, 182912, 151296]
    assert [m.n_noise for m in chain] == [0, 0, 128, 128]


def test_calls_take_turns() -> None:
    calls: list[int] = []
    times = best({"a": lambda: calls.append(1), "b": lambda: calls.append(2)}, seconds=0)
    assert calls == [1, 2, 1, 2, 1, 2]
    assert min(times.values()) >= 0


def test_table_has_a_line_per_measurement() -> None:
    lines = [
        Measurement(what="a", microseconds=1.25, gflops=3.0, remark="r"),
        Measurement(what="b", microseconds=2),
    ]
    text = list(table(iter(lines)))
    assert len(text) == 3
    assert text[1].split() == ["a", "1.25", "3.0", "r"]
    assert text[2].split() == ["b", "2.00"]


@pytest.mark.slow
def test_bench_runs(capfd: pytest.CaptureFixture[str]) -> None:
    from lamarr.transpile.bench import run

    assert run() == 0
    assert "published chain" in capfd.readouterr().out


def test_few_rows_are_called_often() -> None:
    calls: list[int] = []
    _often(lambda x: calls.append(len(x)), X[:10])()
    assert calls == [10] * 200

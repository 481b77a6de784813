"""From a file to a model with named columns, in Python and on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lamarr.cli.main import cli
from lamarr.errors import ModelError, OutputFileError
from lamarr.transpile import GraphBuilder, evaluate, load_model
from lamarr.transpile.c import CompiledModel
from lamarr.transpile.imports import import_file, model_from, with_noise

RNG = np.random.default_rng(2)
WEIGHT, BIAS = RNG.normal(size=(5, 2)), RNG.normal(size=2)
X = RNG.normal(size=(20, 5)).astype(np.float32)


def graph():
    b = GraphBuilder(x=5)
    return b.finish(b.add("tanh", b.dense(b.input("x"), WEIGHT, BIAS)))


def test_the_last_columns_become_noise() -> None:
    split = with_noise(graph(), 2)
    assert split.inputs == {"x": 3, "noise": 2}
    assert (evaluate(split, x=X[:, :3], noise=X[:, 3:]) == evaluate(graph(), x=X)).all()


@pytest.mark.parametrize("n", [0, 5, 6])
def test_columns_must_be_left(n: int) -> None:
    with pytest.raises(ModelError, match="0 < noise < 5 columns"):
        with_noise(graph(), n)


def test_noise_is_split_once() -> None:
    with pytest.raises(ModelError, match="noise already"):
        with_noise(with_noise(graph(), 2), 1)


def test_names_must_fit() -> None:
    with pytest.raises(ModelError, match="5 different names of in columns"):
        model_from(graph(), "m", inputs=["a", "b"])
    with pytest.raises(ModelError, match="2 different names of out columns"):
        model_from(graph(), "m", outputs=["a", "a"])


def test_kinds_of_files() -> None:
    with pytest.raises(ModelError, match=r"'.pkl'"):
        import_file("model.pkl")


def test_command_line(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from lamarr.transpile.onnx_export import export_onnx

    file = export_onnx(model_from(graph(), "net"), tmp_path / "net.onnx")
    options = ["--inputs", "p, eta,phi", "--outputs", "a,b", "--noise", "2", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(cli, ["import-model", str(file), *options], catch_exceptions=False)
    assert "3 inputs, 2 random numbers, 2 outputs, 10 multiplications" in result.output
    model = load_model(tmp_path / "out", "net")
    assert model.inputs == ("p", "eta", "phi")
    assert len(model.card["imported_from"]["sha256"]) == 64
    np.testing.assert_allclose(model(X[:, :3], X[:, 3:]), np.tanh(X @ WEIGHT + BIAS), atol=2e-6)


def test_library_for_other_programs(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from lamarr.transpile.onnx_export import export_onnx

    file = export_onnx(model_from(graph(), "net"), tmp_path / "net.onnx")
    library = tmp_path / "libmine.so"
    arguments = ["import-model", str(file), "-o", str(tmp_path), "--library", str(library)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert f"wrote {tmp_path / 'mine.h'}" in result.output
    assert "float *net(float *out, const float *in);" in (tmp_path / "mine.h").read_text()
    got = CompiledModel(library, "net")(X)
    np.testing.assert_allclose(got, np.tanh(X @ WEIGHT + BIAS), atol=2e-6)
    with pytest.raises(OutputFileError, match="exists already"):
        CliRunner().invoke(cli, arguments, catch_exceptions=False)


def test_names_that_c_cannot_use() -> None:
    with pytest.raises(ModelError, match=r"a name that C can use.*'not c'"):
        model_from(graph(), "not c")

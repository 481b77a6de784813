"""The cache of compiled libraries: what is found without a compiler, shown, cleared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transpile_graphs import inputs_of, model_of

from lamarr.transpile import GraphBuilder, Model, backend
from lamarr.transpile.c import (
    CompiledModel,
    CompilerError,
    cached_libraries,
    clear_cache,
    compile_everywhere,
    compile_models,
)


def doubling(factor: float = 2.0) -> Model:
    b = GraphBuilder(x=3)
    return model_of(b.finish(b.add("affine", b.input("x"), scale=[factor], shift=[0.5])), "doubling")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAMARR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(backend, "_warned", set())
    return tmp_path / "cache"


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch):
    def remove() -> None:
        monkeypatch.setenv("PATH", "")
        for variable in ("CC", "LAMARR_CC"):
            monkeypatch.delenv(variable, raising=False)

    return remove


def test_compiled_once_shown_and_cleared(empty_cache: Path) -> None:
    assert cached_libraries() == []
    path = compile_models([doubling()])["doubling"].path
    written = path.stat().st_mtime_ns
    compile_models([doubling()])
    assert path.stat().st_mtime_ns == written
    compile_models([doubling(3.0)], "other")
    assert [c.name for c in cached_libraries()] == ["models", "other"]
    assert sum(c.size for c in cached_libraries()) == sum(f.stat().st_size for f in empty_cache.iterdir())
    (empty_cache / "notes.so").write_text("somebody's own")
    assert len(clear_cache()) == 2
    assert [p.name for p in empty_cache.iterdir()] == ["notes.so"]


@pytest.mark.parametrize("prepare", [compile_models, compile_everywhere])
def test_what_was_compiled_before_runs_without_a_compiler(prepare, empty_cache: Path, no_compiler) -> None:
    prepare([doubling()], "doubling")
    no_compiler()
    running = doubling().compiled("c")
    assert isinstance(running, CompiledModel)
    x = inputs_of(doubling().graph, 30)["x"]
    np.testing.assert_allclose(running(x), doubling()(x), rtol=1e-6)
    with pytest.raises(CompilerError, match="no C compiler"):
        doubling(5.0).compiled("c")


def test_a_prepared_library_is_preferred(empty_cache: Path) -> None:
    path = compile_everywhere([doubling()])
    assert compile_models([doubling()])["doubling"].path == path


def test_a_damaged_library_is_not_taken_without_a_compiler(empty_cache: Path, no_compiler) -> None:
    path = compile_everywhere([doubling()], "doubling")
    path.write_bytes(path.read_bytes()[:-100])
    no_compiler()
    with pytest.raises(CompilerError):
        doubling().compiled("c")


def test_the_warning_comes_once_whatever_fails(
    empty_cache: Path, no_compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAMARR_CACHE", str(tmp_path / "file"))
    with pytest.warns(backend.BackendWarning, match="must be writable"):
        assert isinstance(doubling().compiled(), Model)
    no_compiler()
    assert isinstance(doubling(7.0).compiled(), Model)  # a second warning would be an error

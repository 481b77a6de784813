"""Compiler, cache, loader, and what happens when they are given something bad."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from transpile_graphs import inputs_of, model_of

from lamarr.errors import ConfigurationError, ModelError, UnknownNameError
from lamarr.transpile import GraphBuilder, Model, backend
from lamarr.transpile.c import CompiledModel, CompilerError, compile_models, emit
from lamarr.transpile.c.compiler import build, compiler
from lamarr.transpile.c.library import card_of, open_library

GOLDEN = Path(__file__).parent / "golden"


def small(noise: int = 2) -> Model:
    rng = np.random.default_rng(3)
    b = GraphBuilder(x=3, noise=noise)
    hidden = b.add("silu", b.dense(b.input("x"), rng.normal(size=(3, 20)), rng.normal(size=20)))
    left = b.select(hidden, range(4, 6))
    y = b.add("add", left, b.input("noise")) if noise else left
    return model_of(b.finish(b.concat(b.add("exp", y), b.select(hidden, [1, 9, 10]))), "small")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    levels = ("generic",)
    return build(
        emit([small()], "small_lib", levels=levels), tmp_path_factory.mktemp("l") / "s.so", levels=levels
    )


def test_emitted_c_is_the_golden_file() -> None:
    files = emit([small()], "golden", levels=("x86_64_v2", "x86_64_v3", "x86_64_v4")).files
    for name in ("golden.h", "golden.c", "golden_entry.c"):
        if os.environ.get("LAMARR_WRITE_GOLDEN"):
            (GOLDEN / name).write_bytes(files[name])
        assert files[name].decode() == (GOLDEN / name).read_text(), (
            f"{name}: LAMARR_WRITE_GOLDEN=1 writes it anew"
        )


def test_emission_is_deterministic() -> None:
    assert emit([small()], "a").files == emit([small()], "a").files


def test_card_says_what_is_inside(library: Path) -> None:
    card = card_of(open_library(library))
    assert card["abi"] == 1
    (model,) = card["models"]
    assert (model["name"], model["n_noise"], len(model["outputs"])) == ("small", 2, 5)
    assert model["card"] == {"description": 'test "µ" ?? \\ model'}


def test_plug_in_interface_gives_the_bits_of_the_batch(library: Path) -> None:
    compiled = CompiledModel(library, "small")
    x, noise = inputs_of(small().graph, 1).values()
    function = ctypes.CDLL(str(library)).small
    function.restype = ctypes.POINTER(ctypes.c_float)
    out = np.zeros(5, np.float32)
    returned = function(*(ctypes.c_void_p(a.ctypes.data) for a in (out, x, noise)))
    assert ctypes.addressof(returned.contents) == out.ctypes.data
    assert (out == compiled(x, noise)[0]).all()


def test_null_pointers_are_refused(library: Path) -> None:
    function = ctypes.CDLL(str(library)).small_batch
    assert function(ctypes.c_size_t(1), None, None, None) == 1
    assert function(ctypes.c_size_t(0), None, None, None) == 0


@pytest.mark.parametrize("bad", [np.zeros((2, 4)), np.zeros(3)])
def test_wrong_number_of_columns(library: Path, bad: np.ndarray) -> None:
    with pytest.raises(ModelError, match="must have 3 columns"):
        CompiledModel(library, "small")(bad, np.zeros((2, 2)))


def test_noise_must_fit(library: Path) -> None:
    compiled = CompiledModel(library, "small")
    with pytest.raises(ModelError, match="takes 2 random numbers"):
        compiled(np.zeros((2, 3)))
    with pytest.raises(ModelError, match="equal numbers of rows"):
        compiled(np.zeros((2, 3)), np.zeros((3, 2)))


def test_no_rows(library: Path) -> None:
    assert CompiledModel(library, "small")(np.zeros((0, 3)), np.zeros((0, 2))).shape == (0, 5)


def test_rows_outside_of_the_training_sample(library: Path) -> None:
    x = np.array([[0, 9, 9], [1.5, 0, 0], [np.nan, 0, 0]], np.float32)
    for running in (CompiledModel(library, "small"), small()):
        assert running.out_of_domain(x).tolist() == [False, True, True]


def test_a_model_that_is_not_there(library: Path) -> None:
    with pytest.raises(ModelError, match="has no model 'large'; it has small"):
        CompiledModel(library, "large")


def test_truncated_library(library: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.so"
    short.write_bytes(library.read_bytes()[:-4000])
    with pytest.raises(ModelError, match="truncated"):
        open_library(short)


def test_damaged_library(library: Path, tmp_path: Path) -> None:
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 1
    bad = tmp_path / "bad.so"
    bad.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        open_library(bad)


def test_library_for_another_architecture(library: Path, tmp_path: Path) -> None:
    content = bytearray(library.read_bytes())
    content[18] = 183 if content[18] != 183 else 62
    other = tmp_path / "other.so"
    other.write_bytes(content)
    with pytest.raises(ModelError, match=r"is for (aarch64|x86_64), and this machine is"):
        open_library(other)


@pytest.mark.parametrize("content", [b"", b"not a library", b"\x7fELF"])
def test_files_that_are_no_library(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "no.so"
    file.write_bytes(content)
    with pytest.raises(ModelError, match="library"):
        open_library(file)


def test_missing_library(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no library"):
        open_library(tmp_path / "none.so")


def test_library_without_card_and_from_the_future(tmp_path: Path) -> None:
    newer = f"const char lamarr_card[] = {json.dumps(json.dumps({'abi': 99}))};"
    for text, words in (("int x;", "no card"), (newer, "99")):
        file = tmp_path / f"{words[:2]}.so"
        subprocess.run(
            [*compiler(), "-shared", "-fPIC", "-x", "c", "-", "-o", file], input=text, text=True, check=True
        )
        with pytest.raises(ModelError, match=words):
            card_of(open_library(file))


def test_names_must_be_identifiers() -> None:
    with pytest.raises(ModelError, match="name that C can use"):
        emit([small()], "not-c")


def test_a_failing_compiler_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMARR_CACHE", str(tmp_path))
    bad = tmp_path / "badcc"
    bad.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "no space on disc" >&2\nexit 3\n')
    bad.chmod(0o755)
    monkeypatch.setenv("LAMARR_CC", str(bad))
    with pytest.raises(CompilerError, match=r"status 3(.|\n)*no space on disc"):
        small().compiled("c")
    assert not list(tmp_path.glob("*.so"))


def test_without_compiler_numpy_runs_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_warned", set())
    monkeypatch.setenv("PATH", "")
    for variable in ("CC", "LAMARR_CC"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.warns(RuntimeWarning, match=r"numpy.*no C compiler"):
        running = small().compiled()
    assert isinstance(running, Model)
    assert isinstance(small().compiled(), Model)
    with pytest.raises(CompilerError, match="install one"):
        small().compiled("c")


def test_back_ends_have_names() -> None:
    assert isinstance(small().compiled("numpy"), Model)
    with pytest.raises(UnknownNameError, match="back end"):
        small().compiled("fortran")


def test_a_compiler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMARR_CC", "no-such-cc -O1")
    with pytest.raises(CompilerError, match="LAMARR_CC names the compiler 'no-such-cc'"):
        compiler()


def test_cache_folder_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LAMARR_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match="must be writable"):
        compile_models([small()])


def test_a_damaged_library_in_the_cache_is_compiled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMARR_CACHE", str(tmp_path))
    monkeypatch.setattr("lamarr.transpile.c.cache.levels_of_machine", lambda: ("generic",))
    path = compile_models([small()])["small"].path
    before = path.read_bytes()
    assert compile_models([small()])["small"].path == path
    path.unlink()  # it is mapped: not to be written over
    path.write_bytes(before[:500])
    assert compile_models([small()])["small"].path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def _compile_in(folder: str) -> bytes:
    os.environ["LAMARR_CACHE"] = folder
    running = compile_models([small()])["small"]
    return running(np.ones((3, 3)), np.ones((3, 2))).tobytes()


@pytest.mark.slow
def test_processes_compile_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        results = pool.map(_compile_in, [str(tmp_path)] * 3)
    assert len(set(results)) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_calls_release_pythons_lock(library: Path) -> None:
    compiled = CompiledModel(library, "small")
    x, noise = np.zeros((3_000_000, 3), np.float32), np.zeros((3_000_000, 2), np.float32)
    thread = threading.Thread(target=compiled, args=(x, noise))
    thread.start()
    turns = 0
    while thread.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 10


@pytest.mark.parametrize("cc", ["gcc", "clang", "clang-14"])
def test_compilers_are_silent(cc: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which(cc) is None:
        pytest.skip(f"{cc} is not installed")
    monkeypatch.setenv("LAMARR_CC", cc)
    levels = ("generic",)
    flags = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")
    library = build(emit([small()], "silent", levels=levels), tmp_path / "s.so", levels=levels, flags=flags)
    inputs = list(inputs_of(small().graph, 50).values())
    np.testing.assert_allclose(
        CompiledModel(library, "small")(*inputs), small()(*inputs), rtol=1e-6, atol=1e-6
    )

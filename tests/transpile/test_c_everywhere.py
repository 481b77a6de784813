"""All operators with every compiler, on every level of the instruction set, and for another architecture."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_c_agrees import check
from transpile_graphs import OPS, RandomGraph, inputs_of, model_of

from lamarr.transpile import Graph, Model
from lamarr.transpile.c import CompiledModel, emit
from lamarr.transpile.c.compiler import FLAGS, build, levels_of_machine, levels_of_target

pytestmark = pytest.mark.slow
ALL = levels_of_target()
RUNNING = ALL[: ALL.index(levels_of_machine()[-1]) + 1]
STRICT = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-psabi")


def graphs_of_all() -> list[Graph]:
    grown = []
    for seed, op in enumerate(OPS):
        growing = RandomGraph(seed + 100, 5, noise=True)
        for step in ("dense", op):
            growing.step(step)
        grown.append(growing.finish())
    return grown


@pytest.fixture(scope="module")
def graphs() -> list[Graph]:
    return graphs_of_all()


def models_of(graphs: list[Graph]) -> list[Model]:
    return [model_of(g, f"m{i}") for i, g in enumerate(graphs)]


@pytest.mark.parametrize("level", RUNNING)
@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_compilers_and_levels(
    cc: str, level: str, graphs: list[Graph], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(cc) is None:
        pytest.skip(f"{cc} is not installed")
    monkeypatch.setenv("LAMARR_CC", cc)
    source = emit(models_of(graphs), "all", levels=(level,))
    library = build(source, tmp_path / "all.so", levels=(level,), flags=STRICT)
    within = 5 if level == "x86_64_v2" else 3  # without fused multiply-add, products round, too
    for i, graph in enumerate(graphs):
        check(graph, CompiledModel(library, f"m{i}"), within=within)


def test_one_library_chooses_its_level_at_run_time(graphs: list[Graph], tmp_path: Path) -> None:
    models = models_of(graphs)
    whole = build(emit(models, "all", levels=ALL), tmp_path / "all.so", levels=ALL)
    best = levels_of_machine()
    alone = build(emit(models, "best", levels=best), tmp_path / "best.so", levels=best)
    for model in models:
        inputs = inputs_of(model.graph, 100).values()
        both = [CompiledModel(path, model.name)(*inputs) for path in (whole, alone)]
        assert (both[0] == both[1]).all(), model.graph


MAIN = """
#include <stdio.h>
#include "all.h"
static float x[200 * 64], z[200 * 64], y[200 * 4096];
typedef int (*batch)(size_t, const float *, const float *, float *);
int main(void) {
  const batch run[] = {%s};
  const int inputs[] = {%s}, outputs[] = {%s};
  for (size_t m = 0; m < sizeof run / sizeof *run; m++) {
    FILE *in = fopen("inputs.bin", "rb");
    for (size_t i = 0; i <= m; i++)
      if (!fread(x, 4, 50 * (size_t)inputs[i], in) || !fread(z, 4, 150, in)) return 1;
    fclose(in);
    if (run[m](50, x, z, y)) return 2;
    fwrite(y, 4, 50 * (size_t)outputs[m], stdout);
  }
  return 0;
}
"""


def test_aarch64(graphs: list[Graph], tmp_path: Path) -> None:
    """Compile for aarch64, without a warning; where there is an emulator, run it, too."""
    cc = shutil.which("aarch64-linux-gnu-gcc")
    if cc is None:
        pytest.skip("aarch64-linux-gnu-gcc is not installed (Debian: gcc-aarch64-linux-gnu)")
    models = models_of(graphs)
    for name, content in emit(models, "all", levels=("generic",)).files.items():
        (tmp_path / name).write_bytes(content)
    names = ", ".join(f"{m.name}_batch" for m in models)
    sizes = [
        ", ".join(str(len(columns)) for columns in c)
        for c in ([m.inputs for m in models], [m.outputs for m in models])
    ]
    (tmp_path / "main.c").write_text(MAIN % (names, *sizes))
    command = [
        cc,
        *FLAGS,
        *STRICT,
        "-DLAMARR_LEVEL=generic",
        "-static",
        "all.c",
        "all_entry.c",
        "main.c",
        "-o",
        "main",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if emulator is None:
        pytest.skip("it compiles; qemu-aarch64 is not installed, so that it cannot run")
    inputs = [inputs_of(g, 50) for g in graphs]
    content = b"".join(a.tobytes() for i in inputs for a in i.values())
    (tmp_path / "inputs.bin").write_bytes(content)
    result = subprocess.run([emulator, "./main"], cwd=tmp_path, capture_output=True, check=True)
    numbers = np.frombuffer(result.stdout, np.float32)
    ends = np.cumsum([0, *(50 * len(m.outputs) for m in models)])
    for i, graph in enumerate(graphs):
        got = numbers[ends[i] : ends[i + 1]].reshape(50, -1)
        check(graph, lambda *_, got=got: got, rows=50)

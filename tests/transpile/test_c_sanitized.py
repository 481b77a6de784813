"""All operators under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from transpile_graphs import OPS, RandomGraph, model_of

from lamarr.transpile.c import emit
from lamarr.transpile.c.compiler import FLAGS, compiler, levels_of_target

MARCH = {"x86_64_v2": "-march=x86-64-v2", "x86_64_v3": "-march=x86-64-v3"}


def caller(models: list) -> str:
    """A program that calls every function with 0 … 60 rows in exactly sized heap memory."""
    lines = ['#include "graphs.h"', "#include <stdlib.h>"]
    lines += ["static float *some(size_t n) { float *p = malloc(n * sizeof *p + !n);"]
    lines += ["  for (size_t i = 0; i < n; i++) p[i] = (float)(i % 19) * 0.3f - 2.5f; return p; }"]
    lines += ["int main(void) {"]
    for m in models:
        lines += [
            "  for (size_t n = 0; n < 61; n += n < 10 ? 1 : 17) {",
            f"    float *x = some(n * {len(m.inputs)}), *y = some(n * {len(m.outputs)});",
            f"    float *z = some(n * {m.n_noise});",
            "    uint32_t *k = calloc(n + !n, sizeof *k);",
            f"    if ({m.name}_batch(n, x, z, y) || {m.name}_seeded(n, x, k, k, 1, 2, y)) return 1;",
            f"    if (n && {m.name}(y, x, z) != y) return 2;",
            "    free(x), free(y), free(z), free(k);",
            "  }",
        ]
    return "\n".join([*lines, "  return 0;", "}"])


@pytest.mark.slow
@pytest.mark.parametrize("level", [v for v in levels_of_target() if v != "x86_64_v4"])
def test_sanitizers_are_clean(level: str, tmp_path: Path) -> None:
    models = []
    for seed, ops in enumerate([*((op,) for op in OPS), OPS]):
        growing = RandomGraph(seed, 5, noise=True)
        for op in ["dense", *ops]:
            growing.step(op)
        models.append(model_of(growing.finish(), f"m{seed}"))
    for name, content in emit(models, "graphs", levels=(level,)).files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "main.c").write_text(caller(models))
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]
    flags = [*FLAGS, *filter(None, [MARCH.get(level)]), f"-DLAMARR_LEVEL={level}", *sanitize]
    sources = ["graphs.c", "graphs_entry.c", "main.c"]
    subprocess.run([*compiler(), *flags, *sources, "-o", "main", "-lm"], cwd=tmp_path, check=True)
    result = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr

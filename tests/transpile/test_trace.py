"""Arithmetic that is traced to C gives numpy's bits."""

from __future__ import annotations

import ctypes
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamarr.transpile.c.compiler import FLAGS, compiler
from lamarr.transpile.trace import C_TYPES, Trace, UntraceableError, tidy

COLUMNS = {
    "a": "float64",
    "b": "float64",
    "f": "float32",
    "g": "float32",
    "i": "int32",
    "k": "int8",
    "m": "bool",
}


def everything(c: Any) -> dict[str, Any]:
    """Use every operation that a trace knows."""
    a, b, f, g, i, k, m = (c[name] for name in COLUMNS)
    mantissa, exponent = np.frexp(np.abs(a))
    return {
        "arithmetic": (a + b) * (a - b) / (b**2 + 1.5) - np.square(a),
        "contraction": a * b + a * b,
        "single": (f + g) * f - 0.1 * g / (f * f + np.float32(3.0)),
        "mixed": a + f,
        "from_int": i / 3 + 2 * k,
        "root": np.sqrt(np.abs(a)) + np.sqrt(np.abs(f)),
        "floor": np.floor(a) + np.floor(f) + np.sign(a) + np.sign(i),
        "least": np.minimum(a, b) - np.maximum(a, -b),
        "least_single": np.minimum(np.maximum(f, g), 0.5),
        "clipped": np.clip(a, -1.0, 1.0),
        "negative": -a + (-i),
        "exponent": exponent,
        "ldexp": np.ldexp(mantissa, (k // 16).astype(np.int32)),
        "integers": np.abs(i) // 10 % 10 + i * i,
        "floor_division": i // 7 + i % 7,
        "chosen": np.where(m & (a < b) | ~m & (a >= b), a, f),
        "selected": np.select([i == 3, i > 100, m ^ (k != 2)], [1, 2, 3], 4),
        "member": np.isin(np.abs(i), (1, 2, 3, 211)) | (i <= -5),
        "finite": np.isfinite(a) & ~np.isnan(f),
        "cast": a.astype(np.float32) + f,
        "truncated": np.clip(b, -100, 100).astype(np.int64) + k.astype(np.int64),
        "positive": np.positive(f, dtype=np.float64) * 1e-300,
        "constant": np.where(m, float("nan"), 1 / 3),
        "infinite": np.where(m, float("-inf"), float("inf")),
        "large": i.astype(np.int64) * 3_000_000_000,
    }


def compiled(function: Any, folder: Path) -> Any:
    """Compile a function of columns; return one that is called with arrays by name."""
    trace = Trace()
    columns = {n: trace.input(f"c_{n}", f"{n}[row]", d) for n, d in COLUMNS.items()}
    outcome = function(columns)
    inputs = ", ".join(f"const {C_TYPES[d]} *{n}" for n, d in COLUMNS.items())
    outputs = ", ".join(f"{C_TYPES[s.dtype.name]} *out_{n}" for n, s in outcome.items())
    stores = [f"out_{n}[row] = {s.name};" for n, s in outcome.items()]
    body = "\n".join(tidy([*trace.lines, *stores]))
    text = (
        f'#include "arithmetic.h"\nvoid run(size_t n, {inputs}, {outputs}) '
        f"{{ for (size_t row = 0; row < n; row++) {{\n{body}\n}} }}\n"
    )
    header = resources.files("lamarr.transpile.trace").joinpath("arithmetic.h").read_text()
    (folder / "arithmetic.h").write_text(header)
    (folder / "run.c").write_text(text)
    visible = [f for f in FLAGS if "visibility" not in f]
    command = [
        *compiler(),
        *visible,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "run.c",
        "-o",
        "run.so",
        "-lm",
    ]
    subprocess.run(command, cwd=folder, check=True)
    library = ctypes.CDLL(str(folder / "run.so"))

    def call(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        n = len(arrays["a"])
        results = {name: np.empty(n, s.dtype) for name, s in outcome.items()}
        pointers = [ctypes.c_void_p(x.ctypes.data) for x in (*arrays.values(), *results.values())]
        library.run(ctypes.c_size_t(n), *pointers)
        return results

    return call


def sample(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-310, 1e300, 0.5, 2.5, -2.5]
    a, b = (rng.normal(size=n) * 10 ** rng.uniform(-8, 8, n) for _ in range(2))
    a[: len(special) ** 2] = np.repeat(special, len(special))
    b[: len(special) ** 2] = np.tile(np.nan_to_num(special, nan=3.0), len(special))
    return {
        "a": a,
        "b": b,
        "f": np.clip(b[::-1], -1e30, 1e30).astype(np.float32),
        "g": rng.normal(size=n).astype(np.float32),
        "i": rng.choice([-2212, -7, -3, 0, 1, 2, 3, 101, 211, 46000], n).astype(np.int32),
        "k": rng.integers(-60, 60, n).astype(np.int8),
        "m": rng.random(n) < 0.5,
    }


def test_every_operation_has_numpys_bits(tmp_path: Path) -> None:
    arrays = sample(5000)
    with np.errstate(all="ignore"):
        expected = everything(arrays)
    for name, got in compiled(everything, tmp_path)(arrays).items():
        want = expected[name]
        assert got.dtype == want.dtype, name
        same = (got == want) | ((got != got) & (want != want))
        if got.dtype.kind == "f" and name not in (
            "least",
            "least_single",
            "clipped",
        ):  # of ±0 either is least
            same &= np.signbit(got) == np.signbit(want)
        nan = np.isnan(want) if got.dtype.kind == "f" else False
        assert (same | nan & np.isnan(got)).all(), (name, got[~same][:5], want[~same][:5])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda c: np.sin(c["a"]), "use 'sin'"),
        (lambda c: c["a"] if c["m"] else c["b"], "whether a value is true"),
        (lambda c: np.cumsum(c["a"]), r"use numpy\.cumsum"),
        (lambda c: np.add.reduce(c["a"]), r"use 'add\.reduce'"),
        (lambda c: c["a"] + np.arange(3.0), "mix columns with arrays"),
        (lambda c: list(c["a"]), "go through the rows"),
    ],
)
def test_what_cannot_be_traced_is_named(function: Any, words: str) -> None:
    trace = Trace()
    columns = {n: trace.input(f"c_{n}", f"{n}[row]", d) for n, d in COLUMNS.items()}
    with pytest.raises(UntraceableError, match=words):
        function(columns)


def test_what_is_used_once_stands_where_it_is_used() -> None:
    trace = Trace()
    a, b = (trace.input(f"c_{n}", f"{n}[row]", "float64") for n in "ab")
    root = np.sqrt(a * a + b**2)
    result = root / (root - 1.0)
    lines = tidy([*trace.lines, f"out[row] = {result.name};"])
    assert lines == [
        "const double c_a = a[row];",
        "const double c_b = b[row];",
        "const double t5 = lamarr_sqrt((c_a * c_a) + (c_b * c_b));",
        "out[row] = t5 / (t5 - 1.0);",
    ]
    assert max(map(len, tidy(trace.lines))) <= 96

"""Writes the C of a library: models to functions, one per layer, and the table of their constants.

The same models give the same text, byte for byte. ``NAME.c`` is compiled once for every level of the
instruction set; ``NAME_entry.c`` chooses the level at run time, and holds table and card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from lamarr.errors import ModelError
from lamarr.random import normal_table
from lamarr.transpile.c.body import body, template
from lamarr.transpile.c.pack import Table
from lamarr.transpile.graph import Graph
from lamarr.transpile.model import Model

__all__ = ["ABI", "FEATURES", "Source", "emit"]

ABI = 1
"""Version of the interface of generated libraries, in their cards."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files of a library: name → content.

    ``NAME.c`` is compiled for every level, the files `once` a single time. The table of normal numbers is
    `normal_at` floats into the table of constants.
    """

    name: str
    files: dict[str, bytes]
    once: tuple[str, ...]
    normal_at: int = 0


def _kernels() -> dict[str, bytes]:
    folder = resources.files(__package__).joinpath("kernels")
    return {
        f.name: f.read_bytes()
        for f in sorted(folder.iterdir(), key=lambda f: f.name)
        if f.name.endswith(".h")
    }


def _card(models: Sequence[Model]) -> dict[str, Any]:
    return {
        "abi": ABI,
        "models": [
            {
                "name": m.name,
                "inputs": list(m.inputs),
                "outputs": list(m.outputs),
                "n_noise": m.n_noise,
                "ranges": {k: list(v) for k, v in m.ranges.items()},
                "multiplications": m.graph.multiplications,
                "card": m.card,
            }
            for m in models
        ],
    }


def _literal(text: str) -> str:
    """Write a text as C string literals, in lines; bytes beyond ASCII as octal escapes."""
    escaped = "".join(
        "\\" + c if c in '"\\' else c if " " <= c <= "~" else "".join(f"\\{b:03o}" for b in c.encode())
        for c in text
    )
    pieces = re.findall(r"(?:\\[0-7]{3}|\\.|[^\\]){1,90}", escaped.replace("??", "?\\?"))
    return "\n".join(f'  "{p}"' for p in pieces)


def _used_inputs(graph: Graph, name: str) -> None:
    if "x" not in graph.inputs:
        raise ModelError(f"model '{name}' has no input columns, which the C back end needs")


def emit(
    models: Sequence[Model],
    name: str,
    *,
    levels: Sequence[str] = ("generic",),
    about: Mapping[str, Any] | None = None,
) -> Source:
    """Return the C files of a library of `models` called `name`.

    Parameters
    ----------
    levels : sequence of str
        Levels of the instruction set, lowest first: ``x86_64_v2``, ``x86_64_v3``, ``x86_64_v4``, or
        ``generic``.
    about : mapping, optional
        What the card of the library says besides.

    Raises
    ------
    ModelError
        If a name is no C identifier, or a model has an operator that C does not know.
    """
    for each in (name, *(m.name for m in models)):
        if not re.fullmatch(r"[A-Za-z_]\w*", each):
            raise ModelError(f"a model or library must have a name that C can use, but got '{each}'")
    for m in models:
        _used_inputs(m.graph, m.name)
    table, weights = Table(), f"{name}_weights"
    normal_at = table.add(normal_table())
    bodies = [body(m, table, weights) for m in models]
    entries = [_entry(m, levels) for m in models]
    files = {
        f"{name}.h": template("library.h").substitute(
            name=name, guard=f"LAMARR_{name.upper()}_H", functions="\n".join(_header(m) for m in models)
        ),
        f"{name}.c": template("library.c").substitute(
            name=name, weights=weights, normal_at=normal_at, models="\n".join(bodies)
        ),
        f"{name}_entry.c": template("entry.c").substitute(
            name=name,
            weights=weights,
            choose=_chooser(levels),
            entries="\n".join(entries),
            card=_literal(json.dumps({**_card(models), **(about or {})}, sort_keys=True, ensure_ascii=False)),
        ),
    }
    contents = {k: v.encode() for k, v in files.items()}
    return Source(
        name=name,
        files={**contents, "weights.bin": table.to_bytes(), **_kernels()},
        once=(f"{name}_entry.c",),
        normal_at=normal_at,
    )


_SEEDED = (
    "size_t n, const float *x, const uint32_t *event, const uint32_t *particle, "
    "uint64_t seed, uint32_t stage, float *y"
)
_FUNCTIONS = {
    # suffix: (result, declared arguments, passed arguments), with and without noise
    "_batch": ("int", "size_t n, const float *x, const float *noise, float *y", "n, x, noise, y"),
    "_seeded": (
        "int",
        _SEEDED,
        "n, x, event, particle, seed, stage, y",
    ),
}


def _signatures(model: Model) -> list[tuple[str, str, str, str]]:
    """Functions of a model: result, name, declared arguments, passed arguments."""
    batch = [
        (r, model.name + s, a, p) for s, (r, a, p) in _FUNCTIONS.items() if s == "_batch" or model.n_noise
    ]
    random = (", const float *random", ", random") if model.n_noise else ("", "")
    plug_in = ("float *", model.name, f"float *out, const float *in{random[0]}", f"out, in{random[1]}")
    return [*batch, plug_in]


def _join(result: str, name: str, arguments: str) -> str:
    return f"{result}{'' if result.endswith('*') else ' '}{name}({arguments})"


def _entry(model: Model, levels: Sequence[str]) -> str:
    lines = []
    for result, name, arguments, passed in _signatures(model):
        lines += [f"{_join(result, f'{name}_{level}', arguments)};" for level in levels]
        cases = [f"  if (level == {i}) return {name}_{v}({passed});" for i, v in enumerate(levels) if i]
        choice = ["  const int level = lamarr_choose();", *cases] if cases else []
        body = "\n".join([*choice, f"  return {name}_{levels[0]}({passed});"])
        lines += [f"PUBLIC {_join(result, name, arguments)} {{\n{body}\n}}\n"]
    return "\n".join(lines)


def _header(model: Model) -> str:
    columns = (
        f"/* {model.name}\n"
        f" * in  ({len(model.inputs)}): {', '.join(model.inputs)}\n"
        f" * out ({len(model.outputs)}): {', '.join(model.outputs)}\n"
        f" * N(0, 1) numbers per row: {model.n_noise}\n */"
    )
    return "\n".join([columns, *(f"{_join(r, n, a)};" for r, n, a, _ in _signatures(model))])


FEATURES = {
    "x86_64_v4": ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
    "x86_64_v3": ("avx2", "fma", "bmi1", "bmi2"),
}
"""What a processor must have for a level, in the words of Linux."""


def _chooser(levels: Sequence[str]) -> str:
    if len(levels) == 1:
        return ""
    lines = ["static int lamarr_choose(void) {", "  __builtin_cpu_init();"]
    for i, level in reversed(list(enumerate(levels))):
        if i:
            tests = " && ".join(
                f'__builtin_cpu_supports("{f.replace("bmi1", "bmi")}")' for f in FEATURES[level]
            )
            lines.append(f"  if ({tests}) return {i};")
    return "\n".join([*lines, "  return 0;", "}"])

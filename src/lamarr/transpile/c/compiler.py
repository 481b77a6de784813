"""Finds the C compiler, and compiles sources to shared libraries.

A library is compiled in a folder of its own and moved into place at once. Behind its last byte it carries
its SHA-256 (loaders ignore it), which shows a damaged file.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from lamarr.errors import ModelError
from lamarr.transpile.c.emit import FEATURES, Source

__all__ = [
    "CompilerError",
    "build",
    "compiler",
    "identity_of",
    "levels_of_machine",
    "levels_of_target",
    "seal_of",
]

FLAGS = (
    "-std=gnu11",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-Wno-psabi",
)
_MARCH = {"x86_64_v2": "x86-64-v2", "x86_64_v3": "x86-64-v3", "x86_64_v4": "x86-64-v4"}


SEAL = b"LAMARR-SHA256:"


class CompilerError(ModelError):
    """There is no C compiler, or it failed."""


def compiler() -> list[str]:
    """Return the command of the C compiler: ``LAMARR_CC``, ``CC``, or the first of cc, gcc, clang found.

    Raises
    ------
    CompilerError
        If there is none.
    """
    for variable in ("LAMARR_CC", "CC"):
        if command := shlex.split(os.environ.get(variable, "")):
            if shutil.which(command[0]) is None:
                raise CompilerError(f"{variable} names the compiler '{command[0]}', which is not on the path")
            return command
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    raise CompilerError("no C compiler (cc, gcc or clang) is on the path: install one, or set LAMARR_CC")


@cache
def identity_of(command: tuple[str, ...]) -> str:
    """Return what a compiler says of its version."""
    try:
        result = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError as error:
        raise CompilerError(f"the C compiler {command[0]} cannot be started: {error}") from error
    return result.stdout


def levels_of_target(machine: str | None = None) -> tuple[str, ...]:
    """Levels of the instruction set that one library holds for a machine (default: this one)."""
    return tuple(_MARCH) if (machine or platform.machine()) in ("x86_64", "AMD64") else ("generic",)


@cache
def levels_of_machine() -> tuple[str, ...]:
    """Return the one level that fits this machine's processor best; all of them where that is not known."""
    levels = levels_of_target()
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return levels
    flags = set(next((line for line in text.splitlines() if line.startswith("flags")), "").split())
    fitting = [v for v in levels if v in FEATURES and flags.issuperset(FEATURES[v])]
    return (fitting[-1],) if fitting else levels[:1]


def _run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        said = (result.stderr or result.stdout).strip()
        raise CompilerError(
            f"the C compiler failed with status {result.returncode}: {shlex.join(command)}\n{said}"
        )


def build(
    source: Source,
    library: Path,
    *,
    levels: tuple[str, ...],
    flags: tuple[str, ...] = (),
    soname: str | None = None,
) -> Path:
    """Compile `source` (emitted for the same `levels`) to the shared library `library`.

    With a `soname` programs that are linked to it look for that name.

    Raises
    ------
    CompilerError
        If there is no compiler, or it fails; its own message is in the text.
    """
    cc = compiler()
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=library.parent) as name:
        folder = Path(name)
        for file, content in source.files.items():
            (folder / file).write_bytes(content)
        once = [f"{Path(file).stem}.o" for file in source.once]
        commands = [
            [*cc, *FLAGS, *flags, "-c", file, "-o", made]
            for file, made in zip(source.once, once, strict=True)
        ]
        for level in levels:
            march = [f"-march={_MARCH[level]}"] if level in _MARCH else []
            arguments = [f"-DLAMARR_LEVEL={level}", "-c", f"{source.name}.c", "-o", f"{level}.o"]
            commands.append([*cc, *FLAGS, *march, *flags, *arguments])
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            list(pool.map(lambda command: _run(command, folder), commands))
        objects = [*(f"{level}.o" for level in levels), *once]
        _run([*cc, *flags, "-shared", *_link_flags(soname), *objects, "-o", "library.so", "-lm"], folder)
        _seal(folder / "library.so")
        os.replace(folder / "library.so", library)  # noqa: PTH105
    return library


def _link_flags(soname: str | None) -> list[str]:
    if platform.system() != "Linux":
        return []
    return ["-Wl,-z,noexecstack", "-Wl,-s", *([f"-Wl,-soname,{soname}"] if soname else [])]


def _seal(library: Path) -> None:
    content = library.read_bytes()
    library.write_bytes(content + SEAL + hashlib.sha256(content).hexdigest().encode())


def seal_of(library: Path) -> bool | None:
    """Whether a library is as it was compiled; None if it carries no seal (it may be somebody else's)."""
    content = library.read_bytes()
    body, mark, digest = content[: -64 - len(SEAL)], content[-64 - len(SEAL) : -64], content[-64:]
    if mark != SEAL:
        return None
    return hashlib.sha256(body).hexdigest().encode() == digest

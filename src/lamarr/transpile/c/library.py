"""Opens shared libraries, after looking at what can be seen without running them."""

from __future__ import annotations

import ctypes
import json
import platform
from pathlib import Path
from typing import Any

from lamarr.errors import ModelError, near_misses
from lamarr.transpile.c.compiler import seal_of
from lamarr.transpile.c.elf import check_elf, exported_names
from lamarr.transpile.c.emit import ABI

__all__ = ["card_of", "open_library", "symbol_of"]


def check_library(path: Path) -> None:
    """Look at the file of a library.

    Raises
    ------
    ModelError
        If it does not exist, is truncated or damaged, or is for another architecture.
    """
    if not path.is_file():
        raise ModelError(f"there is no library {path}")
    with path.open("rb") as file:
        head = file.read(64)
    if platform.system() == "Linux":
        if head[:4] != b"\x7fELF":
            raise ModelError(f"{path} must be a shared library (ELF), but starts with {head[:4]!r}")
        check_elf(path, head, path.stat().st_size)
    if seal_of(path) is False:
        raise ModelError(f"{path} is damaged: its content does not have the SHA-256 that it carries")


def open_library(path: Path | str) -> ctypes.CDLL:
    """Open a shared library; its functions run without Python's lock.

    Raises
    ------
    ModelError
        If it is missing, truncated, damaged, for another architecture, or lacks what it links to.
    """
    file = Path(path).resolve()
    check_library(file)
    try:
        return ctypes.CDLL(str(file))
    except OSError as error:
        raise ModelError(f"the library {file} cannot be loaded: {error}") from error


def symbol_of(library: ctypes.CDLL, name: str) -> Any:
    """Return a function of a library.

    Raises
    ------
    ModelError
        If the library does not export it; near misses are named.
    """
    try:
        return getattr(library, name)
    except AttributeError:
        known = exported_names(Path(library._name))
        found = near_misses(name, known) or sorted(known)[:10]
        hint = f"; it exports {', '.join(found)}" if found else ""
        raise ModelError(f"the library {library._name} has no symbol '{name}'{hint}") from None


def card_of(library: ctypes.CDLL) -> dict[str, Any]:
    """Return the card (symbol ``lamarr_card``) of a library that Lamarr compiled.

    Raises
    ------
    ModelError
        If there is none, or it is of a newer version.
    """
    try:
        text = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, "lamarr_card")))
        card: dict[str, Any] = json.loads(text)
        abi = int(card["abi"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the library {library._name} has no card that Lamarr can read: {error}") from error
    if abi > ABI:
        raise ModelError(
            f"the library {library._name} has interface version {abi}, this Lamarr reads up to {ABI}:"
            " update lamarr"
        )
    return card

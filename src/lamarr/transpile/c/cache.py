"""The cache of compiled libraries: found by what they hold, compiled on first use.

``NAME-CONTENT-COMPILER.so``: CONTENT is a digest of sources, flags and target, COMPILER one of the compiler
and its version. So a machine without a compiler finds what another one, or ``lamarr compile --all`` in an
image, has put there. A library is compiled in a folder of its own and moved into place at once, so that two
processes do no harm; a damaged one is compiled anew, never loaded.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lamarr.errors import ConfigurationError
from lamarr.transpile.c.compiler import (
    FLAGS,
    CompilerError,
    build,
    compiler,
    identity_of,
    levels_of_machine,
    levels_of_target,
    seal_of,
)
from lamarr.transpile.c.emit import Source

__all__ = ["CachedLibrary", "build_cached", "cache_folder", "cached_libraries", "clear_cache", "from_cache"]

_log = logging.getLogger(__name__)
_NAME = re.compile(r"(?P<name>\w+)-(?P<content>[0-9a-f]{24})-(?P<compiler>[0-9a-f]{8})\.so")


def cache_folder() -> Path:
    """Return the folder of compiled libraries: ``LAMARR_CACHE``, or lamarr in the user's cache (XDG)."""
    if own := os.environ.get("LAMARR_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "lamarr"


@dataclass(frozen=True, kw_only=True)
class CachedLibrary:
    """A library in the cache: its file, the name it was emitted with, and its size in bytes."""

    path: Path
    name: str
    size: int


def cached_libraries() -> list[CachedLibrary]:
    """Return what the cache holds, in the order of names."""
    folder = cache_folder()
    found = [(p, _NAME.fullmatch(p.name)) for p in sorted(folder.glob("*.so"))] if folder.is_dir() else []
    return [CachedLibrary(path=p, name=m["name"], size=p.stat().st_size) for p, m in found if m]


def clear_cache() -> list[CachedLibrary]:
    """Remove all libraries from the cache; processes that run them are not disturbed.

    Raises
    ------
    ConfigurationError
        If one cannot be removed.
    """
    libraries = cached_libraries()
    for library in libraries:
        try:
            library.path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{library.path} cannot be removed from the cache: {error}") from error
    return libraries


def _digest(parts: Sequence[bytes], size: int) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:size]


def _content_key(source: Source, levels: tuple[str, ...], flags: tuple[str, ...]) -> str:
    texts = (*FLAGS, *flags, "levels", *levels, platform.system(), platform.machine())
    files = [part for name, content in sorted(source.files.items()) for part in (name.encode(), content)]
    return _digest([*(t.encode() for t in texts), *files], 24)


def _compiler_key() -> str:
    command = compiler()
    return _digest([*(c.encode() for c in command), identity_of(tuple(command)).encode()], 8)


def _intact(library: Path) -> bool:
    try:
        return seal_of(library) is True
    except OSError:
        return False


def _newest(stem: str) -> Path | None:
    folder = cache_folder()
    fitting = [p for p in folder.glob(f"{stem}-*.so") if _NAME.fullmatch(p.name) and _intact(p)]
    return max(fitting, key=lambda p: p.stat().st_mtime, default=None)


def build_cached(source: Source, *, levels: tuple[str, ...], flags: tuple[str, ...] = ()) -> Path:
    """Return the library of `source` from the cache, compiling it first where it is not there.

    Without a compiler, what another compiler has made of the same sources serves as well.

    Raises
    ------
    CompilerError
        If the library is not there, and there is no compiler or it fails.
    ConfigurationError
        If the folder of the cache cannot be written.
    """
    folder = cache_folder()
    stem = f"{source.name}-{_content_key(source, levels, flags)}"
    try:
        library = folder / f"{stem}-{_compiler_key()}.so"
    except CompilerError:
        if found := _newest(stem):
            return found
        raise
    if _intact(library):
        return library
    _log.info("compiling %s to C, once; the library is kept in %s", source.name, folder)
    try:
        return build(source, library, levels=levels, flags=flags)
    except OSError as error:
        raise ConfigurationError(
            f"the cache {folder} must be writable, but: {error}; LAMARR_CACHE names another folder"
        ) from error


def from_cache(emitted: Callable[[tuple[str, ...]], Source]) -> Path:
    """Return a library for this machine: for its own level of the instruction set, or for all levels.

    Where the cache holds one for all levels (made by ``lamarr compile --all``), that is taken; else one for
    this machine's level is compiled.

    Parameters
    ----------
    emitted : callable
        Gives the source for levels of the instruction set.

    Raises
    ------
    CompilerError, ConfigurationError
        See :func:`build_cached`.
    """
    everywhere, here = levels_of_target(), levels_of_machine()
    if everywhere != here:
        source = emitted(everywhere)
        if found := _newest(f"{source.name}-{_content_key(source, everywhere, ())}"):
            return found
    return build_cached(emitted(here), levels=here)

"""Models as a shared library with its header, for other programs: in batches, or through LHCb's plug-ins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lamarr.errors import OutputFileError
from lamarr.transpile.c.compiler import build, levels_of_target
from lamarr.transpile.c.emit import emit
from lamarr.transpile.model import Model

__all__ = ["write_library"]


def write_library(models: Sequence[Model], path: Path | str, *, force: bool = False) -> tuple[Path, Path]:
    """Compile models to ``libNAME.so`` for every processor of this architecture; write NAME.h beside it.

    Parameters
    ----------
    models : sequence of Model
        Models with different names that C can use.
    path : path
        The library; its name without ``lib`` and suffix names the library in C.
    force : bool
        Replace files that exist.

    Returns
    -------
    tuple of Path
        Library and header.

    Raises
    ------
    OutputFileError
        If one of them exists, or the folder cannot be written.
    ModelError
        If a name is none in C, or a model cannot be written in C.
    CompilerError
        If there is no C compiler, or it fails.
    """
    library = Path(path)
    name = library.name.partition(".")[0].removeprefix("lib")
    header = library.with_name(f"{name}.h")
    for file in (library, header):
        if file.exists() and not force:
            raise OutputFileError(f"'{file}' exists already; --force replaces it")
    levels = levels_of_target()
    source = emit(models, name, levels=levels)
    try:
        build(source, library, levels=levels)
        header.write_bytes(source.files[f"{name}.h"])
    except OSError as error:
        raise OutputFileError(f"'{library}' cannot be written: {error.strerror}") from error
    return library, header

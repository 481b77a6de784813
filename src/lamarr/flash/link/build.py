"""From a pipeline to ``libNAME.so``, its headers and its pkg-config file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from lamarr.errors import ConfigurationError, OutputFileError
from lamarr.flash.configuration import OFF, load_configuration
from lamarr.flash.link.program import emit_pipeline
from lamarr.flash.link.stage import template

__all__ = ["compile_pipeline"]

_LIBRARY = re.compile(r"lib(?P<name>[A-Za-z]\w*)\.(so|dylib)")


def compile_pipeline(
    configuration: str | Path | None, library: str | Path, *, force: bool = False
) -> list[Path]:
    """Compile a pipeline to a library that C and C++ programs link to; return the files written.

    Parameters
    ----------
    configuration : str or Path, optional
        YAML file of a pipeline, or a set by name or folder; default: the default pipeline. The ECAL is
        compiled by none of them: it is left out where it is not asked for.
    library : str or Path
        ``…/libNAME.so``. Beside it come ``NAME.h``, ``NAME_models.h`` (the models one by one, among others
        as LHCb's plug-ins) and ``NAME.pc`` for pkg-config.
    force : bool
        Replace files that exist.

    Raises
    ------
    ConfigurationError
        If the name of the library is not of that form.
    OutputFileError
        If a file exists and `force` is not set, or the folder cannot be written.
    PipelineError, ModelError
        If a stage or a model cannot be compiled.
    CompilerError
        If there is no compiler, or it fails.
    """
    from lamarr._version import __version__
    from lamarr.transpile.c.compiler import build, levels_of_target

    path = Path(library)
    match = _LIBRARY.fullmatch(path.name)
    if match is None:
        raise ConfigurationError(
            f"a library must be called libNAME.so, NAME an identifier, but got '{path.name}'"
        )
    name = match["name"]
    files = [path, *(path.with_name(f) for f in (f"{name}.h", f"{name}_models.h", f"{name}.pc"))]
    for file in files:
        if file.exists() and not force:
            raise OutputFileError(f"{file} exists: choose another name, or replace it with --force")
    chosen = load_configuration(configuration, backend="numpy")
    if chosen.stages is None and chosen.ecal is None:
        chosen = replace(chosen, ecal=OFF)  # objects of the ECAL know of each other: no row stage
    pipeline = chosen.build()
    levels = levels_of_target()
    source = emit_pipeline(pipeline, name, levels=levels)
    title = f"{configuration or 'the default pipeline'}"
    package = template("package.pc").substitute(name=name, title=title, version=__version__)
    try:
        build(source, path, levels=levels, soname=path.name)
        for file in files[1:3]:
            file.write_bytes(source.files[file.name])
        files[3].write_text(package, encoding="utf-8")
    except OSError as error:
        raise OutputFileError(f"{path.parent} must be a folder that can be written, but: {error}") from error
    return files
